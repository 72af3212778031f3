//! The files of notices: pictures, and papers to be downloaded.
//!
//! Invariants: a file is named by the SHA-256 of its content, so the same file is stored once. A
//! file that comes in is written to a file with a temporary name, which goes away with the upload,
//! also when that is cut in the middle; what a dead process left goes at the next start. A file is
//! judged by its content, never by its name. Of a picture nothing is kept but pixels: it is decoded
//! within bounds and written anew (`picture`), in two sizes. A file is durable before the entry
//! that names it. A file that no notice names is removed after a day in which the gateway ran: no
//! clock is asked that somebody may set, and a file that a form names begins its day anew. No file
//! comes in while the disk runs full, or when all of them have their share of it. Deliberately
//! absent: whether somebody may read a file (the pages ask the notice), reading the text of papers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::domain::notice::{Attachment, AttachmentKind, MAX_ATTACHMENT_BYTES};
use crate::keys::secret;
use crate::log::disk::write_atomic;
use crate::store::disk_space;

mod content;
mod picture;

/// The folder of files that are coming in.
const INCOMING: &str = "incoming";
/// The end of the name of the small size of a picture.
const SMALL: &str = "small.jpg";
/// How long each file has not been used, ms in which the gateway ran.
const UNUSED: &str = "unused.json";
/// After so long it goes.
const UNUSED_MS: u64 = 86_400_000;
/// All files together may have this share of the disk.
const DISK_SHARE: u64 = 10;

/// Why a file is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// More bytes than a file may have.
    #[error("too large")]
    TooLarge,
    /// Its name holds characters that hide something or change the direction of writing.
    #[error("its name hides something")]
    HiddenName,
    /// A picture of an iPhone.
    #[error("a HEIC picture")]
    Heic,
    /// A picture that cannot be read.
    #[error("a damaged picture")]
    DamagedPicture,
    /// A picture with more pixels than are decoded.
    #[error("too many pixels")]
    TooManyPixels,
    /// A paper of an old office program: `.doc`, `.xls`.
    #[error("an old office file")]
    OldOffice,
    /// A paper that only a password opens.
    #[error("a locked paper")]
    Locked,
    /// It begins as a PDF and is none.
    #[error("not a whole PDF")]
    FalsePdf,
    /// None of the kinds that are kept.
    #[error("another kind of file")]
    OtherKind,
    /// More files than a notice may have.
    #[error("too many files")]
    TooMany,
    /// The disk runs full, or the files have their share of it.
    #[error("no room")]
    NoRoom,
    /// The disk refused it.
    #[error("not stored")]
    Storage,
}

impl FileProblem {
    /// All problems.
    pub const ALL: [Self; 12] = [
        Self::TooLarge,
        Self::HiddenName,
        Self::Heic,
        Self::DamagedPicture,
        Self::TooManyPixels,
        Self::OldOffice,
        Self::Locked,
        Self::FalsePdf,
        Self::OtherKind,
        Self::TooMany,
        Self::NoRoom,
        Self::Storage,
    ];

    /// Key of its sentence; the argument is the name of the file.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::TooLarge => "file-too-large",
            Self::HiddenName => "file-hidden-name",
            Self::Heic => "file-heic",
            Self::DamagedPicture => "file-damaged-picture",
            Self::TooManyPixels => "file-too-many-pixels",
            Self::OldOffice => "file-old-office",
            Self::Locked => "file-locked",
            Self::FalsePdf => "file-false-pdf",
            Self::OtherKind => "file-other-kind",
            Self::TooMany => "file-too-many",
            Self::NoRoom => "file-no-room",
            Self::Storage => "file-not-stored",
        }
    }
}

/// The cause is logged here, once: people read a sentence that has no place for it.
impl From<io::Error> for FileProblem {
    fn from(cause: io::Error) -> Self {
        tracing::error!(%cause, "file of a notice not stored");
        Self::Storage
    }
}

/// How a file of this kind ends.
#[must_use]
pub const fn extension(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::Picture => "jpg",
        AttachmentKind::Pdf => "pdf",
        AttachmentKind::Docx => "docx",
        AttachmentKind::Xlsx => "xlsx",
    }
}

/// The type of a file of this kind, for HTTP.
#[must_use]
pub const fn media_type(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::Picture => "image/jpeg",
        AttachmentKind::Pdf => "application/pdf",
        AttachmentKind::Docx => {
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        }
        AttachmentKind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
}

