//! The tools that speak with the kernel: `nft`, `tc`, `ip`. Each run has a deadline and a bound on
//! what it prints.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::hardware_address::masked;
use crate::protocol::netd::{
    InterfaceName, MAX_NEIGHBORS, MacAddress, Neighbor, NetdRefusal, SlotId,
};
use crate::supervisor::helper::{self, HelperError};

/// How long one run of a tool may take: a transaction of 1,024 sessions takes some 200 ms on two
/// busy cores.
const DEADLINE: Duration = Duration::from_secs(10);
/// Wait before a script is tried again that the kernel was too busy for; each further wait is twice
/// as long. A try between the kernel's look at a set and its clearing makes it put that off to the
/// next second, so tries at a steady pace could keep it from clearing on a busy box.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// Further tries of such a script: 6.3 seconds in all.
const BUSY_TRIES: u32 = 6;
/// Most that is read of what a tool prints, bytes: counts of 1,024 sessions are some 150 kB.
const MAX_OUTPUT_BYTES: usize = 4 * 1024 * 1024;

/// Why the kernel was not changed, and what its tool printed.
#[derive(Debug)]
pub struct KernelError {
    /// For the gateway.
    pub reason: NetdRefusal,
    /// For the technician.
    pub detail: String,
}

impl KernelError {
    /// Whether something that is to go is still in use (`EBUSY`).
    fn is_busy(&self) -> bool {
        self.reason == NetdRefusal::Kernel && self.detail.contains("resource busy")
    }
}

impl From<HelperError> for KernelError {
    fn from(cause: HelperError) -> Self {
        let reason = match &cause {
            HelperError::Failed { .. } => NetdRefusal::Kernel,
            _ => NetdRefusal::Tool,
        };
        Self {
            reason,
            detail: masked(&cause.to_string()),
        }
    }
}

async fn run(program: &str, args: &[&str], input: &str) -> Result<Vec<u8>, KernelError> {
    let input = input.as_bytes();
    Ok(helper::run(program, args, &[], input, DEADLINE, MAX_OUTPUT_BYTES).await?)
}

/// Puts a script into force as one transaction: all of it or nothing. A quota that is to go is held
/// by an element whose time is over, until the kernel clears that away, which it does each second:
/// whoever is cut, or taps, just when the time is over waits for that.
///
/// # Errors
/// [`KernelError`] when nothing was changed.
pub async fn transact(script: &str) -> Result<(), KernelError> {
    if script.is_empty() {
        return Ok(());
    }
    let mut tries = 0;
    loop {
        match run("nft", &["-f", "-"], script).await {
            Err(error) if error.is_busy() && tries < BUSY_TRIES => {
                tokio::time::sleep(BUSY_PAUSE * (1 << tries)).await;
                tries += 1;
            }
            done => return done.map(drop),
        }
    }
}

/// Runs `tc` commands; one that fails does not keep the others from running.
///
/// # Errors
/// [`KernelError`] when a command failed.
pub async fn shape(commands: &str) -> Result<(), KernelError> {
    if commands.is_empty() {
        return Ok(());
    }
    let args = ["-force", "-batch", "-"];
    run("tc", &args, commands).await.map(drop)
}

/// Whether the kernel has a queueing discipline: tried on the loopback interface, and taken off
/// again.
pub async fn has_queue(queue: &str) -> bool {
    let tried = run("tc", &["qdisc", "add", "dev", "lo", "root", queue], "").await;
    if tried.is_err() {
        return false;
    }
    let _ = run("tc", &["qdisc", "del", "dev", "lo", "root"], "").await;
    true
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    quota: Option<Quota>,
}

#[derive(Deserialize)]
struct Quota {
    name: String,
    used: u64,
}

/// Bytes that the kernel has counted for each slot; none = there is no table.
///
/// # Errors
/// [`KernelError`] when the tool could not be asked.
pub async fn used_bytes() -> Result<Option<BTreeMap<SlotId, u64>>, KernelError> {
    let args = ["-j", "list", "quotas", "table", "inet", "conglang"];
    let listing = match run("nft", &args, "").await {
        Ok(listing) => listing,
        // The tool fails for other reasons too; without sessions nothing may be concluded from
        // them.
        Err(error) if matches!(error.reason, NetdRefusal::Kernel) => {
            return if is_loaded().await? {
                Err(error)
            } else {
                Ok(None)
            };
        }
        Err(error) => return Err(error),
    };
    Ok(Some(parse_quotas(&listing)))
}

