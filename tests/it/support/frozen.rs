//! A gateway that stands still with all its sockets open, as a box does that swaps or overheats.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::house::House;

/// While it lives, the gateway's process is stopped; its workers run on.
pub struct Frozen(Pid);

impl Frozen {
    pub fn freeze(house: &House) -> Self {
        // A gateway that stood still may think afterwards that its broker did.
        house.expect_errors(&["broker canary timed out"]);
        let pid = i32::try_from(house.gateway_pid()).expect("pid");
        let pid = Pid::from_raw(pid).expect("a running gateway");
        kill_process(pid, Signal::STOP).expect("stopped");
        Self(pid)
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
