//! The checks of the networks that the box serves: whether anybody gives out addresses and time,
//! and whether the kernel lets guests out.
//!
//! The kernel's own tables answer them, so they need no permission and no running gateway.

use std::path::Path;

use super::{Finding, error, note};
use crate::config::network::NetworkConfig;
use crate::i18n::locale::Lang;

/// Sockets of IPv4 over UDP in this machine's network.
const SOCKETS: &str = "/proc/net/udp";
/// Whether the kernel forwards, which the unit of the network helper switches on.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
/// Ports of DHCP and of NTP.
const DHCP_PORT: u16 = 67;
const NTP_PORT: u16 = 123;

/// Checks the networks that are served; gives how many checks were made.
pub(super) fn check(lang: Lang, network: &NetworkConfig, found: &mut Vec<Finding>) -> usize {
    if !network.is_served() {
        return 0;
    }
    let Ok(table) = std::fs::read_to_string(Path::new(SOCKETS)) else {
        return 0;
    };
    if !is_bound(&table, DHCP_PORT) {
        found.push(error(
            "D-NET-02",
            lang.t("doctor-no-dhcp"),
            lang.t("doctor-no-dhcp-do"),
        ));
    }
    let needs_time = network.device.is_some() || network.staff.is_some();
    if needs_time && !is_bound(&table, NTP_PORT) {
        found.push(note(
            "D-NET-03",
            lang.t("doctor-no-time"),
            lang.t("doctor-no-time-do"),
        ));
    }
    let is_way_out = network.guest.is_some() && !network.uplinks.is_empty();
    let forwards = std::fs::read_to_string(Path::new(FORWARDING));
    if is_way_out && forwards.is_ok_and(|told| told.trim() == "0") {
        found.push(error(
            "D-NET-04",
            lang.t("doctor-no-forwarding"),
            lang.t("doctor-no-forwarding-do"),
        ));
    }
    1 + usize::from(needs_time) + usize::from(is_way_out)
}

/// Whether a program listens on the port: `sl local_address …`, addresses as `00000000:0043`.
fn is_bound(table: &str, port: u16) -> bool {
    let of_port = format!(":{port:04X}");
    let local = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let mut sockets = table.lines().filter_map(local);
    sockets.any(|address| address.ends_with(&of_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_whatever_address_it_is_bound_to() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr\n\
              12: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000\n\
              13: 0100007F:1043 00000000:007B 07 00000000:00000000 00:00000000\n";
        assert!(is_bound(table, DHCP_PORT));
        assert!(!is_bound(table, NTP_PORT), "another's port is not ours");
        assert!(!is_bound("", DHCP_PORT));
    }
}
