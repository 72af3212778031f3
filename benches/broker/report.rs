//! From runs to a table: medians, paired ratios, and the difference below which two brokers are
//! equal.
//!
//! Invariants: ours is compared with Mosquitto of the same round only; Mosquitto against itself (A
//! and B of each round, in both directions, because the letters mean nothing) is the spread, and a
//! median ratio inside it is a tie, whatever it looks like. rumqttd stands beside them with a ratio
//! and no verdict: it has no permissions, stores nothing, and is not run against itself.
//! Deliberately absent: averages, outliers thrown away, any bar to pass: figures are for people.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Which values of a figure are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
    /// As little as possible, ever: the worst run counts, not the median.
    Never,
    /// Neither: it is there to judge the others by.
    Aside,
}

/// One figure of one run.
#[derive(Debug, Clone)]
pub struct Figure {
    name: String,
    unit: &'static str,
    better: Better,
    value: f64,
}

/// The figures of one run of one test.
#[derive(Debug, Clone, Default)]
pub struct Report {
    figures: Vec<Figure>,
    notes: BTreeSet<String>,
}

impl Report {
    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, better: Better) {
        self.figures.push(Figure {
            name: name.into(),
            unit,
            better,
            value,
        });
    }

    pub fn more(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::More);
    }

    pub fn less(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Less);
    }

    pub fn never(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Never);
    }

    pub fn aside(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, value, unit, Better::Aside);
    }

    /// Median and 99th percentile of microseconds.
    pub fn latency(&mut self, name: &str, mut values: Vec<f64>) {
        self.less(format!("{name}, p50"), quantile(&mut values, 0.5), "µs");
        self.less(format!("{name}, p99"), quantile(&mut values, 0.99), "µs");
    }

    /// A sentence that a reader of the figures must know.
    pub fn note(&mut self, note: String) {
        self.notes.insert(note);
    }
}

/// The value below which the share `q` of all lies; not a number when there is none.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 {
        f64::NAN
    } else {
        f64::midpoint(values[(n - 1) / 2], values[n / 2])
    }
}

/// The brokers of a round, by their place in it.
pub const WHO: [&str; 5] = [
    "ours",
    "Mosquitto A",
    "Mosquitto B",
    "rumqttd",
    "rumqttd, best",
];

/// One round of a test: a report of each of [`WHO`]; one without figures = it did not take part.
pub type Round = [Report; WHO.len()];

/// A figure over all rounds.
pub struct Row {
    pub name: String,
    unit: &'static str,
    better: Better,
    runs: [Vec<f64>; WHO.len()],
}

/// All figures of a test over its rounds, and its notes.
pub fn rows(rounds: &[Round]) -> (Vec<Row>, BTreeSet<String>) {
    let first = rounds
        .first()
        .map(|r| r[0].figures.as_slice())
        .unwrap_or_default();
    let value = |report: &Report, name: &str| {
        report
            .figures
            .iter()
            .find(|f| f.name == name)
            .map_or(f64::NAN, |f| f.value)
    };
    let rows = first
        .iter()
        .map(|f| Row {
            name: f.name.clone(),
            unit: f.unit,
            better: f.better,
            runs: std::array::from_fn(|who| {
                rounds.iter().map(|r| value(&r[who], &f.name)).collect()
            }),
        })
        .collect();
    (
        rows,
        rounds
            .iter()
            .flatten()
            .flat_map(|r| r.notes.iter().cloned())
            .collect(),
    )
}

impl Row {
    fn of(&self, values: impl IntoIterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.into_iter().collect();
        match self.better {
            // A run without a figure does not count as a run without a fault.
            Better::Never if values.iter().any(|v| v.is_nan()) => f64::NAN,
            Better::Never => values.into_iter().fold(0.0, f64::max),
            _ => median(values),
        }
    }

    fn ours(&self) -> f64 {
        self.of(self.runs[0].iter().copied())
    }

    fn theirs(&self) -> f64 {
        self.of(self.runs[1].iter().chain(&self.runs[2]).copied())
    }

    /// Median over rounds of ours to Mosquitto A; none = something was zero or missing.
    fn ratio(&self) -> Option<f64> {
        let ratio = median(
            self.runs[0]
                .iter()
                .zip(&self.runs[1])
                .map(|(ours, a)| ours / a)
                .collect(),
        );
        (ratio.is_finite() && ratio > 0.0).then_some(ratio)
    }

