//! Erasing blobs: the files are removed, and removed again whenever they reappear.
//!
//! Invariants: first an entry records that the blob is erased, then its files are unlinked; at each
//! start and at each scrub, the files of every blob that the village's state names as erased are
//! unlinked again. In the other order a power cut between the two steps would leave a blob that is
//! missing for no recorded reason, and it would count as damaged. In this order a power cut
//! leaves files that the next start removes, and a copy that reappears from a backup or from
//! failing storage does not make the entry false. The erasure counts as done only when the removal
//! of both copies and of half-written files is durable, with the names in their folders.

use std::fs::File;
use std::io;

use super::files::{COPIES, PeopleFiles};
use crate::domain::id::BlobId;

/// The suffix of the file that an interrupted write leaves before the file has its name.
const TEMPORARY_SUFFIX: &str = ".new";

impl PeopleFiles {
    /// Removes both copies and half-written files; true = there was something to remove. Blocks.
    ///
    /// # Errors
    /// An error of the file system; it must be called again then.
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
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let files = PeopleFiles::open(folder, vec![7; 32]).expect("opens");
        let blob = files
            .put_blocking("Chuyện riêng nhà bà Tý".as_bytes())
            .expect("written");
        let other = files.put_blocking("Họp thôn".as_bytes()).expect("written");
        // An interrupted write.
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
    }
}
