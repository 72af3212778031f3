//! Sounds by their hash, for clusters to fetch: what is spoken in public is no secret, its name is unguessable.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::disk::write_whole;

/// Sounds kept; the oldest go.
const KEPT: usize = 100;

/// The folder of sounds; clones are the same.
#[derive(Debug, Clone)]
pub struct Sounds(PathBuf);

impl Sounds {
    /// Opens the folder.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    fn path(&self, hash: &str) -> Option<PathBuf> {
        (hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then(|| self.0.join(format!("{hash}.wav")))
    }

    /// Keeps a sound; blocks.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn put(&self, hash: &str, wav: &[u8]) -> io::Result<()> {
        let path = self.path(hash).ok_or(io::ErrorKind::InvalidInput)?;
        if !path.exists() {
            write_whole(&path, wav)?;
            self.forget_oldest();
        }
        Ok(())
    }

    /// A sound by its hash; blocks.
    #[must_use]
    pub fn get(&self, hash: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(hash)?).ok()
    }

    fn forget_oldest(&self) {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return };
        let mut files: Vec<_> = entries.filter_map(Result::ok).filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path()))).collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(KEPT)) {
            let _ = std::fs::remove_file(path);
        }
    }
}
