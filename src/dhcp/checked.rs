//! The gateway's two files as the DHCP role takes them: read as values and written anew for
//! `dnsmasq`, and the part of its leases that outlives a reboot.
//!
//! Invariants: `dnsmasq` reads no byte that another user wrote. The gateway reads what strangers
//! send; a file of a gateway that was taken over could hold every option that `dnsmasq` knows,
//! another router and other names among them. A line that is not what it should be is left out and
//! told. Nothing about guests' devices is written to a disk.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::dnsmasq;
use super::leases;
use super::pool::{SegmentUse, reservable, segment_of};
use crate::config::network::NetworkConfig;
use crate::domain::network::MAX_RESERVATIONS;
use crate::protocol::netd::MacAddress;

/// Largest file of reservations that is read, bytes: each line has 33 at most.
pub const MAX_RESERVATION_BYTES: u64 = 64 * 1024;
/// Largest file of options that is read, bytes: an address of 255 characters is one line.
pub const MAX_OPTION_BYTES: u64 = 1_024;

/// Why a line is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line begins with no hardware address of one device.
    #[error("it begins with no hardware address of one device")]
    Device,
    /// The line's address is none that can be reserved.
    #[error("its address is none that a device or a computer of the house can keep")]
    Address,
    /// Two lines contradict each other.
    #[error("the device or the address has a line already")]
    Twice,
    /// There are more than the journal can hold.
    #[error("there are more lines than reservations")]
    TooMany,
    /// An option that is not option 114 with the portal's address.
    #[error("it is not the one option that leads phones to the portal")]
    Option,
}

/// A file as far as it can be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    /// The text for `dnsmasq`.
    pub text: String,
    /// The lines that were left out, by their number.
    pub wrong: Vec<(usize, LineError)>,
}

