//! The watch over free space: shortage is reported early and answered in order. Recordings are
//! removed first; texts of people are never removed.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Free and total bytes of the file system that holds `path`.
///
/// # Errors
/// An error of the file system.
pub fn free_and_total(path: &Path) -> io::Result<(u64, u64)> {
    let s = rustix::fs::statvfs(path)?;
    Ok((
        s.f_bavail.saturating_mul(s.f_frsize),
        s.f_blocks.saturating_mul(s.f_frsize),
    ))
}

/// Free inodes of the file system that holds `path`, and all that it can ever have; 0 of 0 = it
/// creates them as they are needed.
///
/// # Errors
/// An error of the file system.
pub fn inodes(path: &Path) -> io::Result<(u64, u64)> {
    let s = rustix::fs::statvfs(path)?;
    Ok((s.f_favail, s.f_files))
}

/// From this number on, free inodes are never few; on a small file system a tenth of all is enough.
pub const LOW_INODES: u64 = 5_000;

/// True when a file system runs out of inodes, however many bytes are free.
#[must_use]
pub const fn is_low_on_inodes(free: u64, all: u64) -> bool {
    free < if all / 10 < LOW_INODES {
        all / 10
    } else {
        LOW_INODES
    }
}

/// The technician should act when less than this share of the file system is free (or less than
/// [`LOW_BYTES`]; on a large disk less than [`AMPLE_BYTES`]). This is less than the ring of
/// recordings leaves free, so a full ring is no reason for a report.
pub const LOW_SPACE_DIVISOR: u64 = 40;
/// From this number on, free bytes are never few.
pub const AMPLE_BYTES: u64 = 700 * 1024 * 1024;
/// Below this number, free bytes are always few.
pub const LOW_BYTES: u64 = 200 * 1024 * 1024;

/// True when space is running out.
#[must_use]
pub const fn is_low(free: u64, total: u64) -> bool {
    let share = total / LOW_SPACE_DIVISOR;
    free < LOW_BYTES
        || free
            < if share < AMPLE_BYTES {
                share
            } else {
                AMPLE_BYTES
            }
}

/// Proves that `folder` accepts a file of `bytes` and that its file system has `room` bytes free.
/// Blocks.
///
/// # Errors
/// The error that writing met; `StorageFull` when less than `room` is free.
pub fn probe_write(folder: &Path, room: u64, bytes: usize) -> io::Result<()> {
    if free_and_total(folder)?.0 < room {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let path = folder.join("probe");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0x42; bytes])
            .and_then(|()| file.sync_all())
    });
    let gone = std::fs::remove_file(&path);
    written.and(gone)
}

/// Size of the ballast, bytes: enough for commands of several days and their packs.
const BALLAST_BYTES: usize = 32 * 1024 * 1024;
/// When less than this is free, the ballast is removed, bytes.
const RELEASE_BALLAST_BELOW: u64 = 24 * 1024 * 1024;

/// A file that does nothing but reserve room for the journal.
#[derive(Debug, Clone)]
pub struct Ballast(PathBuf);

impl Ballast {
    /// The ballast in the data folder `data`.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self(data.join("ballast"))
    }

    /// Removes the ballast when there is almost no room; true = it was removed now. Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn release(&self) -> io::Result<bool> {
        let (free, _) = free_and_total(self.0.parent().unwrap_or(Path::new("/")))?;
        let gives = free < RELEASE_BALLAST_BELOW && self.0.exists();
        if gives {
            std::fs::remove_file(&self.0)?;
        }
        Ok(gives)
    }

    /// Writes the ballast when there is plenty of room, and removes it when there is almost none.
    /// True = it was removed now. Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn maintain(&self) -> io::Result<bool> {
        if self.release()? {
            return Ok(true);
        }
        let (free, _) = free_and_total(self.0.parent().unwrap_or(Path::new("/")))?;
        let there = std::fs::metadata(&self.0).is_ok_and(|m| m.len() == BALLAST_BYTES as u64);
        if !there && free > LOW_BYTES + BALLAST_BYTES as u64 {
            // Every byte is written: a hole in a sparse file reserves no room.
            let mut file = File::create(&self.0)?;
            let block = vec![0x42; 1 << 20];
            for _ in 0..BALLAST_BYTES / (1 << 20) {
                file.write_all(&block)?;
            }
            file.sync_all()?;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_run_out_by_their_number_where_they_are_numbered() {
        assert!(is_low_on_inodes(4_999, 500_000) && !is_low_on_inodes(5_000, 500_000));
        assert!(is_low_on_inodes(799, 8_000) && !is_low_on_inodes(800, 8_000));
        assert!(
            !is_low_on_inodes(0, 0),
            "a file system that makes them as they are needed"
        );
    }

    #[test]
    fn a_folder_takes_what_it_has_room_for_and_nothing_is_left_there() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path().join("people");
        assert!(
            probe_write(&folder, 0, 1).is_err(),
            "there is no such folder"
        );
        std::fs::create_dir_all(&folder).expect("folder");
        assert_eq!(
            probe_write(&folder, u64::MAX, 1).map_err(|e| e.kind()),
            Err(io::ErrorKind::StorageFull)
        );
        probe_write(&folder, 1, 100_000).expect("it takes it");
        assert_eq!(std::fs::read_dir(&folder).expect("read").count(), 0);
    }
}
