//! Figures of the village's board: `scripts/bench board [--json]`.
//!
//! Each row is one thing that somebody waits for, with its bar. A figure beyond its bar is printed
//! with “!”, and the exit code is 1.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a bench"
)]

mod directions;
mod paper;

use std::time::{Duration, Instant};

/// A measured thing.
pub struct Figure {
    /// Name of the row.
    pub name: &'static str,
    /// The times that it took, sorted.
    pub times: Vec<Duration>,
    /// The most that 99 of 100 may take.
    pub most: Duration,
}

/// Measures work that is done again and again.
pub fn measure(
    name: &'static str,
    rounds: usize,
    most: Duration,
    mut work: impl FnMut(usize),
) -> Figure {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|round| {
            let start = Instant::now();
            work(round);
            start.elapsed()
        })
        .collect();
    times.sort();
    Figure { name, times, most }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn main() {
    let is_json = std::env::args().any(|word| word == "--json");
    let mut figures = directions::figures();
    figures.extend(paper::figures());
    let mut is_slow = false;
    for figure in &figures {
        let at = |part: usize| figure.times[(figure.times.len() - 1) * part / 100];
        let (p50, p99) = (ms(at(50)), ms(at(99)));
        let is_over = at(99) > figure.most;
        is_slow |= is_over;
        if is_json {
            let row = serde_json::json!({
                "name": figure.name, "p50_ms": p50, "p99_ms": p99, "bar_ms": ms(figure.most),
            });
            println!("{row}");
        } else {
            let mark = if is_over { "!" } else { " " };
            println!(
                "{mark} {:<44} p50 {p50:>8.2} ms   p99 {p99:>8.2} ms   bar {:>6.0} ms",
                figure.name,
                ms(figure.most)
            );
        }
    }
    std::process::exit(i32::from(is_slow));
}