/// The reservations of a file.
#[must_use]
pub fn reservations(content: &[u8], network: &NetworkConfig) -> Checked {
    let (mut devices, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    checked(content, |line| {
        let (mac, address) = reservation(line, network)?;
        if devices.len() >= MAX_RESERVATIONS {
            return Err(LineError::TooMany);
        }
        if devices.contains(&mac) || addresses.contains(&address) {
            return Err(LineError::Twice);
        }
        devices.insert(mac);
        addresses.insert(address);
        Ok(dnsmasq::reservations([(mac, address)]))
    })
}

fn reservation(line: &str, network: &NetworkConfig) -> Result<(MacAddress, Ipv4Addr), LineError> {
    let (mac, address) = line.split_once(',').ok_or(LineError::Device)?;
    let mac: MacAddress = mac.parse().map_err(|_| LineError::Device)?;
    if !mac.is_of_one_device() {
        return Err(LineError::Device);
    }
    let address = address.parse().map_err(|_| LineError::Address)?;
    reservable(network, address).ok_or(LineError::Address)?;
    Ok((mac, address))
}

/// The option of a file that leads phones to the portal.
#[must_use]
pub fn options(content: &[u8]) -> Checked {
    let mut is_told = false;
    checked(content, |line| {
        let head = format!("tag:{},114,", SegmentUse::Guest.name());
        let url = line.strip_prefix(&head).ok_or(LineError::Option)?;
        let option = dnsmasq::captive_option(url).ok_or(LineError::Option)?;
        if std::mem::replace(&mut is_told, true) {
            return Err(LineError::Twice);
        }
        Ok(option)
    })
}

fn checked(content: &[u8], mut line: impl FnMut(&str) -> Result<String, LineError>) -> Checked {
    let (mut text, mut wrong) = (String::new(), Vec::new());
    let content = String::from_utf8_lossy(content);
    for (at, one) in content.lines().enumerate() {
        match line(one) {
            Ok(good) => text.push_str(&good),
            Err(why) => wrong.push((at + 1, why)),
        }
    }
    Checked { text, wrong }
}

/// The rows of the leases that are saved for after a reboot: those of devices and staff, and the
/// server's own name (`duid`). After a reboot phones ask anew, and get the address again that
/// `dnsmasq` computes from their hardware address.
#[must_use]
pub fn kept_leases(content: &[u8], network: &NetworkConfig) -> Vec<u8> {
    let is_kept = |line: &&[u8]| {
        line.starts_with(b"duid ")
            || leases::parse(line).first().is_some_and(|lease| {
                let purpose = segment_of(network, lease.address);
                matches!(purpose, Some(SegmentUse::Device | SegmentUse::Staff))
            })
    };
    let lines = content.split_inclusive(|byte| *byte == b'\n');
    lines.filter(is_kept).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> NetworkConfig {
        let segment = |text: &str| serde_json::from_str(text).ok();
        NetworkConfig {
            guest: segment(r#"{"interface":"guest0","v4":"10.7.0.1/22"}"#),
            device: segment(r#"{"interface":"dev0","v4":"10.8.0.1/24"}"#),
            staff: segment(r#"{"interface":"staff0","v4":"10.9.0.1/24"}"#),
            ..NetworkConfig::default()
        }
    }

    #[test]
    fn only_a_device_and_an_address_that_it_can_keep_reach_dnsmasq() {
        let good = "aa:00:00:00:00:01,10.8.0.20\n";
        let of = |text: &str| reservations(text.as_bytes(), &network());
        assert_eq!(of(good).text, good);
        for (bad, why) in [
            ("aa:00:00:00:00:02,10.8.0.21,set:guest", LineError::Address),
            ("aa:00:00:00:00:02,10.8.0.21,infinite", LineError::Address),
            ("aa:00:00:00:00:02,ignore", LineError::Address),
            ("aa:00:00:00:00:02,10.8.0.1", LineError::Address),
            ("aa:00:00:00:00:02,10.7.0.20", LineError::Address),
            ("aa:00:00:00:00:02,192.168.1.1", LineError::Address),
            ("aa:00:00:00:00:02", LineError::Device),
            ("*,10.8.0.21", LineError::Device),
            ("id:*,10.8.0.21", LineError::Device),
            ("ff:ff:ff:ff:ff:ff,10.8.0.21", LineError::Device),
            ("tag:x,aa:00:00:00:00:02,10.8.0.21", LineError::Device),
            ("dhcp-script=/tmp/x", LineError::Device),
            ("", LineError::Device),
            ("aa:00:00:00:00:01,10.8.0.21", LineError::Twice),
            ("aa:00:00:00:00:02,10.8.0.20", LineError::Twice),
        ] {
            let checked = of(&format!("{good}{bad}\n"));
            assert_eq!(checked.text, good, "{bad}");
            assert_eq!(checked.wrong, [(2, why)], "{bad}");
        }
        assert_eq!(
            reservations(b"\xff\n", &network()).wrong,
            [(1, LineError::Device)]
        );
        let row = |n: usize| {
            format!(
                "aa:00:00:01:{:02x}:{:02x},10.0.{}.{}\n",
                n / 256,
                n % 256,
                n / 200,
                n % 200 + 2
            )
        };
        let wide = NetworkConfig {
            device: serde_json::from_str(r#"{"interface":"d","v4":"10.0.0.1/16"}"#).ok(),
            ..network()
        };
        let many: String = (0..=MAX_RESERVATIONS).map(row).collect();
        let checked = reservations(many.as_bytes(), &wide);
        assert_eq!(checked.text.lines().count(), MAX_RESERVATIONS);
        assert_eq!(checked.wrong, [(MAX_RESERVATIONS + 1, LineError::TooMany)]);
    }

    #[test]
    fn no_option_but_the_portals_reaches_dnsmasq() {
        let good = "tag:guest,114,https://benthoc.example/api\n";
        assert_eq!(options(good.as_bytes()).text, good);
        assert_eq!(
            options(b""),
            Checked {
                text: String::new(),
                wrong: Vec::new()
            }
        );
        for (bad, why) in [
            ("6,203.0.113.66", LineError::Option),
            ("tag:guest,3,10.7.0.66", LineError::Option),
            ("tag:guest,option:router,10.7.0.66", LineError::Option),
            (
                "tag:device,114,https://benthoc.example/api",
                LineError::Option,
            ),
            (
                "tag:guest,114,http://benthoc.example/api",
                LineError::Option,
            ),
            ("tag:guest,114,https://other.example/api", LineError::Twice),
        ] {
            let checked = options(format!("{good}{bad}\n").as_bytes());
            assert_eq!(
                (checked.text.as_str(), checked.wrong),
                (good, vec![(2, why)]),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_guests_lease_is_not_kept_for_after_a_reboot() {
        let camera = "1764496800 aa:00:00:00:00:01 10.8.0.200 cam-dinh *\n";
        let staff = "1764496800 aa:00:00:00:00:02 10.9.0.70 may-tinh 01:aa\n";
        let duid = "duid 00:01:00:01:2e:aa\n";
        let guest = "1764496800 02:00:00:00:07:11 10.7.0.11 * 01:02:00:00:00:07:11\n";
        let v6 = "1764496800 123456 fd00:7::11 * 00:01\n";
        let odd = "\u{1b} 02:00:00:00:07:12\n";
        let all = [guest, camera, v6, staff, odd, duid, guest].concat();
        let kept = kept_leases(all.as_bytes(), &network());
        assert_eq!(
            String::from_utf8(kept).expect("text"),
            [camera, staff, duid].concat()
        );
    }
}
