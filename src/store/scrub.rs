//! The scrub of people's files, before anybody needs them: one bad copy is written again from the
//! other; two bad copies are reported.
//!
//! Invariants: a copy is replaced only by bytes whose checksum is right (and whose keyed hash is
//! right, where the village's state knows it); a file that is being erased at the same moment is
//! not restored; a file that is being written is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use super::files::{COPIES, PeopleFiles};
use crate::domain::blob::BlobRef;
use crate::domain::id::BlobId;
use crate::keys::secret;
use crate::log::disk::write_atomic;

/// A file younger than this may still be written by another thread.
const SETTLE_TIME: Duration = Duration::from_secs(60);
/// Files that are checked in one step.
const FILES_PER_STEP: usize = 500;

/// The result of checking one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCheck {
    /// Both copies are good, or the file is so young that it may still be written.
    Intact,
    /// One copy was bad and is good again.
    Repaired,
    /// Neither copy is good.
    Damaged,
    /// Neither copy exists.
    Missing,
}

impl PeopleFiles {
    /// All files that have at least one copy. Blocks.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn names(&self) -> io::Result<BTreeSet<BlobId>> {
        let mut out = BTreeSet::new();
        for copy in COPIES {
            for entry in std::fs::read_dir(self.folder.join(copy))? {
                // A `.new` file is an interrupted write and no blob yet.
                let name = entry?.file_name();
                out.extend(
                    name.to_str()
                        .filter(|n| n.strip_suffix(".new").is_none())
                        .and_then(|n| BlobId::new(n).ok()),
                );
            }
        }
        Ok(out)
    }

    /// Checks both copies and writes a bad one again; `known` is the reference in the village's
    /// state. Blocks.
    ///
    /// # Errors
    /// When a bad copy could not be written again.
    pub fn verify(&self, id: &BlobId, known: Option<&BlobRef>) -> io::Result<FileCheck> {
        let copies = COPIES.map(|copy| std::fs::read(self.path(copy, id)));
        let is_good = |bytes: &io::Result<Vec<u8>>| {
            let whole = bytes
                .as_ref()
                .ok()
                .and_then(|b| b.split_at_checked(4))
                .filter(|(crc, content)| *crc == crc32c::crc32c(content).to_le_bytes());
            whole.is_some_and(|(_, content)| {
                known.is_none_or(|k| {
                    secret::constant_time_eq(&secret::mac(&self.key, content), &k.mac)
                })
            })
        };
        let is_absent = |bytes: &io::Result<Vec<u8>>| {
            bytes
                .as_ref()
                .is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
        };
        let (good, bad) = match (is_good(&copies[0]), is_good(&copies[1])) {
            // Both copies are whole but differ. Without the keyed hash nothing tells which one is
            // right.
            (true, true) if copies[0].as_ref().ok() != copies[1].as_ref().ok() => {
                return Ok(FileCheck::Damaged);
            }
            (true, true) => return Ok(FileCheck::Intact),
            (true, false) => (0, 1),
            (false, true) => (1, 0),
            (false, false) if copies.iter().all(is_absent) => return Ok(FileCheck::Missing),
            (false, false) => {
                return Ok(if self.is_recent(id) {
                    FileCheck::Intact
                } else {
                    FileCheck::Damaged
                });
            }
        };
        if self.is_recent(id) {
            return Ok(FileCheck::Intact);
        }
        let [one, two] = copies;
        let content = if good == 0 { one } else { two }?;
        write_atomic(&self.path(COPIES[bad], id), &content)?;
        if !self.path(COPIES[good], id).exists() {
            self.erase(id)?;
        }
        Ok(FileCheck::Repaired)
    }

    fn is_recent(&self, id: &BlobId) -> bool {
        COPIES.iter().any(|copy| {
            std::fs::metadata(self.path(copy, id))
                .and_then(|m| m.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age < SETTLE_TIME))
        })
    }
}

/// The scrub of all files, some at a time, round after round.
#[derive(Debug, Default)]
pub struct Scrub {
    remaining: Vec<BlobId>,
    /// The damaged files of this round.
    damaged_in_round: BTreeSet<BlobId>,
    /// Files of which neither copy is good, as of the last check of each.
    pub damaged: BTreeSet<BlobId>,
    /// Files of which one copy was written again since the gateway started.
    pub repaired: u64,
}

