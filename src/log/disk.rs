//! The storage of segments: a folder of numbered files of one size.
//!
//! A slot is a file `NNNN.seg`, written once with zeros and then overwritten for ever. The frames
//! in it name the segment that it holds, so no file is renamed while the gateway runs. Two
//! implementations: the real folder here, and `sim` (power cuts, syncs that did not happen,
//! failures).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a segment, and of the slot that holds it.
pub const SEGMENT_BYTES: usize = 1024 * 1024;

/// Storage for segments. Every method may fail; after a failed `write` or `sync` the caller stops.
pub trait Disk: Send {
    /// The slots that exist, ascending.
    ///
    /// # Errors
    /// When the medium fails.
    fn slots(&mut self) -> io::Result<Vec<u32>>;
    /// Makes a slot of `len` zeros, durable with its name.
    ///
    /// # Errors
    /// When the medium fails.
    fn create(&mut self, slot: u32, len: usize) -> io::Result<()>;
    /// Reads a whole slot.
    ///
    /// # Errors
    /// When the medium fails.
    fn read(&mut self, slot: u32) -> io::Result<Vec<u8>>;
    /// Overwrites part of a slot; not durable before `sync`.
    ///
    /// # Errors
    /// When the medium fails.
    fn write(&mut self, slot: u32, at: usize, bytes: &[u8]) -> io::Result<()>;
    /// Makes all writes to a slot durable.
    ///
    /// # Errors
    /// When the medium fails.
    fn sync(&mut self, slot: u32) -> io::Result<()>;
    /// Stores a copy of a slot's content under another name, for a person to examine.
    ///
    /// # Errors
    /// When the medium fails.
    fn set_aside(&mut self, slot: u32) -> io::Result<()>;
}

/// Most copies of one damaged slot.
const MAX_DAMAGED_COPIES: u32 = 4;

/// A folder of slot files.
#[derive(Debug)]
pub struct DirDisk {
    path: PathBuf,
    open: BTreeMap<u32, File>,
}

impl DirDisk {
    /// Opens the folder and creates it when it does not exist.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self {
            path: path.to_owned(),
            open: BTreeMap::new(),
        })
    }

    fn name(&self, slot: u32) -> PathBuf {
        self.path.join(format!("{slot:04}.seg"))
    }

    fn file(&mut self, slot: u32) -> io::Result<&File> {
        if !self.open.contains_key(&slot) {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(self.name(slot))?;
            self.open.insert(slot, file);
        }
        self.open
            .get(&slot)
            .ok_or_else(|| io::Error::other("slot vanished"))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn allocate_zeroed(file: &File, len: usize) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut at = 0;
    while at < len {
        let n = zeros.len().min(len - at);
        file.write_all_at(&zeros[..n], at as u64)?;
        at += n;
    }
    file.set_len(len as u64)?;
    file.sync_all()
}

impl DirDisk {
    /// Reads block by block. A block that the medium cannot read is returned as zeros, and recovery
    /// decides whether that is damage.
    fn read_skipping_errors(&mut self, slot: u32) -> io::Result<Vec<u8>> {
        let file = self.file(slot)?;
        let len = usize::try_from(file.metadata()?.len())
            .unwrap_or(0)
            .min(SEGMENT_BYTES + 1);
        let mut out = vec![0; len];
        for (i, block) in out.chunks_mut(4096).enumerate() {
            if file.read_exact_at(block, i as u64 * 4096).is_err() {
                block.fill(0);
            }
        }
        Ok(out)
    }
}

impl Disk for DirDisk {
    fn slots(&mut self) -> io::Result<Vec<u32>> {
        let mut out = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some(number) = name
                .to_str()
                .and_then(|n| n.strip_suffix(".seg"))
                .and_then(|n| n.parse().ok())
            else {
                continue;
            };
            if self.name(number).file_name() == Some(&name) && self.path.join(&name).is_file() {
                out.push(number);
            } else {
                tracing::warn!(
                    path = %self.path.join(&name).display(),
                    "unknown file in log folder ignored"
                );
            }
        }
        out.sort_unstable();
        Ok(out)
    }

    fn create(&mut self, slot: u32, len: usize) -> io::Result<()> {
        self.open.remove(&slot);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.name(slot))?;
        if let Err(cause) = allocate_zeroed(&file, len) {
            // An unfinished slot must not occupy the last free space.
            let _ = std::fs::remove_file(self.name(slot));
            return Err(cause);
        }
        self.sync_folder()?;
        self.open.insert(slot, file);
        Ok(())
    }

    fn read(&mut self, slot: u32) -> io::Result<Vec<u8>> {
        // One byte more than a segment is read, so that a longer file is recognized.
        let mut out = Vec::with_capacity(SEGMENT_BYTES + 1);
        match File::open(self.name(slot))
            .and_then(|file| file.take(SEGMENT_BYTES as u64 + 1).read_to_end(&mut out))
        {
            Err(cause) if cause.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                self.read_skipping_errors(slot)
            }
            other => other.map(|_| out),
        }
    }

    fn write(&mut self, slot: u32, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.file(slot)?.write_all_at(bytes, at as u64)
    }

    fn sync(&mut self, slot: u32) -> io::Result<()> {
        self.file(slot)?.sync_data()
    }

    fn set_aside(&mut self, slot: u32) -> io::Result<()> {
        for n in 0..MAX_DAMAGED_COPIES {
            let target = self.path.join(format!("damaged-{slot:04}-{n}"));
            if !target.exists() {
                std::fs::copy(self.name(slot), &target)?;
                File::open(&target)?.sync_all()?;
                return self.sync_folder();
            }
        }
        Ok(())
    }
}

/// Writes a small file whole or not at all: temporary name, sync, rename, sync of the folder.
///
/// # Errors
/// When the file system fails; the old content is then untouched, unless only the last sync of the
/// folder failed.
pub fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("no folder"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = folder.join(name);
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_data()?;
        std::fs::rename(&temporary, path)
    };
    if let Err(cause) = write() {
        let _ = std::fs::remove_file(&temporary);
        return Err(cause);
    }
    File::open(folder)?.sync_all()
}
