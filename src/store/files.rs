//! Blobs, the files of people's data: texts that people typed, names, PIN hashes. A file is named
//! by a random id and checked by a keyed hash.
//!
//! Invariants: a file is durable before the entry that names it; every file is stored twice; a
//! missing or damaged file is a value ([`Lost`]), never a crash. Format: CRC32C u32, content.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::blob::{BlobRef, MAX_BLOB_BYTES, MAX_FILE_BYTES};
use crate::domain::id::BlobId;
use crate::keys::secret;
use crate::log::disk::write_atomic;
use crate::time::WallMs;

/// The folders of the two copies.
pub(super) const COPIES: [&str; 2] = ["a", "b"];

/// Why a file's content cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Neither copy exists: it was erased (or never arrived): “đã xóa”.
    #[error("erased")]
    Erased,
    /// No copy is good, and at least one is there; or the key of the files is lost.
    #[error("damaged")]
    Damaged,
}

impl Lost {
    /// Key of the words that stand in the place of the content.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Damaged => "damaged",
        }
    }
}

/// The folder of people's files; clones share it.
#[derive(Debug, Clone)]
pub struct PeopleFiles {
    pub(super) folder: PathBuf,
    pub(super) key: Arc<Vec<u8>>,
    /// True = the key is lost: no content can be verified, so nothing is read or written.
    is_key_lost: bool,
}

