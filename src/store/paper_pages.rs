//! The text of the pages of papers, and pictures of these.
//!
//! Invariants: this is a cache. A file that is missing or does not read is made again from the
//! paper; a file is whole or not there, and the record is written last, so what it names was there.
//! Files are named by the SHA-256 of the paper. Files of no paper of a notice go with the sweep of
//! attachments. Pictures have a bound of all together: beyond it papers have text alone. How many
//! pages a paper has is read once, and remembered: every reader of its notice is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::notice::Attachment;
use crate::log::disk::write_atomic;
use crate::protocol::paper::PaperProblem;

/// Most bytes of all records and pictures together, before a paper is left without pictures.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// Most papers whose number of pages is remembered.
const MAX_REMEMBERED: usize = 8_192;
/// The end of the name of a record; of another form it has another name, and is not read.
const RECORD: &str = "read-1.json";

/// The text of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    /// The page, from 1.
    pub page: u32,
    /// Its text, a paragraph a line.
    pub text: String,
    /// A program read it from a picture, and may be wrong.
    #[serde(default)]
    pub is_recognised: bool,
}

/// The picture of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePicture {
    /// The page, from 1.
    pub page: u32,
    /// Its width, pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// All that was read of a paper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperRecord {
    /// How many pages it has.
    pub pages: u32,
    /// The pages with text, in their order.
    pub texts: Vec<PageText>,
    /// The pages with a picture, in their order.
    pub pictures: Vec<PagePicture>,
    /// Why there is not all of it.
    #[serde(default)]
    pub problem: Option<PaperProblem>,
    /// Pages that are pictures stay unread, because the program that reads letters is missing.
    #[serde(default)]
    pub lacks_recogniser: bool,
}

impl PaperRecord {
    /// All of its text, for the search and to be read aloud.
    #[must_use]
    pub fn whole_text(&self) -> String {
        let texts: Vec<&str> = self.texts.iter().map(|page| page.text.as_str()).collect();
        texts.join("\n")
    }

    /// The picture of a page.
    #[must_use]
    pub fn picture(&self, page: u32) -> Option<PagePicture> {
        self.pictures.iter().copied().find(|p| p.page == page)
    }
}

