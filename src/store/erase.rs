//! Erasing people's words: the files go, and go again whenever they come back.
//!
//! Invariants: an entry says first that the words are erased, then the files are unlinked; whoever
//! holds the house's state unlinks again, at each start and at each look, whatever it names as
//! erased. The other order would leave, after a cut between the two, words that are gone without
//! anybody having said why: “damaged”. In this order a cut leaves a promise that the next start
//! keeps, and a copy that comes back from a backup or a rotting card does not make the entry a lie.
//! Both copies, what a write left half done, and the names in their folders are durable before it
//! counts as done.

use std::fs::File;
use std::io;

use super::files::{COPIES, PeopleFiles};
use crate::domain::id::BlobId;

/// What a writer leaves when it is cut before the file has its name.
const TEMPORARY_SUFFIX: &str = ".new";

impl PeopleFiles {
    /// Removes both copies; true = something was there. Blocks.
    ///
    /// # Errors
    /// Whatever the file system says; it is to be called again then.
    pub fn erase(&self, id: &BlobId) -> io::Result<bool> {
        let mut was_there = false;
        for copy in COPIES {
            let path = self.path(copy, id);
            let mut half = path.clone().into_os_string();
            half.push(TEMPORARY_SUFFIX);
            let mut gone = false;
            for file in [path, half.into()] {
                match std::fs::remove_file(file) {
                    Ok(()) => gone = true,
                    Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                    Err(cause) => return Err(cause),
                }
            }
            if gone {
                File::open(self.folder.join(copy))?.sync_all()?;
            }
            was_there |= gone;
        }
        Ok(was_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::files::Lost;

    #[test]
    fn erased_words_are_in_no_file_of_the_folder_and_others_stay() {
        let folder = std::env::temp_dir().join(format!(
            "conglang-erase-{}",
            getrandom::u64().expect("random")
        ));
        let files = PeopleFiles::open(&folder, vec![7; 32]).expect("opens");
        let blob = files
            .put_blocking("Chuyện riêng nhà bà Tý".as_bytes())
            .expect("written");
        let other = files.put_blocking("Họp thôn".as_bytes()).expect("written");
        // What a cut left of a write.
        std::fs::copy(
            files.path("a", &blob.id),
            folder.join("a").join(format!("{}.new", blob.id)),
        )
        .expect("half");
        let copy = std::fs::read(files.path("b", &blob.id)).expect("there");
        assert!(files.erase(&blob.id).expect("erased"));
        assert!(!files.erase(&blob.id).expect("nothing is left to do"));
        let left: Vec<String> = COPIES
            .iter()
            .flat_map(|c| std::fs::read_dir(folder.join(c)).expect("dir"))
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(left, [other.id.to_string(), other.id.to_string()]);
        assert_eq!(
            (files.get(&blob), files.text(&other).is_ok()),
            (Err(Lost::Erased), true)
        );
        std::fs::write(files.path("b", &blob.id), copy).expect("it comes back from a backup");
        assert!(files.get(&blob).is_ok() && files.erase(&blob.id).expect("erased again"));
        assert_eq!(files.get(&blob), Err(Lost::Erased));
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
