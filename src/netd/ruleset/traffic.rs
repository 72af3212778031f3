//! The rules for what guests send to the internet and get from there.

use super::Script;
use crate::netd::shaping;
use crate::protocol::netd::NetworkPlan;

/// The garden is reached by the ports of pages alone; on another port of its addresses a device
/// without a session is refused, and one with a session is counted. Where no tree of classes
/// stands, the devices without a session have their common speed here, in each direction.
pub(super) fn guest_traffic(to: &mut Script, plan: &NetworkPlan) {
    let captive = if shaping::is_shaped(plan) {
        String::new()
    } else {
        let kilobytes = shaping::CAPTIVE_KBIT / 8;
        format!(
            "\n\t\tct mark 0 limit rate over {kilobytes} kbytes/second \
             burst 256 kbytes drop"
        )
    };
    line!(
        to,
        "	chain guest_out {{
		ip daddr @closed4 goto refuse
		ip6 daddr @closed6 goto refuse
		ct state new jump guest_connections
		ip daddr @garden4 jump garden_out
		ip6 daddr @garden6 jump garden_out
		oifname != @open_uplinks goto refuse
		quota name ct mark map @allowances accept
		goto refuse
	}}
	chain garden_out {{{captive}
		tcp dport {{ 80, 443 }} accept
		udp dport 443 accept
	}}
	chain guest_in {{
		ct state != {{ established, related }} drop
		ip saddr @garden4 jump garden_in
		ip6 saddr @garden6 jump garden_in
		iifname != @open_uplinks drop
		quota name ct mark map @allowances accept
		drop
	}}
	chain garden_in {{{captive}
		tcp sport {{ 80, 443 }} accept
		udp sport 443 accept
	}}"
    );
}
