//! Random secrets, their hashes, and the form of a PIN.
//!
//! Device secrets are 128 random bits, so SHA-256 is enough; PINs are six digits and hashed in
//! [`super::pins`].

use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}

/// `N` random bytes.
///
/// # Errors
/// When the machine has no randomness to give.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(io::Error::other)?;
    Ok(out)
}

/// A fresh secret of 128 bits, as 32 hexadecimal digits.
///
/// # Errors
/// When the machine has no randomness to give.
pub fn token() -> io::Result<String> {
    Ok(hex(&random::<16>()?))
}

/// SHA-256 as hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// HMAC-SHA-256 as hexadecimal: proves content without letting a reader guess it.
#[must_use]
pub fn mac(key: &[u8], content: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(content);
            hex(&mac.finalize().into_bytes())
        }
        // HMAC takes keys of any length; this arm cannot be reached.
        Err(_) => String::new(),
    }
}

/// Compares two texts in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// A random PIN of six digits, without bias.
///
/// # Errors
/// When the machine has no randomness to give.
pub fn pin() -> io::Result<String> {
    loop {
        let n = u32::from_le_bytes(random::<4>()?);
        if n < 4_294_000_000 {
            return Ok(format!("{:06}", n % 1_000_000));
        }
    }
}

/// True for six digits.
#[must_use]
pub fn is_pin(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Makes a folder that only its owner may enter (0700), with the folders above it; an existing one
/// stays as it is. A folder that root makes for the gateway gets the owner of the folder above it.
///
/// # Errors
/// When a folder cannot be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    if let Some(above) = folder
        .parent()
        .filter(|_| rustix::process::geteuid().is_root())
    {
        let owner = std::fs::metadata(if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        })?;
        std::os::unix::fs::chown(folder, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// Writes a secret file (0600), whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("no folder"))?;
    make_folder(folder)?;
    let temporary = path.with_extension("new");
    let file = write_new(folder, &temporary, content)?;
    file.sync_data()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Up to so many files are synced one by one; more of them together with everything else that the
/// file system has to write.
const MAX_INDIVIDUAL_SYNCS: usize = 4;

/// Writes files (0600) into one folder, each whole or not at all, and all durable at the end. Each
/// is a name, which begins with no dot, and the content. Waits for the disk a few times, however
/// many files there are.
///
/// # Errors
/// When a file cannot be written.
pub fn write_files(folder: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    make_folder(folder)?;
    let temporary = |name: &str| folder.join(format!(".{name}"));
    let written = files
        .iter()
        .map(|(name, content)| write_new(folder, &temporary(name), content))
        .collect::<io::Result<Vec<_>>>()?;
    let whole = std::fs::File::open(folder)?;
    if written.len() > MAX_INDIVIDUAL_SYNCS {
        rustix::fs::syncfs(&whole)?;
    } else {
        written.iter().try_for_each(std::fs::File::sync_data)?;
    }
    files
        .iter()
        .try_for_each(|(name, _)| std::fs::rename(temporary(name), folder.join(name)))?;
    whole.sync_all()
}

fn write_new(folder: &Path, temporary: &Path, content: &[u8]) -> io::Result<std::fs::File> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(content)?;
    // A temporary file that was left behind may have wider permissions: opening it does not narrow
    // them.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    // A file that root makes for the gateway gets the owner of its folder.
    if rustix::process::geteuid().is_root() {
        let owner = std::fs::metadata(folder)?;
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(file)
}

/// Reads a secret file, or makes it with 32 random bytes.
///
/// # Errors
/// When the file cannot be read or written, or is too short.
pub fn load_or_make(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(content) if content.len() >= 32 => Ok(content),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is too short to be a key", path.display()),
        )),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let fresh = random::<32>()?;
            write_file(path, &fresh)?;
            Ok(fresh.to_vec())
        }
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_written_whole_over_what_was_there_and_nothing_is_left_beside_them() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        for (n, content) in [(3, "a"), (50, "longer"), (2, "")] {
            let names: Vec<String> = (0..n).map(|n| format!("b.{n}")).collect();
            write_files(
                folder,
                &names
                    .iter()
                    .map(|name| (name.as_str(), content.as_bytes()))
                    .collect::<Vec<_>>(),
            )
            .expect("written");
            assert!(names.iter().all(|name| {
                std::fs::read(folder.join(name)).is_ok_and(|b| b == content.as_bytes())
            }));
            assert_eq!(
                std::fs::read_dir(folder).expect("dir").count(),
                n.max(if content.is_empty() { 50 } else { n })
            );
        }
    }

    #[test]
    fn a_pin_has_six_digits() {
        assert!(is_pin(&pin().expect("pin")) && !is_pin("12345") && !is_pin("12345a"));
    }

    #[test]
    fn macs_and_hashes_are_the_known_ones() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231, test case 2.
        assert_eq!(
            mac(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