/// Free and total bytes of the disk of a folder.
type DiskSpace = fn(&Path) -> io::Result<(u64, u64)>;

/// The folder of files; clones are the same.
#[derive(Debug, Clone)]
pub struct Attachments {
    folder: PathBuf,
    disk: DiskSpace,
    /// Bytes of all files.
    stored: Arc<AtomicU64>,
    /// Files that came, or that a form named, since the last sweep.
    named: Arc<Mutex<BTreeSet<String>>>,
}

impl Attachments {
    /// Opens the folder, and removes what uploads of a dead process left.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::open_on(folder, disk_space::free_and_total)
    }

    fn open_on(folder: &Path, disk: DiskSpace) -> io::Result<Self> {
        let incoming = folder.join(INCOMING);
        if incoming.exists() {
            fs::remove_dir_all(&incoming)?;
        }
        fs::create_dir_all(&incoming)?;
        let files = Self {
            folder: folder.to_owned(),
            disk,
            stored: Arc::default(),
            named: Arc::default(),
        };
        files.by_hash()?;
        Ok(files)
    }

    fn named(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files on disk by their hash, counted anew.
    fn by_hash(&self) -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
        let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut bytes = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((sha256, _)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            if is_hash(sha256) {
                bytes += entry.metadata()?.len();
                let all = files.entry(sha256.to_owned()).or_default();
                all.push(entry.path());
            }
        }
        self.stored.store(bytes, Ordering::Relaxed);
        Ok(files)
    }

    fn path_of(&self, sha256: &str, end: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.{end}"))
    }

    /// Where a file lies.
    #[must_use]
    pub fn path(&self, file: &Attachment) -> PathBuf {
        self.path_of(&file.sha256, extension(file.kind))
    }

    /// Where the small size of a picture lies.
    #[must_use]
    pub fn small_path(&self, file: &Attachment) -> PathBuf {
        self.path_of(&file.sha256, SMALL)
    }

    /// The file of this hash, as it is stored; none = there is none. Reads its head at most.
    #[must_use]
    pub fn find(&self, sha256: &str) -> Option<Attachment> {
        if !is_hash(sha256) {
            return None;
        }
        let kinds = [
            AttachmentKind::Picture,
            AttachmentKind::Pdf,
            AttachmentKind::Docx,
            AttachmentKind::Xlsx,
        ];
        kinds.into_iter().find_map(|kind| {
            let path = self.path_of(sha256, extension(kind));
            let bytes = fs::metadata(&path).ok()?.len();
            let size = match kind {
                AttachmentKind::Picture => Some(picture::size_of(&path)?),
                _ => None,
            };
            Some(Attachment {
                sha256: sha256.to_owned(),
                kind,
                bytes,
                size,
            })
        })
    }

    /// The same for a form that names it: it does not go while that form is on its way.
    #[must_use]
    pub fn hold(&self, sha256: &str) -> Option<Attachment> {
        let mut named = self.named();
        let file = self.find(sha256)?;
        named.insert(file.sha256.clone());
        Some(file)
    }

    /// Begins a file that comes in.
    ///
    /// # Errors
    /// [`FileProblem::NoRoom`] or [`FileProblem::Storage`].
    pub fn begin(&self) -> Result<IncomingFile, FileProblem> {
        let (free, total) = (self.disk)(&self.folder)?;
        let full = self.stored.load(Ordering::Relaxed) + MAX_ATTACHMENT_BYTES;
        if disk_space::is_low(free, total) || full > total / DISK_SHARE {
            return Err(FileProblem::NoRoom);
        }
        let name = secret::token()?;
        let path = self.folder.join(INCOMING).join(name);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(IncomingFile {
            store: self.clone(),
            path,
            file,
            bytes: 0,
            hash: Sha256::new(),
        })
    }

    /// Counts how long files have not been used, and removes those that were not for a day; gives
    /// how many. `used` are the files that notices name, at the moment of the call; `ran_ms` is how
    /// long the gateway ran since the sweep before. Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn sweep(&self, used: impl Fn() -> BTreeSet<String>, ran_ms: u64) -> io::Result<usize> {
        let counted = self.folder.join(UNUSED);
        let before: BTreeMap<String, u64> = fs::read(&counted)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let named = std::mem::take(&mut *self.named());
        let (mut left, mut old) = (BTreeMap::new(), BTreeMap::new());
        let in_use = used();
        for (sha256, files) in self.by_hash()? {
            if in_use.contains(&sha256) {
                continue;
            }
            let age = before.get(&sha256).filter(|_| !named.contains(&sha256));
            let age = age.map_or(0, |age| age.saturating_add(ran_ms));
            if age < UNUSED_MS {
                left.insert(sha256, age);
            } else {
                old.insert(sha256, files);
            }
        }
        let text = serde_json::to_vec(&left).map_err(io::Error::other)?;
        write_atomic(&counted, &text)?;
        let mut gone = 0;
        for (sha256, files) in old {
            // A form may have named it just now, and a notice since.
            let named = self.named();
            if !named.contains(&sha256) && !used().contains(&sha256) {
                gone += self.remove_all(&files)?;
            }
            drop(named);
        }
        Ok(gone)
    }

    /// Removes those of these files that no notice uses, however young they are; gives how many.
    /// Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn remove_unused(
        &self,
        sha256s: &BTreeSet<String>,
        used: &BTreeSet<String>,
    ) -> io::Result<usize> {
        let mut gone = 0;
        if sha256s.is_subset(used) {
            return Ok(0);
        }
        for (sha256, files) in self.by_hash()? {
            if sha256s.contains(&sha256) && !used.contains(&sha256) {
                gone += self.remove_all(&files)?;
            }
        }
        Ok(gone)
    }

    fn remove_all(&self, files: &[PathBuf]) -> io::Result<usize> {
        for file in files {
            let bytes = fs::metadata(file)?.len();
            fs::remove_file(file)?;
            self.stored.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(files.len())
    }
}

