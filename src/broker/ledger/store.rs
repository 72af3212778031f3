//! The ledger's files: groups of records with their tables, dumps, the mark, and what was lost.
//!
//! Invariants: nothing that was saved from a damaged file is written over before a whole dump is on
//! disk (the file is set aside under another name, from where it is still read); what was there and
//! cannot be read any more is told by [`Store::tell_loss`] and stands in the mark from then on;
//! damage never keeps the broker from serving.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::dump::Snapshot;
use super::mark::{EVERY, Mark, Marks};
use super::record::Record;
use super::restore::Found;
use super::salvage::{Files, Row};
use super::table::{self, Id, Stand, Table};
use crate::keys::secret;
use crate::log::disk::{Disk as _, Folder};
use crate::log::frame::{Epoch, Group, MAX_PAYLOAD};
use crate::log::recover::Floor;
use crate::log::segments::{Log, OpenError};
use crate::protocol::broker::{Loss, Rot};

/// Most bytes of records and their rows in one group.
const PIECE: usize = MAX_PAYLOAD - 8192;
/// Sealed segments after which everything is dumped anew.
const SEALED_MAX: usize = 4;
/// Files set aside of each slot.
const ASIDE_MAX: usize = 4;

/// The file side.
pub struct Store {
    log: Log,
    /// The last group, and the number that is given out next.
    last: u64,
    next: u64,
    ledger: Id,
    /// The group and the segment with which the last whole dump begins; 0 = there is none.
    first: (u64, u64),
    /// What stands on disk is not as it should be: a dump makes good what can be.
    renew: bool,
    dumped: usize,
    marks: Marks,
    marked: Mark,
    loss: Option<Loss>,
    /// Bytes written since it was opened.
    pub written: u64,
}

/// Files that were set aside, and what their names begin with.
const ASIDE: &str = "damaged-";

fn set_aside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    Ok(all
        .into_iter()
        .filter(|e| e.file_name().to_string_lossy().starts_with(ASIDE))
        .map(|e| e.path())
        .collect())
}

/// Takes a file out of use, so that nothing is written over it.
fn put_aside(folder: &Path, slot: u32) -> io::Result<()> {
    let names: Vec<PathBuf> = (0..ASIDE_MAX)
        .map(|n| folder.join(format!("{ASIDE}{slot:04}-{n}")))
        .collect();
    let Some(to) = names.iter().find(|n| !n.exists()).or(names.last()) else {
        return Ok(());
    };
    std::fs::rename(folder.join(format!("{slot:04}.seg")), to)?;
    std::fs::File::open(folder)?.sync_all()
}

fn is_of_before(group: &Group) -> bool {
    group
        .records
        .first()
        .is_none_or(|r| Table::read(r).is_none())
}

