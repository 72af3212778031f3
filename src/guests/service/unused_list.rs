//! A block list's file that could not be used: when it is worth reading again.
//!
//! Invariant: it is read again only when it is another file than the one that could not be used,
//! and the same as at the look before, so that nobody is writing to it.

use std::path::Path;
use std::time::SystemTime;

use crate::time::MonoMs;

/// How often it is looked at, ms.
const LOOK_MS: u64 = 3_000;

/// A file as its folder has it: when it was changed, and its bytes.
type FileState = (SystemTime, u64);

/// The file.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnusedList {
    looked_at: MonoMs,
    /// As it was when it was read; none = it was not there.
    read: Option<FileState>,
    /// As it was at the last look.
    seen: Option<FileState>,
}

fn file_state(path: &Path) -> Option<FileState> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl UnusedList {
    /// The file as it is now, just before it is read.
    pub(super) fn new(path: &Path, now: MonoMs) -> Self {
        let state = file_state(path);
        Self {
            looked_at: now,
            read: state,
            seen: state,
        }
    }

    /// Whether it is to be read again now.
    pub(super) fn is_due(&mut self, path: &Path, now: MonoMs) -> bool {
        if now.since(self.looked_at) < LOOK_MS {
            return false;
        }
        self.looked_at = now;
        let state = file_state(path);
        let before = std::mem::replace(&mut self.seen, state);
        state.is_some() && state == before && state != self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_came_back_is_read_once_it_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("blocked.txt");
        let at = |seconds: u64| MonoMs::START + seconds * 1_000;
        let mut list = UnusedList::new(&path, at(0));
        assert!(!list.is_due(&path, at(10)), "it is not there");
        std::fs::write(&path, "a.example\n").expect("written");
        assert!(!list.is_due(&path, at(20)), "somebody may be writing");
        std::fs::write(&path, "a.example\nb.example\n").expect("written");
        assert!(!list.is_due(&path, at(30)));
        assert!(!list.is_due(&path, at(32)), "not looked at yet");
        assert!(list.is_due(&path, at(33)));
        // One that could not be used is not read again and again.
        let mut list = UnusedList::new(&path, at(33));
        assert!(!list.is_due(&path, at(40)) && !list.is_due(&path, at(50)));
    }
}