fn is_hash(sha256: &str) -> bool {
    sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A file that is coming in. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct IncomingFile {
    store: Attachments,
    path: PathBuf,
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        // A file that was kept has another name by now.
        let _ = fs::remove_file(&self.path);
    }
}

impl IncomingFile {
    /// Takes more of it. Blocks for no longer than the kernel's cache needs.
    ///
    /// # Errors
    /// [`FileProblem::TooLarge`] or [`FileProblem::Storage`].
    pub fn write(&mut self, piece: &[u8]) -> Result<(), FileProblem> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > MAX_ATTACHMENT_BYTES {
            return Err(FileProblem::TooLarge);
        }
        self.hash.update(piece);
        self.file.write_all(piece)?;
        Ok(())
    }

    /// The content of a PDF that somebody locked, with a password or without; none = it is no such
    /// file. Blocks.
    ///
    /// # Errors
    /// [`FileProblem::Storage`].
    pub fn locked_pdf(&self) -> Result<Option<Vec<u8>>, FileProblem> {
        let content = self.content()?;
        Ok(content::is_locked_pdf(&content).then_some(content))
    }

    /// Keeps it, when it is one of the kinds that are kept. Blocks: a picture is decoded.
    ///
    /// # Errors
    /// Why it is not kept; then nothing of it stays.
    pub fn keep(self) -> Result<Attachment, FileProblem> {
        let content = self.content()?;
        let kind = content::kind_of(&content)?;
        if kind == AttachmentKind::Picture {
            return self.keep_picture(&content);
        }
        let sha256 = secret::hex(&self.hash.clone().finalize());
        let attachment = Attachment {
            sha256,
            kind,
            bytes: self.bytes,
            size: None,
        };
        self.file.sync_data()?;
        let mut named = self.store.named();
        fs::rename(&self.path, self.store.path(&attachment))?;
        named.insert(attachment.sha256.clone());
        drop(named);
        File::open(&self.store.folder)?.sync_all()?;
        self.store.stored.fetch_add(self.bytes, Ordering::Relaxed);
        Ok(attachment)
    }

    fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(&self.path)?
            .take(MAX_ATTACHMENT_BYTES)
            .read_to_end(&mut content)?;
        Ok(content)
    }

    fn keep_picture(&self, content: &[u8]) -> Result<Attachment, FileProblem> {
        let anew = picture::rewrite(content)?;
        let attachment = Attachment {
            sha256: secret::hex(&Sha256::digest(&anew.whole)),
            kind: AttachmentKind::Picture,
            bytes: anew.whole.len() as u64,
            size: Some(anew.size),
        };
        let mut named = self.store.named();
        write_atomic(&self.store.small_path(&attachment), &anew.small)?;
        write_atomic(&self.store.path(&attachment), &anew.whole)?;
        named.insert(attachment.sha256.clone());
        drop(named);
        let bytes = anew.whole.len() + anew.small.len();
        self.store.stored.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(attachment)
    }
}

#[cfg(test)]
mod tests;
