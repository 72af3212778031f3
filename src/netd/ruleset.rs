//! The ruleset of the box's networks as text for `nft`: a template around typed values, loaded in
//! one transaction.
//!
//! A device with a session has a slot, and the slot is the mark of its connections: the mark joins
//! its hardware address, its IPv4 and all of its IPv6 addresses, both directions, and what it may
//! still use. Every packet of a guest is judged again by the slot: there is no “established” for
//! guests, so a session that ends does so in the middle of a download.
//!
//! Invariants: policy is drop between segments; an interface that the plan does not name is treated
//! as an uplink; with the helper dead the kernel goes on by these rules and their time-outs alone.
//! Source of each trap that is avoided here: nft(8) of nftables 1.0.6, and `tests/it/segments.rs`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::shaping::{self, CAPTIVE_CLASS};
use crate::protocol::netd::no_hosts::{closed_v4, closed_v6};
use crate::protocol::netd::{InterfaceName, MacAddress, NetworkPlan, SlotId};

/// The table of everything but ARP; nothing else in the kernel's rules is ours.
pub const TABLE: &str = "inet conglang";
/// The name of both tables.
const TABLE_NAME: &str = "conglang";

/// A session as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldSession {
    /// The device.
    pub mac: MacAddress,
    /// Seconds that are left, at least 1.
    pub seconds: u32,
    /// Bytes in all.
    pub quota_bytes: u64,
    /// Bytes used.
    pub used_bytes: u64,
}

/// The parts of the ruleset besides the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admissions {
    /// Devices that are in.
    pub sessions: BTreeMap<SlotId, HeldSession>,
    /// Uplinks that guests may use.
    pub open_uplinks: Vec<InterfaceName>,
    /// Addresses that need no session, with the seconds that they still hold.
    pub garden: Vec<(IpAddr, u32)>,
}

/// Lines of a script.
#[derive(Default)]
struct Script(String);

impl Script {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }

    fn lines(&mut self, lines: &str) {
        self.0.push_str(lines);
        self.0.push('\n');
    }
}

macro_rules! line {
    ($to:expr, $($text:tt)*) => { $to.line(format_args!($($text)*)) };
}

mod arrivals;
mod bounds;
mod homes;
mod traffic;

use self::arrivals::{arrivals_at_the_box, guest_input, served_input};
use self::bounds::{bound_sets, guest_bounds};
use self::homes::{arp_claims, home_sets, neighbor_claims};
use self::traffic::guest_traffic;

/// The whole table, in the place of what was there.
#[must_use]
pub fn whole(plan: &NetworkPlan, admissions: &Admissions) -> String {
    let mut to = Script::default();
    arp_claims(&mut to, plan.guest.as_ref());
    line!(to, "table {TABLE}");
    line!(to, "delete table {TABLE}");
    line!(to, "table {TABLE} {{");
    sets(&mut to, plan, admissions);
    arriving(&mut to, plan);
    redirects(&mut to, plan);
    forwarding(&mut to, plan);
    guest_traffic(&mut to, plan);
    guest_bounds(&mut to, &plan.limits);
    arrivals_at_the_box(&mut to, plan);
    if let Some(guest) = &plan.guest {
        neighbor_claims(&mut to);
        guest_input(&mut to, plan, guest);
    }
    if let Some(device) = &plan.device {
        served_input(&mut to, "device", device, &[123], &plan.ports.device);
    }
    if let Some(staff) = &plan.staff {
        let (udp, mut tcp) = ([123, plan.ports.dns], plan.ports.staff.clone());
        tcp.extend([plan.ports.dns, plan.ports.portal]);
        served_input(&mut to, "staff", staff, &udp, &tcp);
    }
    line!(to, "}}");
    for (slot, session) in &admissions.sessions {
        to.0.push_str(&admit(*slot, session));
    }
    to.0.push_str(&garden(&admissions.garden, &[]));
    to.0
}

