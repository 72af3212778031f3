//! The rules for packets to the box itself: each segment reaches what it is served, and no more.

use super::{Script, numbers};
use crate::protocol::netd::{NetworkPlan, NetworkSegment};

pub(super) fn arrivals_at_the_box(to: &mut Script, plan: &NetworkPlan) {
    to.lines(
        "	chain input {
		type filter hook input priority filter; policy drop;
		iifname \"lo\" accept",
    );
    let segments = [
        ("guest", &plan.guest),
        ("device", &plan.device),
        ("staff", &plan.staff),
    ];
    for (name, segment) in segments {
        if let Some(segment) = segment {
            let interface = &segment.interface;
            line!(to, "\t\tiifname \"{interface}\" goto {name}_input");
        }
    }
    to.lines(
        "		ct state established,related accept
		meta l4proto { 1, 58 } limit rate 50/second accept
		udp sport 67 udp dport 68 accept",
    );
    if !plan.ports.uplink.is_empty() {
        let ports = numbers(&plan.ports.uplink);
        line!(to, "\t\ttcp dport {{ {ports} }} accept");
    }
    line!(to, "\t}}");
}

/// The requests that every served segment may make: an address, and who is there.
fn neighborhood(to: &mut Script, segment: &NetworkSegment) {
    to.lines(
        "		udp sport 68 udp dport 67 accept
		icmpv6 type {
			nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report
		} accept",
    );
    // A machine answers at each of its addresses on each of its interfaces: the address is judged
    // besides the interface.
    let v4 = segment.v4.address();
    line!(to, "\t\tip daddr != {v4} goto refuse_there");
    match segment.v6 {
        Some(v6) => {
            let v6 = v6.address();
            line!(to, "\t\tip6 daddr != {v6} goto refuse_there");
        }
        None => line!(to, "\t\tmeta nfproto ipv6 goto refuse_there"),
    }
    to.lines(
        "		icmp type echo-request limit rate 20/second accept
		icmpv6 type echo-request limit rate 20/second accept",
    );
}

pub(super) fn guest_input(to: &mut Script, plan: &NetworkPlan, guest: &NetworkSegment) {
    let (dns, portal) = (plan.ports.dns, plan.ports.portal);
    let mut ports = vec![portal];
    ports.extend(plan.ports.portal_tls);
    let ports = numbers(&ports);
    line!(
        to,
        "\tchain guest_input {{
\t\ticmpv6 type {{ nd-neighbor-solicit, nd-router-solicit }} jump guest_solicits
\t\ticmpv6 type nd-neighbor-advert jump guest_advertises
\t\tudp dport 67 jump guest_lease_requests"
    );
    neighborhood(to, guest);
    line!(
        to,
        "\t\tmeta l4proto {{ tcp, udp }} th dport {dns} jump guest_questions
\t\tct state new jump guest_connections
\t\tmeta l4proto {{ tcp, udp }} th dport {dns} accept
\t\ttcp dport {{ {ports} }} ct state new jump guest_visits
\t\ttcp dport {{ {ports} }} accept
\t\tgoto refuse
\t}}"
    );
}

pub(super) fn served_input(
    to: &mut Script,
    name: &str,
    segment: &NetworkSegment,
    udp: &[u16],
    tcp: &[u16],
) {
    line!(to, "\tchain {name}_input {{");
    line!(to, "\t\tct state established,related accept");
    neighborhood(to, segment);
    line!(to, "\t\tudp dport {{ {} }} accept", numbers(udp));
    if !tcp.is_empty() {
        line!(to, "\t\ttcp dport {{ {} }} accept", numbers(tcp));
    }
    line!(to, "\t\tgoto refuse\n\t}}");
}
