//! Speed of the guests as text for `tc -batch`: one HTB tree on the guest interface for what comes
//! down, one on each uplink for what goes up.
//!
//! A class has the number of its slot, and the ruleset puts a packet into the class of its mark.
//! Traffic that is not a guest's goes past the tree unshaped. Where no speed is limited there is no
//! tree: its lock costs every packet a tenth of what a bare bridge carries, measured by
//! `scripts/bench portal`. Source: tc-htb(8).

use std::fmt::Write as _;

use crate::protocol::netd::{InterfaceName, NetworkPlan, SlotId};

/// The speed that a device gets when all want everything at once, kbit/s.
const DEVICE_FLOOR_KBIT: u32 = 64;
/// Class that all devices share.
const ALL: &str = "1:ffff";
/// Class of all devices without a session together, which reach the garden alone. No slot has its
/// number.
pub const CAPTIVE_CLASS: &str = "1:fffe";
/// Their speed where one device's is not limited, kbit/s.
pub const CAPTIVE_KBIT: u32 = 5_000;
/// Bytes that a class sends at its turn: a packet. Without it the kernel writes a line into its log
/// for each class.
const QUANTUM: u32 = 1_514;

/// Interfaces with a tree: where guests receive, and where they send.
fn shaped(plan: &NetworkPlan) -> Vec<&InterfaceName> {
    let Some(guest) = plan.guest.as_ref().filter(|_| is_shaped(plan)) else {
        return Vec::new();
    };
    std::iter::once(&guest.interface)
        .chain(&plan.uplinks)
        .collect()
}

/// Whether the plan limits the speed of devices with a session, so that there are trees.
#[must_use]
pub const fn is_shaped(plan: &NetworkPlan) -> bool {
    plan.rates.all_kbit.is_some() || plan.rates.device_kbit.is_some()
}

/// Commands that remove the tree of an interface; on one without a tree they fail, which means
/// nothing.
#[must_use]
pub fn clear(plan: &NetworkPlan) -> String {
    let mut to = String::new();
    let guest = plan.guest.iter().map(|g| &g.interface);
    for interface in guest.chain(&plan.uplinks) {
        let _ = writeln!(to, "qdisc del dev {interface} root");
    }
    to
}

/// The trees with their common class and that of the devices without a session, with `beneath` as
/// in [`device`].
#[must_use]
pub fn trees(plan: &NetworkPlan, beneath: Option<&str>) -> String {
    let mut to = String::new();
    let all = all_kbit(plan);
    let captive = plan.rates.device_kbit.unwrap_or(CAPTIVE_KBIT).clamp(1, all);
    for interface in shaped(plan) {
        let _ = writeln!(to, "qdisc add dev {interface} root handle 1: htb default 0");
        let _ = writeln!(
            to,
            "class add dev {interface} parent 1: classid {ALL} \
             htb rate {all}kbit ceil {all}kbit quantum {QUANTUM}"
        );
        class(&mut to, interface, CAPTIVE_CLASS, captive, beneath);
    }
    to
}

/// The classes of a device, with `beneath` (`fq_codel`, `cake`) under each where the kernel has it.
#[must_use]
pub fn device(plan: &NetworkPlan, slot: SlotId, beneath: Option<&str>) -> String {
    let mut to = String::new();
    let all = all_kbit(plan);
    let most = plan.rates.device_kbit.unwrap_or(all).clamp(1, all);
    let id = format!("1:{:x}", slot.number());
    for interface in shaped(plan) {
        class(&mut to, interface, &id, most, beneath);
    }
    to
}

fn class(to: &mut String, interface: &InterfaceName, id: &str, most: u32, beneath: Option<&str>) {
    let floor = DEVICE_FLOOR_KBIT.min(most);
    let _ = writeln!(
        to,
        "class replace dev {interface} parent {ALL} classid {id} \
         htb rate {floor}kbit ceil {most}kbit quantum {QUANTUM}"
    );
    if let Some(beneath) = beneath {
        let _ = writeln!(to, "qdisc replace dev {interface} parent {id} {beneath}");
    }
}

/// Ten Gbit/s stand for “not limited”: HTB needs a number.
fn all_kbit(plan: &NetworkPlan) -> u32 {
    plan.rates.all_kbit.unwrap_or(10_000_000).max(1)
}