/// A table that forwards nothing, for as long as no plan is known.
#[must_use]
pub fn closed() -> String {
    format!(
        "table {TABLE} {{
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
}}
"
    )
}

/// Lets a device in whose slot is free.
#[must_use]
pub fn admit(slot: SlotId, session: &HeldSession) -> String {
    let (number, mac) = (slot.number(), session.mac);
    // The kernel takes no quota of which more is used than it has. The use is never made less:
    // it would be counted again.
    let (seconds, used) = (session.seconds.max(1), session.used_bytes);
    let quota = session.quota_bytes.max(used);
    format!(
        "add quota {TABLE} q{number} {{ {quota} bytes used {used} bytes }}\n\
         add element {TABLE} allowances {{ {number} timeout {seconds}s : \"q{number}\" }}\n\
         add element {TABLE} slots {{ {mac} timeout {seconds}s : {number} }}\n\
         add element {TABLE} classes {{ {number} : 1:{number:x} }}\n"
    )
}

/// Ends a session. An element that ended by itself is no longer there, and removing what is not
/// there fails the whole transaction: so it is added first, with the value that it must have, which
/// changes nothing where it still is (nft 1.0.6 has no `destroy`).
#[must_use]
pub fn end(slot: SlotId, mac: MacAddress) -> String {
    let number = slot.number();
    format!(
        "add element {TABLE} slots {{ {mac} timeout 1s : {number} }}\n\
         delete element {TABLE} slots {{ {mac} }}\n\
         add element {TABLE} allowances {{ {number} timeout 1s : \"q{number}\" }}\n\
         delete element {TABLE} allowances {{ {number} }}\n\
         delete quota {TABLE} q{number}\n"
    )
}

/// Opens `uplinks` to guests and closes all others.
#[must_use]
pub fn open_uplinks(plan: &NetworkPlan, uplinks: &[InterfaceName]) -> String {
    let mut to = Script::default();
    line!(to, "flush set {TABLE} open_uplinks");
    line!(to, "flush set {TABLE} open_guests");
    if let (Some(guest), false) = (&plan.guest, uplinks.is_empty()) {
        line!(
            to,
            "add element {TABLE} open_uplinks {{ {} }}",
            names(uplinks)
        );
        let guest = &guest.interface;
        line!(to, "add element {TABLE} open_guests {{ \"{guest}\" }}");
    }
    to.0
}

/// Opens addresses for some seconds. `held` are those of them that may still be in the set: a time
/// is made longer only by removing the element and adding it again.
#[must_use]
pub fn garden(addresses: &[(IpAddr, u32)], held: &[IpAddr]) -> String {
    let mut to = Script::default();
    for (address, seconds) in addresses {
        let set = if address.is_ipv4() {
            "garden4"
        } else {
            "garden6"
        };
        if held.contains(address) {
            line!(to, "add element {TABLE} {set} {{ {address} timeout 1s }}");
            line!(to, "delete element {TABLE} {set} {{ {address} }}");
        }
        let seconds = (*seconds).max(1);
        line!(
            to,
            "add element {TABLE} {set} {{ {address} timeout {seconds}s }}"
        );
    }
    to.0
}

/// Closes every address of the garden.
#[must_use]
pub fn close_garden() -> String {
    format!("flush set {TABLE} garden4\nflush set {TABLE} garden6\n")
}

fn names(interfaces: &[InterfaceName]) -> String {
    let quoted: Vec<String> = interfaces.iter().map(|i| format!("\"{i}\"")).collect();
    quoted.join(", ")
}

fn numbers(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    ports.join(", ")
}

/// A set of interface names; an empty one has no elements.
fn interface_set(to: &mut Script, name: &str, interfaces: &[InterfaceName]) {
    if interfaces.is_empty() {
        line!(to, "\tset {name} {{ type ifname; }}");
    } else {
        let names = names(interfaces);
        line!(
            to,
            "\tset {name} {{ type ifname; elements = {{ {names} }}; }}"
        );
    }
}

