//! The watch over free space: said early, acted on in order (pictures first, never what people
//! said).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Free and total bytes of the file system that holds `path`.
///
/// # Errors
/// Whatever the file system says.
pub fn free_and_total(path: &Path) -> io::Result<(u64, u64)> {
    let s = rustix::fs::statvfs(path)?;
    Ok((
        s.f_bavail.saturating_mul(s.f_frsize),
        s.f_blocks.saturating_mul(s.f_frsize),
    ))
}

/// Free files of the file system that holds `path`, and all that there can ever be; 0 of 0 = it
/// makes them as they are needed.
///
/// # Errors
/// Whatever the file system says.
pub fn inodes(path: &Path) -> io::Result<(u64, u64)> {
    let s = rustix::fs::statvfs(path)?;
    Ok((s.f_favail, s.f_files))
}

/// Files that are never few; on a small file system a tenth of all is enough.
pub const LOW_INODES: u64 = 5_000;

/// True when a file system runs out of files, however much room it has.
#[must_use]
pub const fn is_low_on_inodes(free: u64, all: u64) -> bool {
    free < if all / 10 < LOW_INODES {
        all / 10
    } else {
        LOW_INODES
    }
}

/// Below this share of the file system (or [`LITTLE`] bytes) somebody should look; on a large disk
/// below [`ENOUGH`]. Less than what the ring of pictures leaves free, so that a full ring is an
/// ordinary day.
pub const LOW_SPACE_DIVISOR: u64 = 40;
/// Bytes that are never little.
pub const AMPLE_BYTES: u64 = 700 * 1024 * 1024;
/// Bytes that are always little.
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

/// Whether `folder` takes a file of `bytes`, and its file system has `room` bytes. Blocks.
///
/// # Errors
/// Why not.
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

/// Size of the ballast, bytes: days of commands and their packs.
const BALLAST_BYTES: usize = 32 * 1024 * 1024;
/// Below this the ballast is given back, bytes.
const RELEASE_BALLAST_BELOW: u64 = 24 * 1024 * 1024;

/// A file that does nothing but hold room for the journal.
#[derive(Debug, Clone)]
pub struct Ballast(PathBuf);

impl Ballast {
    /// In the data folder.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self(data.join("ballast"))
    }

    /// Gives the ballast back when there is almost no room; true = it was given back now. Blocks.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn release(&self) -> io::Result<bool> {
        let (free, _) = free_and_total(self.0.parent().unwrap_or(Path::new("/")))?;
        let gives = free < RELEASE_BALLAST_BELOW && self.0.exists();
        if gives {
            std::fs::remove_file(&self.0)?;
        }
        Ok(gives)
    }

    /// Lays the ballast down when there is plenty of room, gives it back when there is almost none.
    /// True = it was given back now. Blocks.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn maintain(&self) -> io::Result<bool> {
        if self.release()? {
            return Ok(true);
        }
        let (free, _) = free_and_total(self.0.parent().unwrap_or(Path::new("/")))?;
        let there = std::fs::metadata(&self.0).is_ok_and(|m| m.len() == BALLAST_BYTES as u64);
        if !there && free > LOW_BYTES + BALLAST_BYTES as u64 {
            // Written, not only declared: a hole in a file holds no room.
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
        let folder = std::env::temp_dir().join(format!(
            "conglang-space-{}",
            getrandom::u64().expect("random")
        ));
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
        std::fs::remove_dir_all(&folder).expect("gone");
    }
}
