//! `net leases|reserve|release|render`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use clap::{Subcommand, ValueEnum};

use super::camera::moment;
use super::{Cli, Failure, NO_ARGS, client, print, print_line};
use crate::config::Config;
use crate::config::network::NetworkConfig;
use crate::dhcp::leases::Lease;
use crate::dhcp::pool::{SegmentUse, reservable, segment_of, served};
use crate::dhcp::signs::Sign;
use crate::dhcp::{chrony, dnsmasq, folder, hostapd, leases, signs, sysctl};
use crate::domain::network::{Command, Reservation, SegmentKind};
use crate::domain::text;
use crate::protocol::control::Submit;
use crate::protocol::netd::MacAddress;

/// Through which hardware address the kernel reaches an address.
const NEIGHBORS: &str = "/proc/net/arp";

/// Addresses of the networks that the box serves.
#[derive(Debug, Subcommand)]
pub enum NetCommand {
    /// Which device has which address; works with the gateway stopped
    Leases,
    /// Keep an address for a device: `net reserve aa:bb:cc:00:11:22 10.8.0.20 "Camera ngã ba"`
    Reserve {
        /// Its hardware address, as it stands on the device or in `net leases`
        mac: String,
        /// The address
        address: String,
        /// Its name as people say it
        name: String,
    },
    /// Give the address of a device to others again
    Release {
        /// Its hardware address
        mac: String,
    },
    /// Print what another program is configured with
    Render {
        /// Which
        what: Rendered,
    },
}

/// A program or the kernel, with a configuration of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rendered {
    /// Addresses
    Dnsmasq,
    /// Time
    Chrony,
    /// The box's own radio
    Hostapd,
    /// The kernel
    Sysctl,
}

/// Carries out the command and gives its exit code.
pub fn run(cli: &Cli, what: &NetCommand) -> anyhow::Result<u8> {
    let config = super::load(cli).map_err(|code| Failure {
        code,
        text: cli.t("cli-config-first"),
    })?;
    if !config.network.is_served() {
        return Err(cli.failure("net-none", NO_ARGS));
    }
    match what {
        NetCommand::Leases => list(cli, &config.network),
        NetCommand::Reserve { mac, address, name } => {
            reserve(cli, &config.network, mac, address, name)
        }
        NetCommand::Release { mac } => release(cli, mac),
        NetCommand::Render { what } => render(cli, &config, *what),
    }
}

fn render(cli: &Cli, config: &Config, what: Rendered) -> anyhow::Result<u8> {
    let network = &config.network;
    let village = config.declared.village.as_ref();
    let village = village.map(|v| v.name.as_str()).unwrap_or_default();
    let text = match what {
        Rendered::Dnsmasq => dnsmasq::config(network),
        Rendered::Chrony => chrony::config(network),
        Rendered::Sysctl => sysctl::config(network),
        Rendered::Hostapd => {
            hostapd::config(network, village).ok_or_else(|| cli.failure("net-no-radio", NO_ARGS))?
        }
    };
    // Another program reads it: no line is broken at a terminal's width.
    if cli.json {
        print_line(&serde_json::json!({ "text": text }).to_string());
    } else {
        print_line(text.trim_end());
    }
    Ok(0)
}

/// Which devices are reserved; none = the gateway does not answer.
fn reservations(cli: &Cli) -> Option<BTreeMap<MacAddress, Reservation>> {
    let state = client::request(cli, "GET", "/state", None).ok()?;
    match state.get("reservations") {
        Some(part) => client::understand(cli, part).ok(),
        None => Some(BTreeMap::new()),
    }
}

