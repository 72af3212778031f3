//! A gateway that stands still with all its sockets open, as a box does that swaps or overheats.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::house::House;

/// While it lives, a process is stopped; of a gateway the workers run on.
pub struct Frozen(Pid);

impl Frozen {
    pub fn freeze(house: &House) -> Self {
        Self::process(house.gateway_pid())
    }

    /// The same for any process.
    pub fn process(pid: u32) -> Self {
        let pid = i32::try_from(pid).expect("pid");
        let pid = Pid::from_raw(pid).expect("a running gateway");
        kill_process(pid, Signal::STOP).expect("stopped");
        let frozen = Self(pid);
        let began = Instant::now();
        while !frozen.stands_still() {
            assert!(began.elapsed() < Duration::from_secs(5), "it runs on");
            std::thread::sleep(Duration::from_millis(2));
        }
        frozen
    }

    /// Whether every thread has stopped: the signal reaches each at its own time after the call,
    /// and one that still runs answers what is sent meanwhile.
    fn stands_still(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.as_raw_nonzero()));
        let mut tasks = tasks.expect("a process").map(|t| t.expect("a thread"));
        tasks.all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The state follows the name, which may hold anything: proc_pid_stat(5).
            stat.rsplit(") ").next().is_some_and(|s| s.starts_with('T'))
        })
    }

    pub fn thaw(self) {
        drop(self);
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}
