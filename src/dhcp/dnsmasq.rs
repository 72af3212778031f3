//! The configuration of `dnsmasq` as text, and the lines of the two files that it reads again while
//! it runs: reservations, and the option that leads phones to the portal.
//!
//! It gives out addresses and announces IPv6 prefixes; names are the forwarder's (`port=0`).
//! Source of each option: dnsmasq(8) of 2.90, as Debian 12 has it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::pool::{Pool, SegmentUse, served};
use crate::config::network::NetworkConfig;
use crate::protocol::netd::{MacAddress, NetworkSegment};

/// After how long a device asks whether its address still holds, seconds: a reservation holds after
/// an hour at the latest, without anybody at the camera. Of its lease it has weeks.
const DEVICE_RENEWAL_SECONDS: u32 = 3_600;
/// How often routers announce themselves, seconds.
const ANNOUNCEMENT_SECONDS: u32 = 300;
/// How long phones believe an announcement, seconds.
const ROUTER_SECONDS: u32 = 1_800;

/// Settings of every segment.
const COMMON: &str = "\
# Made by conglang; changes are lost at the next start.
port=0
bind-dynamic
except-interface=lo
log-facility=-
quiet-dhcp
quiet-dhcp6
quiet-ra
# A phone gets its address at once; asking first whether anybody has it takes three seconds.
no-ping
dhcp-authoritative
enable-ra
";

/// The whole configuration; without a segment it serves nobody.
#[must_use]
pub fn config(network: &NetworkConfig) -> String {
    let mut text = COMMON.to_owned();
    let mut most = 0;
    for (purpose, segment) in served(network) {
        if let Some(pool) = Pool::of(purpose, segment) {
            // Reservations take leases of their own beside the pool.
            most += pool.size() * 2;
            // Writing to a string cannot fail.
            let _ = v4(&mut text, purpose, segment, pool);
        }
        let _ = v6(&mut text, purpose, segment);
    }
    let _ = writeln!(text, "dhcp-lease-max={most}");
    text
}

fn v4(
    text: &mut String,
    purpose: SegmentUse,
    segment: &NetworkSegment,
    pool: Pool,
) -> std::fmt::Result {
    let (tag, own) = (purpose.name(), segment.v4.address());
    let (first, last, mask) = (pool.first, pool.last, pool.netmask);
    let minutes = purpose.lease_minutes();
    let interface = &segment.interface;
    writeln!(text, "interface={interface}")?;
    // dnsmasq tags a packet with the interface that it came by. Without that condition it takes the
    // pool that the packet itself asks for: a guest would get an address of the devices.
    writeln!(
        text,
        "dhcp-range=tag:{interface},set:{tag},{first},{last},{mask},{minutes}m"
    )?;
    if purpose == SegmentUse::Device {
        // An option without a value is left out: devices have no way out and ask for no names.
        writeln!(text, "dhcp-option=tag:{tag},option:router")?;
        writeln!(
            text,
            "dhcp-option=tag:{tag},option:T1,{DEVICE_RENEWAL_SECONDS}"
        )?;
    } else {
        writeln!(text, "dhcp-option=tag:{tag},option:router,{own}")?;
        writeln!(text, "dhcp-option=tag:{tag},option:dns-server,{own}")?;
    }
    if purpose == SegmentUse::Guest {
        // “Nguyen-Van-A-iPhone” is nobody's business.
        writeln!(text, "dhcp-ignore-names=tag:{tag}")
    } else {
        writeln!(text, "dhcp-option=tag:{tag},option:ntp-server,{own}")
    }
}

fn v6(text: &mut String, purpose: SegmentUse, segment: &NetworkSegment) -> std::fmt::Result {
    let Some(subnet) = segment.v6 else {
        return Ok(());
    };
    let (tag, interface) = (purpose.name(), &segment.interface);
    let (network, prefix, own) = (subnet.network(), subnet.prefix(), subnet.address());
    let minutes = purpose.lease_minutes();
    writeln!(
        text,
        "dhcp-range=set:{tag},{network},ra-only,{prefix},{minutes}m"
    )?;
    // A router with a lifetime of 0 is none: devices learn their prefix and no way out.
    let lifetime = if purpose == SegmentUse::Device {
        0
    } else {
        ROUTER_SECONDS
    };
    writeln!(
        text,
        "ra-param={interface},{ANNOUNCEMENT_SECONDS},{lifetime}"
    )?;
    if purpose == SegmentUse::Device {
        Ok(())
    } else {
        writeln!(text, "dhcp-option=tag:{tag},option6:dns-server,[{own}]")
    }
}

