// Panics in a thread that main joins: the debuggee for the stop on a Rust panic.
use std::thread;

fn divide(a: i32, b: i32) -> i32 {
    a / b
}

fn main() {
    let worker = thread::spawn(|| divide(1, std::env::args().count() as i32 - 1));
    println!("joined: {}", worker.join().is_ok());
}
