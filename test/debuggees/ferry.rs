// A ferry: at each of four ports passengers come aboard, while a thread that lives for that call rings the bell.
// On the way to the last port it waits until the file that its first argument names exists; then it is late.
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const PORTS: [&str; 4] = ["Aarhus", "Bergen", "Cuxhaven", "Dover"];

static RUNG: AtomicU32 = AtomicU32::new(0);

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

fn ring(port: usize, leaving: &AtomicBool) {
    let strokes = port as u32 + 1;
    while !leaving.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
    }
    RUNG.fetch_add(strokes, Ordering::SeqCst);
}

fn call_at(ferry: &mut Ferry, port: &str, boarding: i64) {
    ferry.aboard += boarding;
    ferry.called_at.push(port.to_string());
    println!("{port}: {} aboard", ferry.aboard); // @port
}

fn main() {
    let gate = std::env::args().nth(1).expect("the file to wait for");
    let mut ferry = Ferry { aboard: 0, late: false, called_at: Vec::new() };
    for (number, port) in PORTS.iter().enumerate() {
        if number == 3 {
            wait_for(&gate);
            ferry.late = true; // @late
        }
        let leaving = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| ring(number, &leaving));
            call_at(&mut ferry, port, number as i64 * 10 + 5);
            leaving.store(true, Ordering::SeqCst);
        });
    }
    println!("rung {} times", RUNG.load(Ordering::SeqCst)); // @home
}
