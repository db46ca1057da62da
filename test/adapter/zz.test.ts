import { Sessions } from '../support/sessions';
describe('t',()=>{ const sessions = new Sessions(); afterEach(()=>sessions.end());
 for (const i of [1,2,3]) it('x'+i, async()=>{ const t0=performance.now();
  const s = await sessions.launch('playground',['hits']); const t1=performance.now();
  (s.client as any).__t=t0;
  await s.runTo('@hit'); const t2=performance.now(); await sessions.end(); const t3=performance.now();
  console.log('launch',t1-t0,'run',t2-t1,'end',t3-t2);
 });});
