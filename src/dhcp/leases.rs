//! The addresses that `dnsmasq` has given out, as it writes them: a line each.
//!
//! Invariants: rows that cannot be read are left out; what a device calls itself is kept only when
//! it is a plain name, because everybody may say anything; the number of rows and bytes is bounded.

use std::net::Ipv4Addr;
use std::path::Path;

use super::folder;
use crate::protocol::netd::MacAddress;
use crate::time::WallMs;

/// Most bytes of the file: twice the largest pools with the longest client ids.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Most rows.
const MAX_LEASES: usize = 16_384;
/// Longest name (RFC 1035).
const MAX_NAME_CHARS: usize = 63;

/// An address that a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The device.
    pub mac: MacAddress,
    /// Its address.
    pub address: Ipv4Addr,
    /// Until when it is its own; none = for ever.
    pub until: Option<WallMs>,
    /// The name that the device gives itself, when it is a plain one.
    pub name: Option<String>,
}

/// Reads the leases: of the running server if it is there, else as they were saved last. None =
/// neither is there.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn load(running: &Path, saved: &Path) -> std::io::Result<Option<Vec<Lease>>> {
    let content = match folder::read(running, MAX_BYTES)? {
        Some(content) => Some(content),
        None => folder::read(saved, MAX_BYTES)?,
    };
    Ok(content.map(|content| parse(&content)))
}

/// The rows of the file that can be read.
#[must_use]
pub fn parse(content: &[u8]) -> Vec<Lease> {
    let lines = content.split(|byte| *byte == b'\n');
    let rows = lines.filter_map(|line| row(std::str::from_utf8(line).ok()?));
    rows.take(MAX_LEASES).collect()
}

/// `<until> <hardware address> <address> <name> <client id>`; 0 = for ever, `*` = no name.
fn row(line: &str) -> Option<Lease> {
    let mut words = line.split(' ');
    let seconds: i64 = words.next()?.parse().ok()?;
    let mac: MacAddress = words.next()?.parse().ok()?;
    let address = words.next()?.parse().ok()?;
    let name = words.next().filter(|name| is_plain(name));
    let until = match seconds {
        0 => None,
        _ => Some(WallMs::new(seconds.checked_mul(1_000)?)),
    };
    mac.is_of_one_device().then(|| Lease {
        mac,
        address,
        until,
        name: name.map(str::to_owned),
    })
}

fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= MAX_NAME_CHARS && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_what_is_no_row_is_left_out() {
        let text = b"1764496800 02:00:00:00:07:11 10.7.0.11 * 01:02:00:00:00:07:11\n\
            0 aa:00:00:00:00:01 10.8.0.20 cam-dinh *\n\
            1764496800 06-aa:00:00:00:00:02 10.8.0.21 x *\n\
            1764496800 ff:ff:ff:ff:ff:ff 10.8.0.22 x *\n\
            9223372036854775807 aa:00:00:00:00:03 10.8.0.23 x *\n\
            duid 00:01:00:01:2e:aa\n\
            1764496800 123456 fd00:7::11 * 00:01\n\
            \xff\xfe\n\n\
            1764496800 aa:00:00:00:00:04 10.8.0.24";
        let leases = parse(text);
        let addresses: Vec<String> = leases.iter().map(|l| l.address.to_string()).collect();
        assert_eq!(addresses, ["10.7.0.11", "10.8.0.20", "10.8.0.24"]);
        assert_eq!(leases[0].until, Some(WallMs::of_seconds(1_764_496_800)));
        assert_eq!(
            (leases[1].until, leases[1].name.as_deref()),
            (None, Some("cam-dinh"))
        );
        assert_eq!(leases[0].name, None);
    }

    #[test]
    fn a_hostile_name_is_no_name() {
        let long = "a".repeat(64);
        for name in [
            "*",
            "\u{1b}[2J",
            "a;reboot",
            "<b>",
            "Điện",
            "$(id)",
            "a,option:6",
            &long,
        ] {
            let line = format!("5 aa:00:00:00:00:01 10.8.0.20 {name} *\n");
            let leases = parse(line.as_bytes());
            assert_eq!(
                (leases.len(), leases[0].name.as_deref()),
                (1, None),
                "{name}"
            );
        }
    }

    #[test]
    fn a_flood_of_rows_is_bounded() {
        let line = "5 aa:00:00:00:00:01 10.8.0.20 x *\n";
        assert_eq!(
            parse(line.repeat(MAX_LEASES * 2).as_bytes()).len(),
            MAX_LEASES
        );
    }

    #[test]
    fn the_running_server_is_asked_before_what_was_saved() {
        let folder = tempfile::tempdir().expect("folder");
        let (running, saved) = (folder.path().join("now"), folder.path().join("saved"));
        assert_eq!(load(&running, &saved).expect("none"), None);
        std::fs::write(&saved, "5 aa:00:00:00:00:01 10.8.0.20 x *\n").expect("written");
        assert_eq!(
            load(&running, &saved).expect("saved").map(|l| l.len()),
            Some(1)
        );
        std::fs::write(&running, "").expect("written");
        assert_eq!(load(&running, &saved).expect("now"), Some(Vec::new()));
    }
}