fn sets(to: &mut Script, plan: &NetworkPlan, admissions: &Admissions) {
    to.lines(
        "	map slots { type ether_addr : mark; flags timeout; size 2048; }
	map allowances { type mark : quota; flags timeout; size 2048; }
	map classes { type mark : classid; size 2048; }
	set garden4 { type ipv4_addr; flags timeout; size 8192; }
	set garden6 { type ipv6_addr; flags timeout; size 8192; }",
    );
    bound_sets(to);
    home_sets(to);
    closed_networks(to, plan);
    interface_set(to, "uplinks", &plan.uplinks);
    let open = &admissions.open_uplinks;
    interface_set(to, "open_uplinks", open);
    let guests = match &plan.guest {
        Some(guest) if !open.is_empty() => vec![guest.interface.clone()],
        _ => Vec::new(),
    };
    interface_set(to, "open_guests", &guests);
}

/// The networks into which nobody is forwarded, whatever the routes say: private ones, and those of
/// the village hall, also one with addresses of the internet whose cable is unplugged.
fn closed_networks(to: &mut Script, plan: &NetworkPlan) {
    let of_family = |is_v4: bool| {
        let own = plan.own_networks();
        own.filter(move |network| network.address().is_ipv4() == is_v4)
            .map(|network| format!(", {}/{}", network.network(), network.prefix()))
            .collect::<String>()
    };
    for (name, family, private, own) in [
        ("closed4", "ipv4_addr", closed_v4(), of_family(true)),
        ("closed6", "ipv6_addr", closed_v6(), of_family(false)),
    ] {
        line!(
            to,
            "\tset {name} {{ type {family}; flags interval; auto-merge; \
             elements = {{ {private}{own} }}; }}"
        );
    }
}

fn served(plan: &NetworkPlan) -> Vec<InterfaceName> {
    let segments = [&plan.guest, &plan.device, &plan.staff];
    let segments = segments.into_iter().flatten();
    segments.map(|s| s.interface.clone()).collect()
}