    /// rumqttd with its defaults, and as good as it can be; not a number where it did not take
    /// part.
    fn rumqttd(&self) -> [f64; 2] {
        [3, 4].map(|who| self.of(self.runs[who].iter().copied()))
    }

    /// Ours to rumqttd at its best.
    fn to_rumqttd(&self) -> Option<f64> {
        let ratio = median(
            self.runs[0]
                .iter()
                .zip(&self.runs[4])
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        );
        (ratio.is_finite() && ratio > 0.0).then_some(ratio)
    }

    /// The furthest that Mosquitto was from itself, both ways.
    fn spread(&self) -> Option<(f64, f64)> {
        let most = self.runs[1]
            .iter()
            .zip(&self.runs[2])
            .map(|(a, b)| (a / b).max(b / a))
            .fold(1.0, f64::max);
        most.is_finite().then_some((1.0 / most, most))
    }

    /// The verdict on the difference.
    pub fn verdict(&self) -> &'static str {
        let better = match self.better {
            Better::Aside => return "",
            Better::More => |ours: f64, theirs: f64| ours > theirs,
            Better::Less | Better::Never => |ours: f64, theirs: f64| ours < theirs,
        };
        let (ours, theirs) = (self.ours(), self.theirs());
        if ours.is_nan() || theirs.is_nan() {
            return "?";
        }
        let tie = match (self.better, self.ratio(), self.spread()) {
            (Better::Never, ..) => ours.total_cmp(&theirs).is_eq(),
            (_, Some(ratio), Some((low, high))) => (low..=high).contains(&ratio),
            _ => ours.total_cmp(&theirs).is_eq(),
        };
        match (
            tie,
            better(self.ratio().map_or(ours, |r| r * theirs), theirs),
        ) {
            (true, _) => "tie",
            (false, true) => "better",
            (false, false) => "worse",
        }
    }

    /// As a line of the table.
    pub fn line(&self) -> String {
        let mark = if self.better == Better::Aside {
            "· "
        } else {
            ""
        };
        let times =
            |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), |r| format!("{r:.2}"));
        let (ratio, peer) = (times(self.ratio()), times(self.to_rumqttd()));
        let [defaults, best] = self.rumqttd().map(|v| {
            if v.is_nan() {
                "–".to_owned()
            } else {
                short(v)
            }
        });
        let spread = self
            .spread()
            .filter(|_| self.better != Better::Aside)
            .map_or_else(
                || "–".to_owned(),
                |(low, high)| format!("{low:.2}..{high:.2}"),
            );
        format!(
            "{:<54} {:>11} {:>11} {:<9} {ratio:>6}  {spread:<12} {:<7} {defaults:>11} {best:>11} {peer:>6}",
            format!("{mark}{}", self.name),
            short(self.ours()),
            short(self.theirs()),
            self.unit,
            self.verdict()
        )
        .trim_end()
        .to_owned()
    }

    pub fn json(&self) -> Value {
        let (ratio, spread) = (self.ratio(), self.spread().map(|(low, high)| [low, high]));
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours(),
            "mosquitto": self.theirs(),
            "ratio": ratio,
            "spread": spread,
            "verdict": self.verdict(),
            "rumqttd": self.rumqttd()[0],
            "rumqttd_best": self.rumqttd()[1],
            "ratio_to_rumqttd_best": self.to_rumqttd(),
            "runs": {
                "ours": self.runs[0], "mosquitto_a": self.runs[1], "mosquitto_b": self.runs[2],
                "rumqttd": self.runs[3], "rumqttd_best": self.runs[4]
            },
        })
    }
}

/// The table's head.
pub fn head() -> String {
    format!(
        "{:<54} {:>11} {:>11} {:<9} {:>6}  {:<12} {:<7} {:>11} {:>11} {:>6}",
        "", "ours", "Mosquitto", "", "ratio", "spread", "verdict", "rumqttd", "its best", "to it"
    )
}

fn short(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "?".to_owned(),
        0.0 => "0".to_owned(),
        v if v >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (i, c) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i).is_multiple_of(3) {
                    out.push(',');
                }
                out.push(c);
            }
            out
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
