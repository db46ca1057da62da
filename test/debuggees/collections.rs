// Rust's collections in locals: Vec, String, HashMap, Option, an enum and a struct, grown by one in each round.
use std::collections::HashMap;

#[derive(Debug, Clone)]
enum Shape {
    Circle { radius: f64 },
    Square(f64),
}

#[derive(Debug)]
struct Round {
    number: u32,
    note: Option<String>,
}

fn area(shape: &Shape) -> f64 {
    match shape {
        Shape::Circle { radius } => 3.0 * radius * radius,
        Shape::Square(side) => side * side,
    }
}

fn main() {
    let mut numbers: Vec<i32> = Vec::new();
    let mut names: HashMap<String, i32> = HashMap::new();
    let mut text = String::from("round");
    let mut total = 0.0;
    for number in 1..=5u32 {
        let shape = if number % 2 == 0 {
            Shape::Square(number as f64)
        } else {
            Shape::Circle { radius: number as f64 }
        };
        let round = Round { number, note: if number > 2 { Some(format!("note {number}")) } else { None } };
        numbers.push(number as i32 * 10);
        names.insert(format!("n{number}"), number as i32);
        text.push_str(&format!(" {number}"));
        total += area(&shape);
        println!("{text}: {:?} {:?} {}", round.number, round.note, numbers.len()); // @round
    }
    println!("total {total} of {} names", names.len()); // @end
}
