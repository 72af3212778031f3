//! Shared by the throughput tests: windows, payloads, waiting for the end.
//!
//! Invariants: one size of payload and one window for all, so that figures of different tests can
//! be compared. Deliberately absent: options for them.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::sleep;

use crate::process::Used;
use crate::report::Report;

/// Unacknowledged messages of one publisher: as many as Mosquitto accepts of one client without
/// more configuration.
pub const WINDOW: usize = 20;
/// Bytes of a payload.
pub const PAYLOAD: usize = 64;
/// Time before this is warm-up.
pub const WARM: Duration = Duration::from_millis(500);

/// Adds to a cell.
pub fn add(cell: &Cell<u64>, n: u64) {
    cell.set(cell.get() + n);
}

/// Waits until `cell` stands still for half a second; ten seconds at most.
pub async fn settle(cell: &Cell<u64>) {
    let (mut before, mut still) = (cell.get(), 0);
    for _ in 0..100 {
        sleep(Duration::from_millis(100)).await;
        still = if cell.get() == before { still + 1 } else { 0 };
        before = cell.get();
        if still == 5 {
            return;
        }
    }
}

/// Notes how busy each process was: the one that uses nearly a whole core limits the rate.
pub fn busy(report: &mut Report, test: &str, used: Used) {
    report.aside(
        format!("{test}: broker's CPU"),
        used.broker / used.wall * 100.0,
        "% core",
    );
    report.aside(
        format!("{test}: generator's CPU"),
        used.own / used.wall * 100.0,
        "% core",
    );
    report.aside(
        format!("{test}: others' CPU"),
        used.others / used.wall * 100.0,
        "% core",
    );
}
