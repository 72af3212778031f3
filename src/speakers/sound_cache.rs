//! Sounds by their hash, for clusters to fetch: a public announcement is no secret, and its name
//! cannot be guessed.
//!
//! Beside each sound stands a file that names the blobs that it speaks (`….of`, one id a line), so
//! that the sound is removed when they are erased. A sound without that file (of an older version)
//! is removed with whatever is erased: it is made again when it is needed.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::id::BlobId;
use crate::log::disk::write_atomic;

/// Sounds that are stored; the oldest are removed.
const MAX_SOUNDS: usize = 100;

/// Extension of the file that names the blobs that a sound speaks.
const OWNERS_EXTENSION: &str = "of";

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// The folder of sounds; clones are the same.
#[derive(Debug, Clone)]
pub struct SoundCache(PathBuf);

impl SoundCache {
    /// Opens the folder.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    fn path(&self, hash: &str) -> Option<PathBuf> {
        (hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| self.0.join(format!("{hash}.wav")))
    }

    /// Stores a sound that speaks the blob `of`; blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn put(&self, hash: &str, wav: &[u8], of: &BlobId) -> io::Result<()> {
        let path = self.path(hash).ok_or(io::ErrorKind::InvalidInput)?;
        let owners = path.with_extension(OWNERS_EXTENSION);
        let mut words = std::fs::read_to_string(&owners).unwrap_or_default();
        if !words.lines().any(|l| l == of.as_str()) {
            words.push_str(of.as_str());
            words.push('\n');
            write_atomic(&owners, words.as_bytes())?;
        }
        if !path.exists() {
            write_atomic(&path, wav)?;
            self.evict_oldest();
        }
        Ok(())
    }

    /// The file of a sound by its hash.
    #[must_use]
    pub fn file(&self, hash: &str) -> Option<PathBuf> {
        self.path(hash).filter(|p| p.exists())
    }

    /// Removes the sounds of an erased blob; true = there were some. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove_of(&self, of: &BlobId) -> io::Result<bool> {
        let mut gone = false;
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            let says = || std::fs::read_to_string(path.with_extension(OWNERS_EXTENSION));
            if path.extension().is_some_and(|e| e == "wav")
                && says().map_or(true, |owners| owners.lines().any(|l| l == of.as_str()))
            {
                remove(&path)?;
                remove(&path.with_extension(OWNERS_EXTENSION))?;
                gone = true;
            }
        }
        if gone {
            std::fs::File::open(&self.0)?.sync_all()?;
        }
        Ok(gone)
    }

    fn evict_oldest(&self) {
        let Ok(entries) = std::fs::read_dir(&self.0) else {
            return;
        };
        let wavs = entries
            .filter_map(Result::ok)
            .filter(|e| e.path().extension().is_some_and(|e| e == "wav"));
        let mut files: Vec<_> = wavs
            .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
            .collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(MAX_SOUNDS)) {
            let _ = remove(path).and_then(|()| remove(&path.with_extension(OWNERS_EXTENSION)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_of_erased_words_goes_and_others_stay() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let sounds = SoundCache::open(folder).expect("opens");
        let id = |n: &str| BlobId::new(n).expect("id");
        let [one, two, old] = ["1", "2", "3"].map(|n| n.repeat(64));
        sounds.put(&one, b"a", &id("b1")).expect("kept");
        sounds.put(&two, b"b", &id("b2")).expect("kept");
        assert!(!sounds.remove_of(&id("b9")).expect("nothing"));
        std::fs::write(folder.join(format!("{old}.wav")), b"c").expect("of an older version");
        assert!(sounds.remove_of(&id("b1")).expect("gone"));
        assert_eq!(
            [&one, &two, &old].map(|h| sounds.file(h).is_some()),
            [false, true, false]
        );
        assert_eq!(
            std::fs::read_dir(folder).expect("dir").count(),
            2,
            "a sound and whose it is"
        );
    }
}
