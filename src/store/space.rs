//! The watch over free space: said early, acted on in order (pictures first, never what people said).

use std::io;
use std::path::Path;

/// Free and total bytes of the file system that holds `path`.
///
/// # Errors
/// Whatever the file system says.
pub fn of(path: &Path) -> io::Result<(u64, u64)> {
    let s = rustix::fs::statvfs(path)?;
    Ok((s.f_bavail.saturating_mul(s.f_frsize), s.f_blocks.saturating_mul(s.f_frsize)))
}

/// Below this share of the file system (or [`LITTLE`] bytes) somebody should look.
pub const LITTLE_SHARE: u64 = 10;
/// Bytes that are always little.
pub const LITTLE: u64 = 200 * 1024 * 1024;

/// True when space is running out.
#[must_use]
pub const fn is_little(free: u64, total: u64) -> bool {
    free < LITTLE || free < total / LITTLE_SHARE
}