/// The folder; clones are the same.
#[derive(Debug, Clone)]
pub struct PaperPages {
    folder: PathBuf,
    /// How many records were stored since the start.
    stored: Arc<AtomicU64>,
    /// How many pages papers have, by SHA-256.
    counts: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl PaperPages {
    /// Opens the folder.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            stored: Arc::default(),
            counts: Arc::default(),
        })
    }

    fn named(&self, paper: &Attachment, end: &str) -> PathBuf {
        self.folder.join(format!("{}.{end}", paper.sha256))
    }

    /// How many records were stored since the start: whoever remembers it sees that there is more.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Acquire)
    }

    /// Whether a paper has been read.
    #[must_use]
    pub fn has_record(&self, paper: &Attachment) -> bool {
        self.named(paper, RECORD).exists()
    }

    /// Where the picture of a page lies.
    #[must_use]
    pub fn picture_path(&self, paper: &Attachment, page: u32) -> PathBuf {
        self.named(paper, &format!("{page}.jpg"))
    }

    /// The record of a paper; none = it has not been read. Blocks.
    #[must_use]
    pub fn record(&self, paper: &Attachment) -> Option<PaperRecord> {
        let stored = fs::read(self.named(paper, RECORD)).ok()?;
        serde_json::from_slice(&stored).ok()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, paper: &Attachment, pages: u32) {
        let mut counts = self.counts();
        if counts.len() >= MAX_REMEMBERED {
            counts.pop_first();
        }
        counts.insert(paper.sha256.clone(), pages);
    }

    /// How many pages a paper has; none = it has not been read. Its record is read once, off the
    /// async threads, and not held.
    pub async fn pages_of(&self, paper: &Attachment) -> Option<u32> {
        #[derive(Deserialize)]
        struct PageCount {
            pages: u32,
        }
        let known = self.counts().get(&paper.sha256).copied();
        if known.is_some() {
            return known;
        }
        let record = self.named(paper, RECORD);
        let counted = tokio::task::spawn_blocking(move || {
            let stored = fs::read(record).ok()?;
            serde_json::from_slice::<PageCount>(&stored).ok()
        });
        let pages = counted.await.ok().flatten()?.pages;
        self.remember(paper, pages);
        Some(pages)
    }

    /// The record of a paper, read off the async threads.
    pub async fn record_of(&self, paper: &Attachment) -> Option<PaperRecord> {
        let (this, paper) = (self.clone(), paper.clone());
        tokio::task::spawn_blocking(move || this.record(&paper))
            .await
            .ok()
            .flatten()
    }

    /// Whether a paper has been read, and all that was made of it is there. Blocks.
    #[must_use]
    pub fn is_whole(&self, paper: &Attachment, has_recogniser: bool) -> bool {
        self.record(paper).is_some_and(|record| {
            let pictures = record.pictures.iter();
            !(record.lacks_recogniser && has_recogniser)
                && pictures
                    .map(|picture| self.picture_path(paper, picture.page))
                    .all(|path| path.exists())
        })
    }

    /// Stores the picture of a page. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn put_picture(&self, paper: &Attachment, page: u32, jpeg: &[u8]) -> io::Result<()> {
        write_atomic(&self.picture_path(paper, page), jpeg)
    }

    /// Stores what was read; the pictures that it names are there. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn put_record(&self, paper: &Attachment, record: &PaperRecord) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        write_atomic(&self.named(paper, RECORD), &text)?;
        self.remember(paper, record.pages);
        self.stored.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Whether there is room for more pictures. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn has_room(&self) -> io::Result<bool> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.folder)? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes < MAX_BYTES)
    }

    /// Removes what belongs to no paper of `used`; gives how many files. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn sweep(&self, used: &BTreeSet<String>) -> io::Result<usize> {
        let mut gone = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let paper = name.to_str().and_then(|name| name.split_once('.'));
            if !paper.is_some_and(|(sha256, _)| used.contains(sha256)) {
                if let Some((sha256, _)) = paper {
                    self.counts().remove(sha256);
                }
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::AttachmentKind;

    fn paper(n: &str) -> Attachment {
        Attachment {
            sha256: n.repeat(64),
            kind: AttachmentKind::Pdf,
            bytes: 1,
            size: None,
        }
    }

    #[test]
    fn what_was_read_is_whole_or_is_made_again() {
        let temporary = tempfile::tempdir().expect("folder");
        let pages = PaperPages::open(temporary.path()).expect("opens");
        let (a, b) = (paper("a"), paper("b"));
        assert!(!pages.is_whole(&a, true));
        let record = PaperRecord {
            pages: 2,
            texts: vec![PageText {
                page: 1,
                text: "Họp thôn".into(),
                is_recognised: false,
            }],
            pictures: vec![PagePicture {
                page: 1,
                width: 800,
                height: 1_131,
            }],
            lacks_recogniser: true,
            ..PaperRecord::default()
        };
        pages.put_picture(&a, 1, b"jpeg").expect("kept");
        pages.put_record(&a, &record).expect("kept");
        assert_eq!(pages.record(&a), Some(record.clone()));
        assert!(pages.is_whole(&a, false));
        assert!(!pages.is_whole(&a, true), "the program came since");
        fs::remove_file(pages.picture_path(&a, 1)).expect("lost");
        assert!(!pages.is_whole(&a, false), "a picture is lost");
        fs::write(pages.named(&b, RECORD), b"{\"pages\":1,").expect("torn");
        assert_eq!(pages.record(&b), None);
        let used = BTreeSet::from([a.sha256.clone()]);
        assert_eq!(pages.sweep(&used).expect("swept"), 1);
        assert_eq!(pages.record(&a), Some(record));
        assert!(pages.has_room().expect("counted"));
    }

    #[tokio::test]
    async fn the_pages_of_a_paper_are_counted_once_and_not_for_each_reader() {
        let temporary = tempfile::tempdir().expect("folder");
        let stored = PaperPages::open(temporary.path()).expect("opens");
        let a = paper("a");
        assert_eq!(stored.pages_of(&a).await, None, "not read yet");
        let record = PaperRecord {
            pages: 12,
            ..PaperRecord::default()
        };
        stored.put_record(&a, &record).expect("kept");
        // As after a start, when nothing is remembered.
        let pages = PaperPages::open(temporary.path()).expect("opens");
        assert_eq!(pages.pages_of(&a).await, Some(12));
        fs::write(pages.named(&a, RECORD), b"{").expect("written");
        assert_eq!(pages.pages_of(&a).await, Some(12), "nothing is read again");
        let again = PaperRecord {
            pages: 13,
            ..record
        };
        pages.put_record(&a, &again).expect("kept");
        assert_eq!(pages.pages_of(&a).await, Some(13), "it was read anew");
        pages.sweep(&BTreeSet::new()).expect("swept");
        assert_eq!(pages.pages_of(&a).await, None, "it is gone");
        for n in 0..MAX_REMEMBERED + 5 {
            pages.remember(&paper(&n.to_string()), 1);
        }
        assert_eq!(pages.counts().len(), MAX_REMEMBERED);
    }
}
