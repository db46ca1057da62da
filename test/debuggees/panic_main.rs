// Panics in main, unless `divisor` is changed in time: ends with exit code 101.
fn main() {
    let mut divisor = std::env::args().count() as i32 - 1;
    std::hint::black_box(&mut divisor); // lives in memory, where a debugger can change it
    println!("before the panic"); // @before
    println!("result: {}", 10 / divisor);
}
