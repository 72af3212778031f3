//! Texts as sound, for phones: files by the name of what they say.
//!
//! Invariants: this is a cache; what is missing is made again. A name begins with what the sound
//! says: a blob (`b-`), so that the sound goes when that is erased, or a paper (`p-`), so that it
//! goes with the paper. A file is whole or not there. Those that nobody has heard for longest make
//! room for new ones.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::domain::id::BlobId;
use crate::log::disk::write_atomic;

/// Most sounds; each has a few MB at most.
const MAX_SPOKEN: usize = 200;
/// How soon it is noted again that a sound was heard: a note is a write.
const NOTE_INTERVAL: Duration = Duration::from_secs(3_600);
/// How a sound ends.
const END: &str = "mp3";

/// The name of the sound of a blob, as it was said after so many corrections.
#[must_use]
pub fn name_of_blob(blob: &BlobId, corrections: usize) -> String {
    format!("b-{blob}-{corrections}")
}

/// The name of the sound of a paper.
#[must_use]
pub fn name_of_paper(sha256: &str) -> String {
    format!("p-{sha256}")
}

/// The folder of sounds; clones are the same.
#[derive(Debug, Clone)]
pub struct SpokenTexts(PathBuf);

impl SpokenTexts {
    /// Opens the folder.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{END}"))
    }

    /// The sound of this name, if there is one.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        is_name
            .then(|| self.path(name))
            .filter(|path| path.exists())
    }

    /// The sound of this name for somebody who hears it now: it stays longer than others. Blocks
    /// for a moment.
    #[must_use]
    pub fn heard(&self, name: &str) -> Option<PathBuf> {
        let path = self.file(name)?;
        #[expect(clippy::disallowed_methods, reason = "files carry the machine's time")]
        let now = SystemTime::now();
        let noted = path.metadata().and_then(|about| about.modified());
        let is_noted = |at| {
            now.duration_since(at)
                .is_ok_and(|past| past < NOTE_INTERVAL)
        };
        if !noted.is_ok_and(is_noted)
            && let Ok(file) = fs::File::options().append(true).open(&path)
        {
            let _ = file.set_modified(now);
        }
        Some(path)
    }

    /// Stores a sound and gives its file. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn put(&self, name: &str, sound: &[u8]) -> io::Result<PathBuf> {
        let path = self.path(name);
        write_atomic(&path, sound)?;
        self.evict_oldest()?;
        Ok(path)
    }

    /// Removes the sounds of an erased blob; true = there were some. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove_of(&self, blob: &BlobId) -> io::Result<bool> {
        let (of_blob, mut gone) = (format!("b-{blob}-"), false);
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&of_blob) {
                fs::remove_file(entry.path())?;
                gone = true;
            }
        }
        if gone {
            fs::File::open(&self.0)?.sync_all()?;
        }
        Ok(gone)
    }

    /// Removes the sounds of papers that are not among `used`; gives how many. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn sweep(&self, used: &BTreeSet<String>) -> io::Result<usize> {
        let mut gone = 0;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let paper = name.to_str().and_then(|name| name.strip_prefix("p-"));
            let paper = paper.and_then(|name| name.split('.').next());
            if paper.is_some_and(|sha256| !used.contains(sha256)) {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn evict_oldest(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(MAX_SPOKEN)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_goes_with_what_it_says() {
        let temporary = tempfile::tempdir().expect("folder");
        let spoken = SpokenTexts::open(temporary.path()).expect("opens");
        let blob = BlobId::new("0a").expect("id");
        let (of_blob, of_paper) = (name_of_blob(&blob, 1), name_of_paper("ff"));
        spoken.put(&of_blob, b"a").expect("kept");
        spoken.put(&of_paper, b"b").expect("kept");
        assert!(spoken.file(&of_blob).is_some());
        assert_eq!(spoken.file("../x"), None);
        assert_eq!(
            spoken.sweep(&BTreeSet::from(["ff".into()])).expect("swept"),
            0
        );
        assert_eq!(spoken.sweep(&BTreeSet::new()).expect("swept"), 1);
        assert!(spoken.remove_of(&blob).expect("gone"));
        assert!(!spoken.remove_of(&blob).expect("nothing"));
        assert_eq!(spoken.file(&of_blob), None);
        for n in 0..MAX_SPOKEN + 3 {
            spoken.put(&format!("b-{n}"), b"x").expect("kept");
        }
        let left = fs::read_dir(temporary.path()).expect("folder").count();
        assert_eq!(left, MAX_SPOKEN);
    }

    #[test]
    fn what_is_heard_again_stays_and_what_nobody_hears_makes_room() {
        let temporary = tempfile::tempdir().expect("folder");
        let spoken = SpokenTexts::open(temporary.path()).expect("opens");
        #[expect(clippy::disallowed_methods, reason = "files carry the machine's time")]
        let long_ago = SystemTime::now() - Duration::from_secs(90 * 86_400);
        for n in 0..MAX_SPOKEN {
            let path = spoken.put(&format!("b-{n}"), b"x").expect("kept");
            let file = fs::File::options().append(true).open(path);
            let at = long_ago + Duration::from_secs(n as u64);
            file.expect("opens").set_modified(at).expect("dated");
        }
        assert!(spoken.heard("b-0").is_some());
        assert_eq!(spoken.heard("b-none"), None);
        spoken.put("b-new", b"x").expect("kept");
        assert!(spoken.file("b-0").is_some(), "it was heard");
        assert_eq!(spoken.file("b-1"), None, "it was not");
    }
}
