//! The bounds of one guest's device: connections at a time, questions for names, visits to the
//! portal, requests for an address.
//!
//! Invariants: a packet goes on only when its device was found within its bound, so a set without
//! room refuses whoever is not in it. Devices with a session are counted by their slot, in sets
//! that have room for every slot there is: however many addresses somebody makes up, they fill the
//! sets of the captive devices alone, where those that have a place keep it.

use super::Script;
use crate::protocol::netd::DeviceLimits;

/// Captive devices that are counted at a time: as many as a guest segment usually has addresses.
const MAX_CAPTIVE: u32 = 1_024;
/// Most connections of one captive device. All of them together with those of all slots stay below
/// what the kernel's table of connections takes (`systemd/conglang-netd.service`).
const MAX_CAPTIVE_CONNECTIONS: u32 = 100;

/// Requests for an address that one radio may send at once, and then in a minute. A phone sends two
/// when it joins, and one in twenty minutes; a repeater that gives all phones behind it its own
/// hardware address sends theirs. Somebody who makes up devices gets no more addresses than that:
/// fewer than 300 within the time of a lease.
const LEASE_BURST: u32 = 60;
const LEASES_A_MINUTE: u32 = 5;
/// Radios whose requests are counted at a time.
const MAX_ASKING: u32 = 4_096;

pub(super) fn bound_sets(to: &mut Script) {
    // An element stays for as long as its burst takes to come back.
    line!(
        to,
        "\tset lease_requests {{ type ether_addr; flags dynamic, timeout; timeout 12m; \
         size {MAX_ASKING}; }}"
    );
    // Each slot has its number in them once: 1,024 at most, whatever devices had it.
    for (who, key, size) in [
        ("session", "mark", 2_048),
        ("captive", "ether_addr", MAX_CAPTIVE),
    ] {
        line!(
            to,
            "\tset {who}_connections {{ type {key}; flags dynamic; size {size}; }}"
        );
        for what in ["questions", "visits"] {
            line!(
                to,
                "\tset {who}_{what} {{ type {key}; flags dynamic, timeout; timeout 10s; \
                 size {size}; }}"
            );
        }
    }
}

/// Each chain comes back when the device is within its bound.
pub(super) fn guest_bounds(to: &mut Script, limits: &DeviceLimits) {
    let (most, captive) = (
        limits.connections,
        limits.connections.min(MAX_CAPTIVE_CONNECTIONS),
    );
    line!(
        to,
        "\tchain guest_connections {{
\t\tct mark != 0 add @session_connections {{ ct mark ct count {most} }} return
\t\tct mark 0 add @captive_connections {{ ether saddr ct count {captive} }} return
\t\tgoto refuse
\t}}"
    );
    line!(
        to,
        "\tchain guest_lease_requests {{
\t\tupdate @lease_requests {{ ether saddr limit rate {LEASES_A_MINUTE}/minute \
         burst {LEASE_BURST} packets }} return
\t\tdrop
\t}}"
    );
    let questions = limits.dns_per_second.max(1);
    let visits = limits.portal_per_second.max(1);
    for (what, rate, burst) in [
        ("questions", questions, questions.saturating_mul(2)),
        ("visits", visits, visits.saturating_mul(3)),
    ] {
        let limit = format!("limit rate {rate}/second burst {burst} packets");
        line!(
            to,
            "\tchain guest_{what} {{
\t\tct mark != 0 update @session_{what} {{ ct mark {limit} }} return
\t\tct mark 0 update @captive_{what} {{ ether saddr {limit} }} return
\t\tdrop
\t}}"
        );
    }
}