/// The file of reservations.
#[must_use]
pub fn reservations(rows: impl IntoIterator<Item = (MacAddress, Ipv4Addr)>) -> String {
    let lines = rows.into_iter();
    lines
        .map(|(mac, address)| format!("{mac},{address}\n"))
        .collect()
}

/// The file of options that tells phones where they ask whether they are in (option 114 of RFC
/// 8910): only for an `https` address of at most 255 bytes without a character that would end it.
/// None = it is not such an address.
#[must_use]
pub fn captive_option(url: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?&=%".contains(c);
    let is_address = url
        .strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty());
    (is_address && url.len() <= 255 && url.chars().all(is_plain))
        .then(|| format!("tag:{},114,{url}\n", SegmentUse::Guest.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> NetworkConfig {
        let segment = |text: &str| serde_json::from_str(text).ok();
        NetworkConfig {
            guest: segment(r#"{"interface":"guest0","v4":"10.7.0.1/22","v6":"fd00:7::1/64"}"#),
            device: segment(r#"{"interface":"dev0","v4":"10.8.0.1/24","v6":"fd00:8::1/64"}"#),
            staff: segment(r#"{"interface":"staff0","v4":"10.9.0.1/24"}"#),
            ..NetworkConfig::default()
        }
    }

    #[test]
    fn every_segment_gets_what_it_needs_and_no_more() {
        let text = config(&network());
        let tail = text.strip_prefix(COMMON).expect("what holds for all");
        assert_eq!(
            tail,
            "interface=guest0\n\
             dhcp-range=tag:guest0,set:guest,10.7.0.2,10.7.3.254,255.255.252.0,45m\n\
             dhcp-option=tag:guest,option:router,10.7.0.1\n\
             dhcp-option=tag:guest,option:dns-server,10.7.0.1\n\
             dhcp-ignore-names=tag:guest\n\
             dhcp-range=set:guest,fd00:7::,ra-only,64,45m\n\
             ra-param=guest0,300,1800\n\
             dhcp-option=tag:guest,option6:dns-server,[fd00:7::1]\n\
             interface=dev0\n\
             dhcp-range=tag:dev0,set:device,10.8.0.128,10.8.0.254,255.255.255.0,43200m\n\
             dhcp-option=tag:device,option:router\n\
             dhcp-option=tag:device,option:T1,3600\n\
             dhcp-option=tag:device,option:ntp-server,10.8.0.1\n\
             dhcp-range=set:device,fd00:8::,ra-only,64,43200m\n\
             ra-param=dev0,300,0\n\
             interface=staff0\n\
             dhcp-range=tag:staff0,set:staff,10.9.0.64,10.9.0.254,255.255.255.0,720m\n\
             dhcp-option=tag:staff,option:router,10.9.0.1\n\
             dhcp-option=tag:staff,option:dns-server,10.9.0.1\n\
             dhcp-option=tag:staff,option:ntp-server,10.9.0.1\n\
             dhcp-lease-max=2678\n"
        );
    }

    #[test]
    fn only_an_address_that_phones_accept_is_announced() {
        let good = captive_option("https://benthoc.example/api/captive?x=1");
        let expected = "tag:guest,114,https://benthoc.example/api/captive?x=1\n";
        assert_eq!(good.as_deref(), Some(expected));
        let long = format!("https://{}", "a".repeat(255));
        for bad in [
            "http://benthoc.example/",
            "https://",
            "https://a.vn/,option:router",
            "https://a.vn/\n6,1.2.3.4",
            "https://a.vn/ x",
            "https://a.vn/\"",
            &long,
        ] {
            assert_eq!(captive_option(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_reservation_is_an_address_for_a_device_and_nothing_else() {
        let mac: MacAddress = "AA:00:00:00:00:01".parse().expect("an address");
        let text = reservations([(mac, Ipv4Addr::new(10, 8, 0, 20))]);
        assert_eq!(text, "aa:00:00:00:00:01,10.8.0.20\n");
        assert!(reservations([]).is_empty());
    }
}