fn arriving(to: &mut Script, plan: &NetworkPlan) {
    let served = names(&served(plan));
    line!(to, "\tchain arriving {{");
    line!(
        to,
        "\t\ttype filter hook prerouting priority raw; policy accept;"
    );
    if !served.is_empty() {
        line!(to, "\t\tiifname {{ {served} }} jump own_addresses");
    }
    to.lines(
        "	}
	chain own_addresses {
		ip saddr 0.0.0.0 udp dport 67 accept
		ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept
		ip6 saddr fe80::/10 accept
		fib saddr . iif oif missing drop
	}
	chain assign_slot {
		type filter hook prerouting priority mangle; policy accept;",
    );
    if let Some(guest) = &plan.guest {
        let guest = &guest.interface;
        line!(to, "\t\tiifname \"{guest}\" goto guest_slot");
    }
    // Written once: between two writes another packet of the connection would find no slot.
    to.lines(
        "	}
	chain guest_slot {
		meta mark set 0
		meta mark set ether saddr map @slots
		ct mark set meta mark
		meta mark set 0
	}",
    );
}

fn redirects(to: &mut Script, plan: &NetworkPlan) {
    let ports = &plan.ports;
    let (dns, portal) = (ports.dns, ports.portal);
    to.lines("	chain redirect_in {\n\t\ttype nat hook prerouting priority dstnat; policy accept;");
    if let Some(guest) = &plan.guest {
        let guest = &guest.interface;
        line!(to, "\t\tiifname \"{guest}\" goto guest_redirect");
    }
    if let Some(staff) = &plan.staff {
        let staff = &staff.interface;
        line!(
            to,
            "\t\tiifname \"{staff}\" fib daddr type local meta l4proto \
             {{ tcp, udp }} th dport 53 redirect to :{dns}"
        );
        line!(
            to,
            "\t\tiifname \"{staff}\" fib daddr type local tcp dport 80 redirect to :{portal}"
        );
    }
    line!(to, "\t}}\n\tchain guest_redirect {{");
    line!(
        to,
        "\t\tmeta l4proto {{ tcp, udp }} th dport 53 redirect to :{dns}"
    );
    line!(
        to,
        "\t\tfib daddr type local tcp dport 80 redirect to :{portal}"
    );
    if let Some(tls) = ports.portal_tls {
        line!(
            to,
            "\t\tfib daddr type local tcp dport 443 redirect to :{tls}"
        );
    }
    to.lines(
        "		fib daddr type local return
		ip daddr @closed4 return
		ip6 daddr @closed6 return
		ip daddr @garden4 accept
		ip6 daddr @garden6 accept
		iifname @open_guests quota name ct mark map @allowances accept",
    );
    line!(to, "\t\ttcp dport 80 redirect to :{portal}");
    line!(to, "\t}}\n\tchain masquerade_out {{");
    line!(
        to,
        "\t\ttype nat hook postrouting priority srcnat; policy accept;"
    );
    let inner: Vec<InterfaceName> = [&plan.guest, &plan.staff]
        .into_iter()
        .flatten()
        .map(|s| s.interface.clone())
        .collect();
    if !inner.is_empty() {
        let inner = names(&inner);
        line!(to, "\t\tiifname {{ {inner} }} oifname @uplinks masquerade");
    }
    line!(to, "\t}}");
    classes(to, plan);
}

/// A packet goes into the HTB class of its slot; the number is the same. Packets of devices without
/// a session, which go to the garden and come from there, have one class together. Where no tree of
/// classes stands, no packet is looked up for one.
fn classes(to: &mut Script, plan: &NetworkPlan) {
    let Some(guest) = plan.guest.as_ref().filter(|_| shaping::is_shaped(plan)) else {
        return;
    };
    to.lines(
        "	chain classify {
		type filter hook postrouting priority mangle; policy accept;
		meta priority set ct mark map @classes",
    );
    let guest = &guest.interface;
    for way in [
        format!("iifname \"{guest}\" oifname @uplinks"),
        format!("iifname @uplinks oifname \"{guest}\""),
    ] {
        line!(to, "\t\t{way} ct mark 0 meta priority set {CAPTIVE_CLASS}");
    }
    line!(to, "\t}}");
}

fn forwarding(to: &mut Script, plan: &NetworkPlan) {
    to.lines("	chain forward {\n\t\ttype filter hook forward priority filter; policy drop;");
    if let Some(guest) = &plan.guest {
        let guest = &guest.interface;
        line!(
            to,
            "\t\tiifname \"{guest}\" oifname @uplinks goto guest_out"
        );
        line!(to, "\t\tiifname @uplinks oifname \"{guest}\" goto guest_in");
    }
    if let Some(staff) = &plan.staff {
        let staff = &staff.interface;
        for (family, closed) in [("ip", "closed4"), ("ip6", "closed6")] {
            line!(
                to,
                "\t\tiifname \"{staff}\" oifname @uplinks {family} daddr != @{closed} accept"
            );
        }
        line!(
            to,
            "\t\tiifname @uplinks oifname \"{staff}\" ct state established,related accept"
        );
    }
    to.lines(
        "		iifname @uplinks drop
		goto refuse
	}
	chain refuse {
		meta l4proto tcp reject with tcp reset
		reject with icmpx type admin-prohibited
	}
	chain refuse_there {
		meta pkttype { broadcast, multicast } drop
		goto refuse
	}",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_writes_the_slot_of_its_connection_once() {
        let plan: NetworkPlan = serde_json::from_value(serde_json::json!({
            "guest": { "interface": "guest0", "v4": "10.7.0.1/22" },
            "ports": { "portal": 8080, "dns": 5300 },
        }))
        .expect("a plan");
        let text = whole(&plan, &Admissions::default());
        assert_eq!(text.matches("ct mark set").count(), 1);
    }
}
