// A ferry: at each of four ports passengers come aboard, while a thread that lives for that call tolls a bell.
// On the way to the last port it waits until the file that its first argument names exists; then it is late.
// With a port of this machine as its second argument it tells whoever listens there which port it leaves.
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

const PORTS: [&str; 4] = ["Aarhus", "Bergen", "Cuxhaven", "Dover"];

static TOLLED: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Ferry {
    aboard: i64,
    late: bool,
    called_at: Vec<String>,
}

fn wait_for(gate: &str) {
    while !Path::new(gate).exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn toll(bell: &Barrier) {
    bell.wait();
    bell.wait();
}

fn ring(port: u32, bell: &Barrier, leaving: &AtomicBool) {
    let mut strokes = port * 10;
    loop {
        bell.wait();
        if leaving.load(Ordering::SeqCst) {
            break;
        }
        strokes += 1;
        TOLLED.store(strokes, Ordering::SeqCst);
        bell.wait();
    }
}

fn call_at(ferry: &mut Ferry, port: &str, boarding: i64, bell: &Barrier) {
    toll(bell);
    ferry.aboard += boarding; // @boarding
    toll(bell);
    ferry.called_at.push(port.to_string());
    println!("{port}: {} aboard", ferry.aboard); // @port
}

fn main() {
    let gate = std::env::args().nth(1).expect("the file to wait for");
    let mut radio = std::env::args().nth(2).map(|port| TcpStream::connect(format!("127.0.0.1:{port}")).expect("somebody listens"));
    let mut ferry = Ferry { aboard: 0, late: false, called_at: Vec::new() };
    for (number, port) in PORTS.iter().enumerate() {
        if number == 3 {
            wait_for(&gate);
            ferry.late = true; // @late
        }
        let bell = Barrier::new(2);
        let leaving = AtomicBool::new(false);
        thread::scope(|scope| {
            let ringer = scope.spawn(|| ring(number as u32, &bell, &leaving));
            call_at(&mut ferry, port, number as i64 * 10 + 5, &bell);
            leaving.store(true, Ordering::SeqCst);
            bell.wait();
            // The scope alone waits for the end of `ring`, not for that of its thread.
            ringer.join().expect("it rings to the end");
        });
        if let Some(radio) = &mut radio {
            writeln!(radio, "left {port}").expect("somebody listens");
        }
    }
    println!("tolled {}", TOLLED.load(Ordering::SeqCst));
}
