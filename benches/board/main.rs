//! Figures of the village's board: `scripts/bench board [--quick] [--json]`.
//!
//! Each row is one thing that somebody waits for, with its bar. A figure beyond its bar is printed
//! with “!”, and the exit code is 1. Ways and sheets are measured in this process; the search, the
//! page of a notice and uploads over HTTP, in a gateway that runs as it is shipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a bench"
)]

mod directions;
mod house;
mod paper;
mod served;
mod uploads;

use std::time::{Duration, Instant};

use self::house::House;

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Bar {
    /// At most this, in the figure's unit.
    AtMost(f64),
    /// There is none: it is told and judged by people.
    None,
}

/// A measured thing.
pub struct Figure {
    /// Name of the row.
    pub name: String,
    /// The middle, or the one figure.
    pub value: f64,
    /// What 99 of 100 do not exceed; none = it is one figure.
    pub p99: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// The bar, for `p99` where there is one.
    pub bar: Bar,
}

impl Figure {
    /// One figure.
    pub fn one(name: impl Into<String>, value: f64, unit: &'static str, bar: Bar) -> Self {
        Self {
            name: name.into(),
            value,
            p99: None,
            unit,
            bar,
        }
    }

    /// Times in milliseconds, of which 99 in 100 may take so long.
    pub fn times(name: impl Into<String>, mut times: Vec<Duration>, most: Duration) -> Self {
        times.sort();
        let at = |part: usize| ms(times[(times.len() - 1) * part / 100]);
        Self {
            name: name.into(),
            value: at(50),
            p99: Some(at(99)),
            unit: "ms",
            bar: Bar::AtMost(ms(most)),
        }
    }

    fn is_over(&self) -> bool {
        let judged = self.p99.unwrap_or(self.value);
        matches!(self.bar, Bar::AtMost(most) if judged > most)
    }

    fn print(&self, is_json: bool) {
        let bar = match self.bar {
            Bar::AtMost(most) => Some(most),
            Bar::None => None,
        };
        if is_json {
            let row = serde_json::json!({
                "name": self.name, "value": self.value, "p99": self.p99, "unit": self.unit,
                "bar": bar,
            });
            println!("{row}");
            return;
        }
        let mark = if self.is_over() { "!" } else { " " };
        let p99 = self.p99.map(|p99| format!("p99 {p99:>9.2}"));
        let bar = bar.map(|bar| format!("bar {bar:>6.0}"));
        println!(
            "{mark} {:<52} {:>9.2}   {:<13}   {:<10} {}",
            self.name,
            self.value,
            p99.unwrap_or_default(),
            bar.unwrap_or_default(),
            self.unit,
        );
    }
}

/// The times of work that is done again and again.
pub fn times(rounds: usize, mut work: impl FnMut(usize)) -> Vec<Duration> {
    (0..rounds)
        .map(|round| {
            let start = Instant::now();
            work(round);
            start.elapsed()
        })
        .collect()
}

/// Measures work that is done again and again.
pub fn measure(name: &str, rounds: usize, most: Duration, work: impl FnMut(usize)) -> Figure {
    Figure::times(name, times(rounds, work), most)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn main() {
    let has = |flag: &str| std::env::args().any(|word| word == flag);
    let (is_json, is_quick) = (has("--json"), has("--quick"));
    let mut is_slow = false;
    let mut tell = |figures: Vec<Figure>| {
        for figure in figures {
            is_slow |= figure.is_over();
            figure.print(is_json);
        }
    };
    tell(directions::figures());
    tell(paper::figures());
    let house = House::start();
    tell(served::figures(&house, is_quick));
    tell(uploads::figures(&house, is_quick));
    drop(house);
    std::process::exit(i32::from(is_slow));
}