fn parse_quotas(listing: &[u8]) -> BTreeMap<SlotId, u64> {
    let Ok(listing) = serde_json::from_slice::<Listing>(listing) else {
        return BTreeMap::new();
    };
    listing
        .nftables
        .into_iter()
        .filter_map(|item| item.quota)
        .filter_map(|quota| Some((slot_of_quota(&quota.name)?, quota.used)))
        .collect()
}

/// The content of the table, as far as it changes while the box runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldTable {
    /// Sessions with the seconds that are left.
    pub sessions: Vec<(SlotId, MacAddress, u32)>,
    /// Addresses of the garden with the seconds that are left.
    pub garden: Vec<(IpAddr, u32)>,
    /// Uplinks that are open to guests.
    pub open_uplinks: Vec<InterfaceName>,
    /// Quotas of the sessions.
    pub quotas: BTreeMap<SlotId, HeldQuota>,
}

/// The quota of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldQuota {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes used.
    pub used: u64,
}

/// Whether our table is in the kernel.
///
/// # Errors
/// [`KernelError`] when the tool could not be asked.
pub async fn is_loaded() -> Result<bool, KernelError> {
    let tables = run("nft", &["-j", "list", "tables", "inet"], "").await?;
    Ok(has_table(&tables))
}

/// The content of the table; none = there is no table, the machine has just started.
///
/// # Errors
/// [`KernelError`] when the tool could not be asked.
pub async fn held_table() -> Result<Option<HeldTable>, KernelError> {
    if !is_loaded().await? {
        return Ok(None);
    }
    let table = run("nft", &["-j", "list", "table", "inet", "conglang"], "").await?;
    Ok(Some(parse_table(&table)))
}

fn has_table(listing: &[u8]) -> bool {
    let rows = serde_json::from_slice::<Value>(listing).unwrap_or_default();
    let rows = rows["nftables"].as_array().cloned().unwrap_or_default();
    rows.iter().any(|row| row["table"]["name"] == "conglang")
}

fn parse_table(listing: &[u8]) -> HeldTable {
    let mut held = HeldTable::default();
    let rows = serde_json::from_slice::<Value>(listing).unwrap_or_default();
    for row in rows["nftables"].as_array().into_iter().flatten() {
        let elements = |kind: &str| row[kind]["elem"].as_array().cloned().unwrap_or_default();
        if row["map"]["name"] == "slots" {
            held.sessions
                .extend(elements("map").iter().filter_map(held_session));
        }
        let quota = &row["quota"];
        if let Some(slot) = quota["name"].as_str().and_then(slot_of_quota) {
            let number = |key: &str| quota[key].as_u64().unwrap_or(0);
            let (bytes, used) = (number("bytes"), number("used"));
            held.quotas.insert(slot, HeldQuota { bytes, used });
        }
        match row["set"]["name"].as_str() {
            Some("garden4" | "garden6") => {
                held.garden
                    .extend(elements("set").iter().filter_map(held_address));
            }
            Some("open_uplinks") => {
                let names = elements("set");
                let names = names.iter().filter_map(Value::as_str);
                held.open_uplinks
                    .extend(names.filter_map(|name| InterfaceName::new(name).ok()));
            }
            _ => {}
        }
    }
    held
}

fn slot_of_quota(name: &str) -> Option<SlotId> {
    SlotId::new(name.strip_prefix('q')?.parse().ok()?)
}

/// A pair of an element with its time-out, and the slot.
fn held_session(pair: &Value) -> Option<(SlotId, MacAddress, u32)> {
    let (element, slot) = (&pair[0]["elem"], pair[1].as_u64()?);
    let slot = SlotId::new(u16::try_from(slot).ok()?)?;
    let mac = element["val"].as_str()?.parse().ok()?;
    Some((slot, mac, seconds_left(element)?))
}

fn held_address(row: &Value) -> Option<(IpAddr, u32)> {
    let element = &row["elem"];
    let address = element["val"].as_str()?.parse().ok()?;
    Some((address, seconds_left(element)?))
}

fn seconds_left(element: &Value) -> Option<u32> {
    u32::try_from(element["expires"].as_u64()?).ok()
}

#[derive(Deserialize)]
struct NeighborRow {
    dst: String,
    lladdr: Option<String>,
    #[serde(default)]
    state: Vec<String>,
}

/// The addresses on an interface whose devices the kernel heard lately.
///
/// # Errors
/// [`KernelError`] when the tool could not be asked.
pub async fn neighbors(interface: &str) -> Result<Vec<Neighbor>, KernelError> {
    let listing = run("ip", &["-j", "neigh", "show", "dev", interface], "").await?;
    Ok(parse_neighbors(&listing))
}

