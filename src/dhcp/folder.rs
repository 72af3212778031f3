//! The folder that the gateway and the DHCP role share: who writes which file, each whole or not at
//! all, each read with a bound.
//!
//! Invariant: the two are different users, and the one that reads strangers' packets could put
//! anything here. So neither follows a link nor waits for a pipe of the other.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::dnsmasq;
use crate::protocol::netd::MacAddress;

/// Addresses by device, written by the gateway.
pub const RESERVATIONS: &str = "reservations";
/// Options that come and go with a certificate, written by the gateway.
pub const OPTIONS: &str = "options";
/// Addresses that are given out, saved by the DHCP role.
pub const LEASES: &str = "leases";

/// Owner and group read it; the folder's group is what the two users have in common.
const MODE: u32 = 0o640;

/// Writes the reservations, if they are not already there; true = they were written.
///
/// # Errors
/// When the file cannot be written.
pub fn write_reservations(
    folder: &Path,
    rows: impl IntoIterator<Item = (MacAddress, Ipv4Addr)>,
) -> io::Result<bool> {
    write_changed(folder, RESERVATIONS, &dnsmasq::reservations(rows))
}

/// Writes the option that leads phones to the portal's `url` (see [`dnsmasq::captive_option`]), or
/// takes it back; true = that changed something.
///
/// # Errors
/// When the file cannot be written.
pub fn write_captive_option(folder: &Path, url: Option<&str>) -> io::Result<bool> {
    let text = url.and_then(dnsmasq::captive_option).unwrap_or_default();
    write_changed(folder, OPTIONS, &text)
}

fn write_changed(folder: &Path, name: &str, text: &str) -> io::Result<bool> {
    // A file that cannot be read is replaced, and so is a link of the other user.
    let there = read(&folder.join(name), text.len() as u64 + 1);
    if there.ok().flatten().as_deref() == Some(text.as_bytes()) {
        return Ok(false);
    }
    write(folder, name, text.as_bytes())?;
    Ok(true)
}

/// Writes a file of the folder, whole or not at all, readable for the folder's group.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.new"));
    match std::fs::remove_file(&temporary) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let group = std::fs::metadata(folder)?.gid();
    if file.metadata()?.gid() != group {
        std::os::unix::fs::fchown(&file, None, Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(content)?;
    file.sync_data()?;
    std::fs::rename(&temporary, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Reads at most `most` bytes of a plain file; none = there is none. A longer file is cut: a caller
/// that must know asks for a byte more.
///
/// # Errors
/// When it cannot be read, or is anything but a plain file.
pub fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut content = Vec::new();
    file.take(most).read_to_end(&mut content)?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let folder = tempfile::tempdir().expect("folder");
        let mac: MacAddress = "aa:00:00:00:00:01".parse().expect("an address");
        let row = (mac, Ipv4Addr::new(10, 8, 0, 20));
        let write = |rows: &[_]| write_reservations(folder.path(), rows.iter().copied());
        assert!(write(&[row]).expect("written"));
        assert!(!write(&[row]).expect("the same"));
        assert!(write(&[]).expect("written"));
        let path = folder.path().join(RESERVATIONS);
        assert_eq!(std::fs::read(&path).expect("read"), b"");
        let mode = std::fs::metadata(&path).expect("there").mode() & 0o777;
        assert_eq!(mode, MODE);

        let option = |url| write_captive_option(folder.path(), url).expect("written");
        assert!(option(Some("https://benthoc.example/api")));
        assert!(!option(Some("https://benthoc.example/api")));
        assert!(
            option(Some("http://benthoc.example/api")),
            "it is taken back"
        );
        assert!(!option(None));
    }

    #[test]
    fn a_link_is_neither_followed_nor_written_through_and_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "mật").expect("written");
        let link = folder.path().join(LEASES);
        std::os::unix::fs::symlink(&secret, &link).expect("a link");
        assert!(read(&link, 100).is_err());
        std::os::unix::fs::symlink(&secret, folder.path().join(".leases.new")).expect("a link");
        write(folder.path(), LEASES, b"1\n").expect("written");
        assert_eq!(std::fs::read(&secret).expect("read"), "mật".as_bytes());
        assert_eq!(
            read(&link, 100).expect("read").as_deref(),
            Some(&b"1\n"[..])
        );
        assert_eq!(read(&link, 1).expect("read").as_deref(), Some(&b"1"[..]));

        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        assert!(read(&pipe, 100).is_err());
        assert!(
            read(&folder.path().join("none"), 100)
                .expect("none")
                .is_none()
        );
    }
}