/// Prints who has which address; exit code 2 when the technician should look at something.
fn list(cli: &Cli, network: &NetworkConfig) -> anyhow::Result<u8> {
    let running = network.dhcp_run.join(folder::LEASES);
    let saved = network.dhcp.join(folder::LEASES);
    let leases = leases::load(&running, &saved)
        .map_err(|cause| cli.file_failure("net-leases-unread", &running, &cause))?;
    let reserved = reservations(cli);
    let table = std::fs::read_to_string(NEIGHBORS).unwrap_or_default();
    let given = leases.as_deref().unwrap_or_default();
    let signs = signs::of(given, &signs::neighbors(&table), network);
    let kept = reserved.clone().unwrap_or_default();
    let mut text = cli.f(
        "net-leases",
        &[("n", given.len()), ("reserved", kept.len())],
    ) + "\n";
    if leases.is_none() {
        text.push_str(&format!("{}\n", cli.t("net-leases-none")));
    }
    let mut rows: BTreeMap<Ipv4Addr, serde_json::Value> = BTreeMap::new();
    let mut lines: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for lease in given {
        let reservation = kept.get(&lease.mac);
        lines.insert(lease.address, lease_line(cli, network, lease, reservation));
        rows.insert(lease.address, lease_json(network, lease, reservation));
    }
    let seen: BTreeSet<MacAddress> = given.iter().map(|lease| lease.mac).collect();
    for reservation in kept.values().filter(|r| !seen.contains(&r.mac)) {
        let (address, mac, name) = (reservation.v4, reservation.mac, &reservation.name);
        let words = cli.f("net-kept-unseen", &[("name", name)]);
        lines.entry(address).or_insert_with(|| {
            let segment = segment_text(cli, segment_of(network, address));
            line(address, mac, &segment, &words)
        });
        rows.entry(address).or_insert_with(|| {
            serde_json::json!({
                "address": address, "mac": mac, "name": name, "reserved": true, "leased": false,
                "segment": segment_of(network, address).map(SegmentUse::name),
            })
        });
    }
    text.extend(lines.into_values());
    if reserved.is_none() {
        text.push_str(&format!("{}\n", cli.t("net-no-names")));
    }
    for sign in &signs {
        text.push_str(&format!("{}\n", sign_text(cli, sign)));
    }
    let signs_json: Vec<_> = signs.iter().map(|sign| sign_json(cli, sign)).collect();
    let rows: Vec<_> = rows.into_values().collect();
    print(
        cli,
        &serde_json::json!({ "leases": rows, "signs": signs_json }),
        &text,
    );
    Ok(if signs.is_empty() { 0 } else { 2 })
}

fn line(address: Ipv4Addr, mac: MacAddress, segment: &str, words: &str) -> String {
    let (address, mac) = (address.to_string(), mac.to_string());
    format!("  {address:<15}  {mac}  {segment:<9}  {words}\n")
}

fn segment_text(cli: &Cli, purpose: Option<SegmentUse>) -> String {
    let name = purpose.map_or("other", SegmentUse::name);
    cli.t(&format!("net-segment-{name}"))
}

fn lease_line(
    cli: &Cli,
    network: &NetworkConfig,
    lease: &Lease,
    reservation: Option<&Reservation>,
) -> String {
    let own = lease.name.as_deref().unwrap_or_default();
    let words = match (reservation, lease.until) {
        (Some(r), _) if r.v4 == lease.address => cli.f("net-kept", &[("name", &r.name)]),
        (Some(r), _) => {
            let address = r.v4.to_string();
            cli.f("net-moves", &[("name", &r.name), ("address", &address)])
        }
        (None, Some(until)) => cli.f("net-until", &[("name", own), ("until", &moment(until))]),
        (None, None) => cli.f("net-for-ever", &[("name", own)]),
    };
    let segment = segment_text(cli, segment_of(network, lease.address));
    line(lease.address, lease.mac, &segment, words.trim())
}

fn lease_json(
    network: &NetworkConfig,
    lease: &Lease,
    reservation: Option<&Reservation>,
) -> serde_json::Value {
    let name = reservation.map(|r| r.name.as_str());
    serde_json::json!({
        "address": lease.address,
        "mac": lease.mac,
        "segment": segment_of(network, lease.address).map(SegmentUse::name),
        "name": name.or(lease.name.as_deref()),
        "until": lease.until,
        "reserved": reservation.is_some_and(|r| r.v4 == lease.address),
        "leased": true,
        "random": lease.mac.is_random(),
    })
}

