//! Speed of the guests as text for `tc -batch`: one HTB tree on the guest interface for what comes
//! down, one on each uplink for what goes up.
//!
//! A class has the number of its slot, and the ruleset puts a packet into the class of its mark.
//! Traffic that is not a guest's goes past the tree unshaped. Source: tc-htb(8).

use std::fmt::Write as _;

use crate::protocol::netd::{InterfaceName, NetworkPlan, SlotId};

/// The speed that a device gets when all want everything at once, kbit/s.
const DEVICE_FLOOR_KBIT: u32 = 64;
/// Class that all devices share.
const ALL: &str = "1:ffff";

/// Interfaces with a tree: where guests receive, and where they send.
fn shaped(plan: &NetworkPlan) -> Vec<&InterfaceName> {
    let Some(guest) = &plan.guest else {
        return Vec::new();
    };
    if !is_shaped(plan) {
        return Vec::new();
    }
    std::iter::once(&guest.interface)
        .chain(&plan.uplinks)
        .collect()
}

/// Whether the plan limits any speed.
#[must_use]
pub const fn is_shaped(plan: &NetworkPlan) -> bool {
    plan.guest.is_some() && (plan.rates.all_kbit.is_some() || plan.rates.device_kbit.is_some())
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

/// The trees with their common class.
#[must_use]
pub fn trees(plan: &NetworkPlan) -> String {
    let mut to = String::new();
    let all = all_kbit(plan);
    for interface in shaped(plan) {
        let _ = writeln!(to, "qdisc add dev {interface} root handle 1: htb default 0");
        let _ = writeln!(
            to,
            "class add dev {interface} parent 1: classid {ALL} htb rate {all}kbit ceil {all}kbit"
        );
    }
    to
}

/// The classes of a device, with `beneath` (`fq_codel`, `cake`) under each where the kernel has it.
#[must_use]
pub fn device(plan: &NetworkPlan, slot: SlotId, beneath: Option<&str>) -> String {
    let mut to = String::new();
    let all = all_kbit(plan);
    let most = plan.rates.device_kbit.unwrap_or(all).clamp(1, all);
    let floor = DEVICE_FLOOR_KBIT.min(most);
    let number = slot.number();
    for interface in shaped(plan) {
        let _ = writeln!(
            to,
            "class replace dev {interface} parent {ALL} classid \
             1:{number:x} htb rate {floor}kbit ceil {most}kbit"
        );
        if let Some(beneath) = beneath {
            let _ = writeln!(
                to,
                "qdisc replace dev {interface} parent 1:{number:x} {beneath}"
            );
        }
    }
    to
}

/// Ten Gbit/s stand for “not limited”: HTB needs a number.
fn all_kbit(plan: &NetworkPlan) -> u32 {
    plan.rates.all_kbit.unwrap_or(10_000_000).max(1)
}
