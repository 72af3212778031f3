//! The costs of a process, from /proc: CPU, RSS, PSS.
//!
//! Invariants: CPU is the scheduler's nanoseconds over all threads, not 10 ms ticks (a broker at 20
//! messages a second uses fewer than one tick a second); where the kernel records none, the ticks
//! of /proc/<pid>/stat. Deliberately absent: the kernel's work for a process in interrupts;
//! loopback work counts for the process that called.

use std::fs;
use std::time::{Duration, Instant};

/// CPU time of all threads that have not ended.
pub fn cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds: Option<u64> = threads
        .map(|t| {
            fs::read_to_string(t.path().join("schedstat"))
                .ok()?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    match nanoseconds {
        Some(n) if n > 0 => Duration::from_nanos(n),
        _ => ticks(pid),
    }
}

/// User and system time as ticks of 10 ms.
fn ticks(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces; the fields after it do not.
    let fields = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .skip(11)
        .take(2);
    Duration::from_millis(fields.filter_map(|f| f.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn kilobytes(file: &str, field: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .find_map(|l| {
            l.strip_prefix(field)?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(f64::NAN)
}

/// Resident memory, bytes.
pub fn rss(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:") * 1024.0
}

/// Its own share of resident memory, bytes.
pub fn pss(pid: u32) -> f64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:") * 1024.0
}

/// CPU time of the whole machine that was not idle.
fn machine() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1);
    // user, nice, system, idle, iowait, irq, softirq, steal; the later fields are contained in
    // user.
    let ticks: u64 = fields
        .take(8)
        .enumerate()
        .filter(|(at, _)| !matches!(at, 3 | 4))
        .filter_map(|(_, f)| f.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// A stretch of time, and the processor time of a broker, this process and everything else in it.
pub struct Meter {
    pid: u32,
    began: Instant,
    broker: Duration,
    own: Duration,
    machine: Duration,
}

/// The measurement of a [`Meter`].
#[derive(Clone, Copy)]
pub struct Used {
    pub wall: f64,
    pub broker: f64,
    pub own: f64,
    /// Everything else, in steps of 10 ms: figures are worth little while other processes work.
    pub others: f64,
}

impl Meter {
    pub fn start(pid: u32) -> Self {
        Self {
            pid,
            machine: machine(),
            broker: cpu(pid),
            own: cpu(std::process::id()),
            began: Instant::now(),
        }
    }

    /// Seconds since the start.
    pub fn stop(&self) -> Used {
        let wall = self.began.elapsed().as_secs_f64();
        let since = |pid, before| cpu(pid).saturating_sub(before).as_secs_f64();
        let (broker, own) = (
            since(self.pid, self.broker),
            since(std::process::id(), self.own),
        );
        let others = machine().saturating_sub(self.machine).as_secs_f64() - broker - own;
        Used {
            wall,
            broker,
            own,
            others: others.max(0.0),
        }
    }
}
