// Turns what a terminal's debuggee writes into text for the debug console: UTF-8 and line ends across chunk borders.
// Pure; must not know where the bytes come from.
import { StringDecoder } from 'node:string_decoder';

export class OutputText {
  private readonly decoder = new StringDecoder('utf8');
  private heldReturn = false;

  /** Text of the bytes so far, with `\r\n` as `\n`; what may go on in the next chunk is held back. */
  add(bytes: Buffer): string {
    let text = (this.heldReturn ? '\r' : '') + this.decoder.write(bytes);
    this.heldReturn = text.endsWith('\r');
    if (this.heldReturn) {
      text = text.slice(0, -1);
    }
    return text.replaceAll('\r\n', '\n');
  }

  /** What was held back. */
  end(): string {
    const text = (this.heldReturn ? '\r' : '') + this.decoder.end();
    this.heldReturn = false;
    return text;
  }
}