impl PeopleFiles {
    /// Opens the folder; `key` is the key of the keyed hashes.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn open(folder: &Path, key: Vec<u8>) -> io::Result<Self> {
        for copy in COPIES {
            std::fs::create_dir_all(folder.join(copy))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            key: Arc::new(key),
            is_key_lost: false,
        })
    }

    /// Opens the folder while its key is lost: everything in it reads as damaged, and nothing is
    /// written, because it could not be verified later.
    ///
    /// # Errors
    /// As [`PeopleFiles::open`].
    pub fn locked(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            is_key_lost: true,
            ..Self::open(folder, Vec::new())?
        })
    }

    /// True while its key is lost.
    #[must_use]
    pub const fn is_key_lost(&self) -> bool {
        self.is_key_lost
    }

    /// The keyed hash of a content, as a reference to it has it: whether two texts are the same is
    /// told without reading one.
    #[must_use]
    pub fn mac(&self, content: &[u8]) -> String {
        secret::mac(&self.key, content)
    }

    pub(super) fn path(&self, copy: &str, id: &BlobId) -> PathBuf {
        self.folder.join(copy).join(id.as_str())
    }

    /// Writes content twice and makes it durable. Blocks.
    ///
    /// # Errors
    /// An error of the file system, or when the content is larger than [`MAX_BLOB_BYTES`].
    pub fn put_blocking(&self, content: &[u8]) -> io::Result<BlobRef> {
        let id = BlobId::new(&secret::token()?).map_err(io::Error::other)?;
        self.put_as(&id, content)
    }

    /// Writes content under a known id, for content that another machine wrote.
    ///
    /// # Errors
    /// As [`PeopleFiles::put_blocking`].
    pub fn put_as(&self, id: &BlobId, content: &[u8]) -> io::Result<BlobRef> {
        self.put_bounded(id, content, MAX_BLOB_BYTES)
    }

    fn put_bounded(&self, id: &BlobId, content: &[u8], most: usize) -> io::Result<BlobRef> {
        if self.is_key_lost {
            return Err(io::Error::other("the key of people's files is lost"));
        }
        if content.len() > most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "larger than a file of people's data may be",
            ));
        }
        let mut bytes = crc32c::crc32c(content).to_le_bytes().to_vec();
        bytes.extend_from_slice(content);
        for copy in COPIES {
            write_atomic(&self.path(copy, id), &bytes)?;
        }
        Ok(BlobRef {
            id: id.clone(),
            mac: secret::mac(&self.key, content),
            len: content.len() as u64,
        })
    }

    /// Writes content off the async threads.
    ///
    /// # Errors
    /// As [`PeopleFiles::put_blocking`].
    pub async fn put(&self, content: Vec<u8>) -> io::Result<BlobRef> {
        let files = self.clone();
        tokio::task::spawn_blocking(move || files.put_blocking(&content))
            .await
            .map_err(io::Error::other)?
    }

    /// Writes a file of the village, which may be larger than a text that somebody typed, off the
    /// async threads.
    ///
    /// # Errors
    /// An error of the file system, or when the content is larger than [`MAX_FILE_BYTES`].
    pub async fn put_file(&self, content: Vec<u8>) -> io::Result<BlobRef> {
        let files = self.clone();
        let write = move || {
            let id = BlobId::new(&secret::token()?).map_err(io::Error::other)?;
            files.put_bounded(&id, &content, MAX_FILE_BYTES)
        };
        tokio::task::spawn_blocking(write)
            .await
            .map_err(io::Error::other)?
    }

    /// Reads content. Blocks (the files are small and mostly in the kernel's cache).
    ///
    /// # Errors
    /// [`Lost`] when it does not exist or is damaged.
    pub fn get(&self, blob: &BlobRef) -> Result<Vec<u8>, Lost> {
        let mut seen = self.is_key_lost;
        for copy in COPIES {
            let Some(bytes) = std::fs::read(self.path(copy, &blob.id))
                .ok()
                .filter(|_| !self.is_key_lost)
            else {
                continue;
            };
            seen = true;
            if let Some((crc, content)) = bytes.split_at_checked(4)
                && crc == crc32c::crc32c(content).to_le_bytes()
                && secret::constant_time_eq(&secret::mac(&self.key, content), &blob.mac)
            {
                return Ok(content.to_vec());
            }
        }
        Err(if seen { Lost::Damaged } else { Lost::Erased })
    }

    /// Reads content as text; content that is not UTF-8 counts as damaged.
    ///
    /// # Errors
    /// [`Lost`] when it does not exist or is damaged.
    pub fn text(&self, blob: &BlobRef) -> Result<String, Lost> {
        String::from_utf8(self.get(blob)?).map_err(|_| Lost::Damaged)
    }

    /// Files written from `from` on and before `to`. Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn written_between(&self, from: WallMs, to: WallMs) -> io::Result<BTreeSet<BlobId>> {
        let mut out = BTreeSet::new();
        for file in std::fs::read_dir(self.folder.join("a"))? {
            let file = file?;
            let at = file
                .metadata()?
                .modified()?
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(WallMs::default(), |d| {
                    i64::try_from(d.as_millis()).map_or(WallMs::MAX, WallMs::new)
                });
            if let Some(id) = file
                .file_name()
                .to_str()
                .and_then(|n| BlobId::new(n).ok())
                .filter(|_| (from..to).contains(&at))
            {
                out.insert(id);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rot_of_both_copies_is_never_somebody_elses_words() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let files = PeopleFiles::open(folder, vec![7; 32]).expect("opens");
        let text = "Mời bà con họp thôn lúc 19 giờ 30.".repeat(5);
        let (mut lost, mut read) = (0, 0);
        let cases = crate::log::sim::cases(100);
        for case in 0..cases {
            let blob = files.put_blocking(text.as_bytes()).expect("written");
            for copy in if case % 3 == 0 {
                &["a", "b"][..]
            } else {
                &["a"][..]
            } {
                let path = files.path(copy, &blob.id);
                let mut bytes = std::fs::read(&path).expect("read");
                let at = case * bytes.len() / cases;
                match case % 4 {
                    0 => bytes.truncate(at),
                    1 => bytes[at..].fill(0),
                    _ => bytes[at] ^= 1 << (case % 8),
                }
                std::fs::write(&path, bytes).expect("write");
            }
            match files.text(&blob) {
                Ok(same) => {
                    assert_eq!(same, text, "case {case}");
                    read += 1;
                }
                Err(why) => {
                    assert_eq!((why, case % 3), (Lost::Damaged, 0), "case {case}");
                    lost += 1;
                }
            }
        }
        assert_eq!((lost, read), (cases.div_ceil(3), cases - cases.div_ceil(3)));
    }

    #[test]
    fn one_damaged_copy_is_read_around_and_two_are_told() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let files = PeopleFiles::open(folder, vec![7; 32]).expect("opens");
        let blob = files
            .put_blocking("Họp thôn\n19 giờ 30".as_bytes())
            .expect("written");
        assert_eq!(files.text(&blob).expect("there"), "Họp thôn\n19 giờ 30");
        std::fs::write(files.path("a", &blob.id), b"rot").expect("write");
        assert!(files.get(&blob).is_ok());
        std::fs::write(files.path("b", &blob.id), b"").expect("write");
        assert_eq!(files.get(&blob), Err(Lost::Damaged));
        files.erase(&blob.id).expect("erased");
        assert_eq!(files.get(&blob), Err(Lost::Erased));
        assert!(files.put_blocking(&vec![0; MAX_BLOB_BYTES + 1]).is_err());
    }
}
