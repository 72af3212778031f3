//! The addresses of the guest segment, each with the one device that the kernel may believe: the
//! first that claims an address has it for as long as it is heard of.
//!
//! A device that answers for another's address would get what is sent to that one. Its claim, by
//! ARP or by neighbour discovery, is dropped before the kernel's table of neighbours hears of it.
//! An address of which nothing was heard for [`SILENT`] is free. Claims that phones make to each
//! other past the box are the access point's to stop (`docs/operations.md`).
//!
//! Invariants: a full set takes no address from whoever has one; newcomers are then heard as
//! without these rules, for the wifi would otherwise be anybody's to close. One device claims few
//! addresses at a time.

use super::{Script, TABLE_NAME};
use crate::protocol::netd::NetworkSegment;

/// How long an address stays with its device after it was heard last. A router has no other sign
/// that a neighbour is there, so it asks a phone that uses the internet every half minute.
const SILENT: &str = "2m";

/// The table of IPv4's claims, in the place of what was there.
pub(super) fn arp_claims(to: &mut Script, guest: Option<&NetworkSegment>) {
    line!(to, "table arp {TABLE_NAME}\ndelete table arp {TABLE_NAME}");
    let Some(guest) = guest else {
        return;
    };
    let (interface, own) = (&guest.interface, guest.v4.address());
    line!(
        to,
        "table arp {TABLE_NAME} {{
	set homes {{ type ipv4_addr . ether_addr; flags dynamic, timeout; timeout {SILENT}; size 4096; }}
	set taken {{ type ipv4_addr; flags dynamic, timeout; timeout {SILENT}; size 4096; }}
	set claims {{ type ether_addr; flags dynamic, timeout; timeout {SILENT}; size 4096; }}
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname \"{interface}\" goto guest_claims
	}}
	chain guest_claims {{
		arp saddr ip 0.0.0.0 accept
		arp saddr ip {own} drop"
    );
    claim(
        to,
        "arp saddr ip",
        "arp saddr ether",
        "",
        "4/minute burst 8",
    );
    line!(to, "\t}}\n}}");
}

pub(super) fn home_sets(to: &mut Script) {
    line!(
        to,
        "	set homes6 {{
		typeof @nh,64,128 . ether saddr; flags dynamic, timeout; timeout {SILENT}; size 8192;
	}}
	set taken6 {{ typeof @nh,64,128; flags dynamic, timeout; timeout {SILENT}; size 8192; }}
	set claims6 {{ type ether_addr; flags dynamic, timeout; timeout {SILENT}; size 4096; }}"
    );
}

/// The chains of IPv6's claims. A solicitation claims its source, an advertisement its target; nft
/// 1.0.6 has no name for the target, and one set needs one kind of key.
pub(super) fn neighbor_claims(to: &mut Script) {
    for (chain, first, address) in [
        ("guest_solicits", "\n\t\tip6 saddr :: return", "@nh,64,128"),
        ("guest_advertises", "", "@th,64,128"),
    ] {
        line!(to, "\tchain {chain} {{{first}");
        claim(to, address, "ether saddr", "6", "20/minute burst 40");
        line!(to, "\t}}");
    }
}

/// Comes back, or falls off its chain, when the claim may be heard.
fn claim(to: &mut Script, address: &str, device: &str, family: &str, rate: &str) {
    let home = format!("{address} . {device}");
    line!(
        to,
        "		{home} @homes{family} update @homes{family} {{ {home} }} \
         update @taken{family} {{ {address} }} return
		{address} @taken{family} drop
		update @claims{family} {{ {device} limit rate over {rate} packets }} drop
		add @homes{family} {{ {home} }} add @taken{family} {{ {address} }} return"
    );
}
