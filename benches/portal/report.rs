//! From runs to a table: medians, paired ratios, the spread of what stands beside ours to itself,
//! and each bar with whether it is reached.
//!
//! Invariants: ours is compared with the other of the same round only; a ratio is judged by its bar
//! as it was measured, and the spread stands beside it for whoever doubts. Deliberately absent:
//! averages, outliers thrown away, an exit code: figures are for people.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Bar {
    /// At most this, in the figure's unit.
    AtMost(f64),
    /// At least this part of what stands beside it.
    PartOfOther(f64),
    /// At most so many times what stands beside it.
    TimesOther(f64),
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub unit: String,
    pub ours: f64,
    /// What stands beside it: its name and its figure.
    pub other: Option<(String, f64)>,
    /// Ours to the other of the same round, median of rounds.
    pub ratio: Option<f64>,
    /// How far the other was from itself, both ways.
    pub spread: Option<(f64, f64)>,
    pub bar: Option<Bar>,
}

impl Row {
    /// A figure that stands alone.
    pub fn alone(
        name: impl Into<String>,
        ours: f64,
        unit: &str,
        bar: impl Into<Option<Bar>>,
    ) -> Self {
        Self {
            name: name.into(),
            unit: unit.to_owned(),
            ours,
            other: None,
            ratio: None,
            spread: None,
            bar: bar.into(),
        }
    }

    /// A figure of rounds, each ours, the other, and the other again.
    pub fn beside(
        name: impl Into<String>,
        other: &str,
        rounds: &[[f64; 3]],
        unit: &str,
        bar: impl Into<Option<Bar>>,
    ) -> Self {
        let column = |n: usize| rounds.iter().map(move |r| r[n]);
        let ratio = median(rounds.iter().map(|[ours, a, _]| ours / a).collect());
        let apart = rounds
            .iter()
            .map(|[_, a, b]| (a / b).max(b / a))
            .fold(1.0, f64::max);
        Self {
            other: Some((
                other.to_owned(),
                median(column(1).chain(column(2)).collect()),
            )),
            ratio: ratio.is_finite().then_some(ratio),
            spread: apart.is_finite().then_some((1.0 / apart, apart)),
            ..Self::alone(name, median(column(0).collect()), unit, bar)
        }
    }

    /// Whether the bar is reached; none = there is no bar.
    pub fn is_reached(&self) -> Option<bool> {
        Some(match self.bar? {
            Bar::AtMost(most) => self.ours <= most,
            Bar::PartOfOther(least) => self.ratio.is_some_and(|ratio| ratio >= least),
            Bar::TimesOther(most) => self.ratio.is_some_and(|ratio| ratio <= most),
        })
    }

    fn bar_text(&self) -> String {
        let other = self.other.as_ref().map_or("?", |(name, _)| name);
        match self.bar {
            None => String::new(),
            Some(Bar::AtMost(most)) => format!("≤ {} {}", short(most), self.unit),
            Some(Bar::PartOfOther(least)) => format!("≥ {least} × {other}"),
            Some(Bar::TimesOther(most)) => format!("≤ {most} × {other}"),
        }
    }

    /// As a line of the table.
    pub fn line(&self) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let other = or_dash(self.other.as_ref().map(|(_, value)| short(*value)));
        let ratio = or_dash(self.ratio.map(|r| format!("{r:.2}")));
        let spread = or_dash(
            self.spread
                .map(|(low, high)| format!("{low:.2}..{high:.2}")),
        );
        let verdict = match self.is_reached() {
            None => "",
            Some(true) => "reached",
            Some(false) => "not reached",
        };
        format!(
            "{:<58} {:>10} {other:>10} {:<7} {ratio:>6}  {spread:<12} {:<20} {verdict}",
            self.name,
            short(self.ours),
            self.unit,
            self.bar_text()
        )
        .trim_end()
        .to_owned()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "ours": self.ours,
            "beside": self.other.as_ref().map(|(name, _)| name),
            "other": self.other.as_ref().map(|(_, value)| value),
            "ratio": self.ratio, "spread": self.spread,
            "bar": self.bar.map(|_| self.bar_text()), "reached": self.is_reached(),
        })
    }
}

/// Median and 99th percentile of milliseconds as two figures; the bar is that of the latter.
pub fn latency(name: &str, mut values: Vec<f64>, bar: impl Into<Option<Bar>>) -> [Row; 2] {
    [
        Row::alone(
            format!("{name}, p50"),
            quantile(&mut values, 0.5),
            "ms",
            None,
        ),
        Row::alone(
            format!("{name}, p99"),
            quantile(&mut values, 0.99),
            "ms",
            bar,
        ),
    ]
}

/// The table's head.
pub fn head() -> String {
    format!(
        "{:<58} {:>10} {:>10} {:<7} {:>6}  {:<12} bar",
        "", "ours", "other", "", "ratio", "spread"
    )
}

/// The value below which the share `q` of all lies; not a number when there is none.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * q).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]),
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "?".to_owned(),
        0.0 => "0".to_owned(),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