fn sign_text(cli: &Cli, sign: &Sign) -> String {
    match sign {
        Sign::ManyAddresses { mac, count } => {
            let (mac, n) = (mac.to_string(), count.to_string());
            cli.f("net-many-addresses", &[("mac", &mac), ("n", &n)])
        }
        Sign::BehindOne { mac, count } => {
            let (mac, n) = (mac.to_string(), count.to_string());
            cli.f("net-behind-one", &[("mac", &mac), ("n", &n)])
        }
        Sign::NearlyFull {
            purpose,
            taken,
            size,
        } => {
            let segment = segment_text(cli, Some(*purpose));
            let (taken, size) = (taken.to_string(), size.to_string());
            let values = [("segment", &segment), ("taken", &taken), ("size", &size)];
            cli.f("net-nearly-full", &values)
        }
    }
}

fn sign_json(cli: &Cli, sign: &Sign) -> serde_json::Value {
    let what = sign_text(cli, sign);
    match sign {
        Sign::ManyAddresses { mac, count } => {
            serde_json::json!({ "sign": "many_addresses", "mac": mac, "n": count, "what": what })
        }
        Sign::BehindOne { mac, count } => {
            serde_json::json!({ "sign": "behind_one", "mac": mac, "n": count, "what": what })
        }
        Sign::NearlyFull {
            purpose,
            taken,
            size,
        } => serde_json::json!({
            "sign": "nearly_full", "segment": purpose.name(), "taken": taken, "size": size,
            "what": what,
        }),
    }
}

fn hardware_address(cli: &Cli, typed: &str) -> anyhow::Result<MacAddress> {
    let mac = typed.replace('-', ":").parse::<MacAddress>().ok();
    mac.filter(|mac| mac.is_of_one_device())
        .ok_or_else(|| cli.failure("net-no-mac", &[("mac", typed)]))
}

fn reserve(
    cli: &Cli,
    network: &NetworkConfig,
    mac: &str,
    address: &str,
    name: &str,
) -> anyhow::Result<u8> {
    let mac = hardware_address(cli, mac)?;
    let place = address
        .parse()
        .ok()
        .and_then(|v4| Some((v4, kind(reservable(network, v4)?)?)));
    let Some((v4, segment)) = place else {
        let segments: Vec<String> = served(network)
            .filter(|(purpose, _)| *purpose != SegmentUse::Guest)
            .map(|(_, segment)| segment.v4.to_string())
            .collect();
        let segments = segments.join(", ");
        let values = [("address", address), ("segments", segments.as_str())];
        return Err(cli.failure("net-not-reservable", &values));
    };
    let name = text::line(name, usize::MAX);
    let reservation = Reservation {
        mac,
        v4,
        name: name.clone(),
        segment,
    };
    let made = submit(cli, Command::ReserveAddress { reservation })?;
    let (mac, v4) = (mac.to_string(), v4.to_string());
    let values = [("name", &name), ("mac", &mac), ("address", &v4)];
    print(cli, &made, &cli.f("net-reserved", &values));
    Ok(0)
}

const fn kind(purpose: SegmentUse) -> Option<SegmentKind> {
    match purpose {
        SegmentUse::Guest => None,
        SegmentUse::Device => Some(SegmentKind::Device),
        SegmentUse::Staff => Some(SegmentKind::Staff),
    }
}

fn release(cli: &Cli, mac: &str) -> anyhow::Result<u8> {
    let mac = hardware_address(cli, mac)?;
    let made = submit(cli, Command::ReleaseAddress { mac })?;
    let mac = mac.to_string();
    print(cli, &made, &cli.f("net-released", &[("mac", &mac)]));
    Ok(0)
}

fn submit(cli: &Cli, command: Command) -> anyhow::Result<serde_json::Value> {
    let body = serde_json::to_value(Submit {
        command: command.into(),
    })?;
    client::request(cli, "POST", "/commands", Some(&body))
}