fn id_of(hex: &str) -> Option<Id> {
    let bytes = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(hex.get(i * 2..i * 2 + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok()
}

impl Store {
    /// Opens the folder and reads what is there. `served_before` = a broker is known to have served
    /// here.
    ///
    /// # Errors
    /// When the medium fails or a newer program wrote it.
    pub fn open(folder: &Path, epoch: Epoch, served_before: bool) -> io::Result<(Self, Found)> {
        let mut disk = Folder::open(folder)?;
        let marks = Marks::of(folder);
        let was_marked = marks.exist();
        let mut files = Files::default();
        for slot in disk.slots()? {
            files.add(Some(slot), &disk.read(slot)?);
        }
        if let Some(version) = files.newer {
            return Err(io::Error::other(OpenError::Newer(version)));
        }
        for path in set_aside(folder)? {
            files.add(None, &std::fs::read(&path).unwrap_or_default());
        }
        let (ours, mark) = marks.judge(files.main().map(|id| secret::hex(&id)).as_deref());
        let known = ours.as_deref().and_then(id_of);
        let ledger = match known.or_else(|| files.main()) {
            Some(id) => id,
            None => secret::random()?,
        };
        let reached = mark
            .as_ref()
            .filter(|_| known.is_some())
            .map_or(0, |m| m.number);
        let (row, foreign) = (files.row(&ledger, reached), files.foreign(&ledger));
        for slot in row.damaged.union(&foreign) {
            // Without room for another name, or on a card that may only be read, it stays where it
            // is.
            if let Err(cause) = put_aside(folder, *slot) {
                tracing::warn!(%cause, slot, "a damaged part of the broker's ledger could not be set aside");
            }
        }
        let (log, found) = Log::open(
            Box::new(disk),
            epoch,
            &Floor {
                any_start: true,
                ..Floor::default()
            },
        )
        .map_err(io::Error::other)?;
        // What versions without tables wrote stands before what this one wrote, or behind it if one
        // of them came back.
        let of_before: Vec<&Group> = found.groups.iter().filter(|g| is_of_before(g)).collect();
        let is_behind = |g: &Group| row.segment.is_some_and(|s| g.segment > s);
        let old = |behind: bool| {
            of_before
                .iter()
                .filter(move |g| is_behind(g) == behind && (behind || row.first == 0))
                .flat_map(|g| &g.records)
                .map(|r| Some(r.as_slice()))
        };
        let records = old(false)
            .chain(row.records.iter().map(Option::as_deref))
            .chain(old(true));
        let all = Found::read_around(records);
        let is_damaged = found.damage.is_some() && (!of_before.is_empty() || row.highest == 0);
        let is_empty = row.last == 0 && of_before.is_empty();
        let expected = reached > 0 || mark.is_none() && (was_marked || served_before);
        let loss = how(&row, &foreign, is_damaged, is_empty && expected).map(|how| Loss {
            how,
            groups: row.groups + u64::from(is_damaged),
            records: row.lost,
            ..Loss::default()
        });
        let renew =
            loss.is_some() || row.is_torn || found.damage.is_some() || !of_before.is_empty();
        let first = (row.first, found.first);
        let marked = Mark {
            ledger: secret::hex(&ledger),
            number: row.last,
            ..mark.unwrap_or_default()
        };
        Ok((
            Self {
                log,
                last: row.last,
                next: row.highest + 1,
                ledger,
                first,
                renew,
                dumped: 0,
                marks,
                marked,
                loss,
                written: 0,
            },
            all,
        ))
    }

    /// Says what was there and is not any more, in the log and in the mark, and marks where the
    /// ledger stands.
    pub fn tell_loss(&mut self, found: &Found, wall: u64) -> Option<Loss> {
        let (retained_left, sessions_left) = found.counts();
        if let Some(loss) = self.loss.take() {
            let (retained, sessions) = (self.marked.retained, self.marked.sessions);
            let loss = Loss {
                at: wall,
                retained,
                retained_left,
                sessions,
                sessions_left,
                ..loss
            };
            tracing::error!(
                ?loss,
                "a part of what the broker had on disk is lost; what is whole is used, and the broker serves"
            );
            self.marked.loss = Some(loss);
        }
        self.mark((retained_left, sessions_left));
        self.marked.loss.clone()
    }

    /// True when the ledger is far beyond its mark, or the mark says that there is nothing and
    /// there is something.
    pub fn wants_mark(&self) -> bool {
        self.last >= self.marked.number + EVERY
            || self.marked.number < self.first.0
            || self.marked.number == 0 && self.last > 0
    }

    /// Marks how far the ledger is, and what it holds (retained messages, kept sessions).
    pub fn mark(&mut self, (retained, sessions): (u64, u64)) {
        self.marked = Mark {
            number: self.last,
            retained,
            sessions,
            ..self.marked.clone()
        };
        if let Err(cause) = self.marks.write(&self.marked) {
            tracing::warn!(%cause, "how far the broker's ledger is could not be marked");
        }
    }

    /// Writes records durably, in as few groups as they need.
    ///
    /// # Errors
    /// Whatever the medium says; the store is unusable then.
    pub fn write(&mut self, records: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
        let mut part: Vec<Vec<u8>> = Vec::new();
        let mut size = 0;
        for record in records {
            let takes = record.len() + 4 + 2 * table::ROW;
            if size + takes > PIECE && !part.is_empty() {
                self.append(&std::mem::take(&mut part))?;
                size = 0;
            }
            if takes > PIECE {
                // A record that is larger than a group goes in pieces: `<` begins, `-` goes on, `>`
                // ends.
                let most = PIECE - 4 - 2 * table::ROW;
                let count = record.len().div_ceil(most);
                for (n, chunk) in record.chunks(most).enumerate() {
                    let sign: &[u8] = if n == 0 {
                        b"<"
                    } else if n + 1 == count {
                        b">"
                    } else {
                        b"-"
                    };
                    self.append(&[[sign, chunk].concat()])?;
                }
                continue;
            }
            size += takes;
            part.push(record);
        }
        if part.is_empty() {
            Ok(())
        } else {
            self.append(&part)
        }
    }

    fn append(&mut self, part: &[Vec<u8>]) -> io::Result<()> {
        let stand = Stand {
            ledger: self.ledger,
            number: self.next,
            before: self.last,
            first: self.first.0,
        };
        let (before, behind) = (
            table::encode(&stand, false, part),
            table::encode(&stand, true, part),
        );
        let all: Vec<&[u8]> = std::iter::once(&before)
            .chain(part)
            .chain(std::iter::once(&behind))
            .map(Vec::as_slice)
            .collect();
        self.written += crate::log::frame::size_of(&all) as u64;
        self.log.append_from(self.first.1, stand.number, &all)?;
        (self.last, self.next) = (stand.number, stand.number + 1);
        Ok(())
    }

    /// The broker begins to serve what was found: from now on it may have been sent.
    pub fn begin(&mut self, found: &mut Found) {
        if found.knows_unsent()
            && let Err(cause) = self.write(std::iter::once(Record::Began.encode()))
        {
            tracing::warn!(%cause, "the broker's beginning could not be written; what waits is sent as if it had been sent before");
            found.all_may_be_sent();
        }
    }

    /// True when it is time for a dump of everything.
    pub fn wants_dump(&self) -> bool {
        self.renew || self.log.sealed().len() >= SEALED_MAX + 2 * self.dumped
    }

    /// Bytes that it takes on disk.
    #[cfg(test)]
    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// Writes a dump and lets the old segments go.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_dump(&mut self, dump: &Snapshot) -> io::Result<()> {
        self.log.seal();
        let first = (self.next, self.log.next_segment());
        self.write(dump.records())?;
        // The group with the end says where the dump begins: with it, what stood before is dead.
        self.first = first;
        self.write(std::iter::once(Record::End.encode()))?;
        self.renew = false;
        // A large store seals segments by being dumped: those are not a reason to dump again.
        self.dumped = self.log.sealed().len();
        // Only now may go what stood behind damage.
        self.log.heal()
    }
}

/// How something was lost; none = nothing was.
fn how(row: &Row, foreign: &BTreeSet<u32>, is_damaged: bool, is_gone: bool) -> Option<Rot> {
    if !foreign.is_empty() {
        Some(Rot::Foreign)
    } else if is_gone {
        Some(Rot::Gone)
    } else if row.groups + row.lost > 0 || is_damaged {
        Some(Rot::Damaged)
    } else {
        row.lacks_end.then_some(Rot::Older)
    }
}