impl Scrub {
    /// Checks the next files. `known` are the files that the state names, `erased` those that must
    /// not exist any more. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read or a copy cannot be written.
    pub fn step(
        &mut self,
        files: &PeopleFiles,
        known: &BTreeMap<BlobId, BlobRef>,
        erased: &BTreeSet<BlobId>,
    ) -> io::Result<()> {
        if self.remaining.is_empty() {
            self.remaining = files
                .names()?
                .into_iter()
                .chain(known.keys().cloned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            self.damaged_in_round.clear();
        }
        for id in self
            .remaining
            .split_off(self.remaining.len().saturating_sub(FILES_PER_STEP))
        {
            if erased.contains(&id) {
                files.erase(&id)?;
                self.damaged.remove(&id);
                continue;
            }
            let found = files.verify(&id, known.get(&id))?;
            if found == FileCheck::Repaired {
                tracing::warn!(%id, "blob copy repaired from the other copy");
                self.repaired += 1;
            }
            // A missing file that the state does not name is no loss.
            let is_bad = found == FileCheck::Damaged
                || found == FileCheck::Missing && known.contains_key(&id);
            if is_bad && self.damaged.insert(id.clone()) {
                tracing::error!(%id, ?found, "blob lost: both copies damaged or missing");
            }
            if is_bad {
                self.damaged_in_round.insert(id);
            } else {
                self.damaged.remove(&id);
            }
        }
        if self.remaining.is_empty() {
            self.damaged.clone_from(&self.damaged_in_round);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn hurt(path: &Path, how: usize, other: &[u8]) {
        let old = std::fs::read(path).expect("read");
        match how {
            0 => std::fs::remove_file(path).expect("gone"),
            1 => std::fs::write(path, &old[..old.len() / 2]).expect("truncated"),
            2 => std::fs::write(path, vec![0; old.len()]).expect("NUL"),
            3 => std::fs::write(path, [&[old[0] ^ 1], &old[1..]].concat()).expect("one bit"),
            4 => std::fs::write(path, other).expect("of another village"),
            // An older content with a right checksum: only the keyed hash shows the harm.
            _ => std::fs::write(
                path,
                [&crc32c::crc32c(b"cu").to_le_bytes()[..], b"cu"].concat(),
            )
            .expect("older"),
        }
        if path.exists() {
            age(path);
        }
    }

    fn age(path: &Path) {
        let then = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        std::fs::File::options()
            .write(true)
            .open(path)
            .and_then(|f| f.set_modified(then))
            .expect("aged");
    }

    #[test]
    fn every_harm_of_one_copy_is_mended_and_of_both_is_told() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let files = PeopleFiles::open(folder, vec![7; 32]).expect("opens");
        let (theirs, ours) = (b"Thon khac".to_vec(), "Họp thôn lúc 19 giờ 30".as_bytes());
        let other = [&crc32c::crc32c(&theirs).to_le_bytes()[..], &theirs].concat();
        for how in 0..6 {
            for both in [false, true] {
                let blob = files.put_blocking(ours).expect("written");
                let paths = COPIES.map(|c| files.path(c, &blob.id));
                for path in &paths {
                    age(path);
                }
                let good = std::fs::read(&paths[0]).expect("read");
                let known = BTreeMap::from([(blob.id.clone(), blob.clone())]);
                hurt(&paths[0], how, &other);
                if both {
                    hurt(&paths[1], how, &other);
                }
                let mut scrub = Scrub::default();
                scrub
                    .step(&files, &known, &BTreeSet::new())
                    .expect("looked");
                assert_eq!(
                    (scrub.damaged.contains(&blob.id), scrub.repaired),
                    (both, u64::from(!both)),
                    "harm {how}"
                );
                assert_eq!(files.get(&blob).is_ok(), !both);
                assert_eq!(
                    std::fs::read(&paths[0]).is_ok_and(|b| b == good),
                    !both,
                    "harm {how}: the copy is good again"
                );
                // A file that is restored from a backup is good again; an erased file is not
                // expected any more.
                files.put_as(&blob.id, ours).expect("put back");
                scrub
                    .step(&files, &known, &BTreeSet::new())
                    .expect("looked");
                assert!(scrub.damaged.is_empty());
                scrub
                    .step(&files, &known, &BTreeSet::from([blob.id.clone()]))
                    .expect("looked");
                assert!(scrub.damaged.is_empty() && paths.iter().all(|p| !p.exists()));
            }
        }
    }
}