fn parse_neighbors(listing: &[u8]) -> Vec<Neighbor> {
    let rows = serde_json::from_slice::<Vec<NeighborRow>>(listing).unwrap_or_default();
    let is_known = |row: &&NeighborRow| {
        let is_nobody = |state: &String| state == "FAILED" || state == "INCOMPLETE";
        !row.state.iter().any(is_nobody)
    };
    let neighbor = |row: &NeighborRow| {
        let mac: MacAddress = row.lladdr.as_deref()?.parse().ok()?;
        let address = row.dst.parse().ok()?;
        mac.is_of_one_device().then_some(Neighbor { address, mac })
    };
    let known = rows.iter().filter(is_known).filter_map(neighbor);
    known.take(MAX_NEIGHBORS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_four_gigabytes_are_read() {
        let listing = br#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"quota": {"family": "inet", "name": "q7", "table": "conglang", "handle": 17,
             "bytes": 9000000000, "used": 5000000000, "inv": false}},
            {"quota": {"name": "other", "used": 1}}, {"quota": {"name": "q0", "used": 1}}]}"#;
        let used = parse_quotas(listing);
        let slot = SlotId::new(7).expect("a slot");
        assert_eq!(used, BTreeMap::from([(slot, 5_000_000_000)]));
        assert!(parse_quotas(b"Error: no such table").is_empty());
    }

    #[test]
    fn the_table_is_read_as_the_tool_prints_it() {
        assert!(!has_table(
            br#"{"nftables": [{"table": {"name": "other"}}]}"#
        ));
        assert!(has_table(
            br#"{"nftables": [{"table": {"name": "conglang"}}]}"#
        ));
        let listing = br#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"map": {"name": "slots", "type": "ether_addr", "map": "mark", "elem": [
              [{"elem": {"val": "02:00:00:00:00:01", "timeout": 3600, "expires": 3599}}, 7],
              [{"elem": {"val": "x", "timeout": 3600, "expires": 3599}}, 8],
              [{"elem": {"val": "02:00:00:00:00:02", "timeout": 3600, "expires": 9}}, 0]]}},
            {"set": {"name": "garden4", "elem": [
              {"elem": {"val": "198.18.0.1", "timeout": 60, "expires": 59}}, "198.18.0.2"]}},
            {"set": {"name": "open_uplinks", "elem": ["up0", "a b"]}},
            {"set": {"name": "private4", "elem": [{"prefix": {"addr": "10.0.0.0", "len": 8}}]}}]}"#;
        let held = parse_table(listing);
        let slot = SlotId::new(7).expect("a slot");
        let mac = "02:00:00:00:00:01".parse().expect("an address");
        assert_eq!(held.sessions, [(slot, mac, 3_599)]);
        assert_eq!(held.garden, [(IpAddr::from([198, 18, 0, 1]), 59)]);
        assert_eq!(
            held.open_uplinks,
            [InterfaceName::new("up0").expect("a name")]
        );
        assert_eq!(parse_table(b"Error"), HeldTable::default());
    }

    #[test]
    fn a_neighbor_that_did_not_answer_is_nobody() {
        let row = |state: &str, mac: &str| {
            parse_neighbors(
                format!(r#"[{{"dst":"10.7.0.9","lladdr":"{mac}","state":["{state}"]}}]"#)
                    .as_bytes(),
            )
        };
        let mac = "02:00:00:00:00:01";
        let known = vec![Neighbor {
            address: IpAddr::from([10, 7, 0, 9]),
            mac: mac.parse().expect("a hardware address"),
        }];
        assert_eq!(row("REACHABLE", mac), known);
        assert_eq!(row("STALE", mac), known);
        assert_eq!(row("FAILED", mac), []);
        assert_eq!(row("REACHABLE", "ff:ff:ff:ff:ff:ff"), []);
        assert_eq!(row("REACHABLE", "x; drop"), []);
        assert_eq!(parse_neighbors(b"[]"), []);
        assert_eq!(parse_neighbors(b""), []);
        // A row that is none hides no other.
        let mixed = format!(
            r#"[{{"dst":"10.7.0.1","state":["FAILED"]}},{{"dst":"x","lladdr":"{mac}"}},
                {{"dst":"10.7.0.9","lladdr":"{mac}","state":["REACHABLE"]}}]"#
        );
        assert_eq!(parse_neighbors(mixed.as_bytes()), known);
    }
}
