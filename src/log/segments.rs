//! The writer: groups one after the other, each synced before the next begins.
//!
//! Invariants: `append` returns only when the group is durable; a boot begins a new segment at its
//! first group and never writes behind an unknown tail; a slot is overwritten only after its
//! segment was released. After an error the log refuses every further group, because the content of
//! the medium is then unknown.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use super::disk::{Disk, SEGMENT_BYTES};
use super::frame::{BLOCK_BYTES, Epoch, Group, MAX_PAYLOAD, Stamp, encode, size_of};
use super::recover::{Floor, LogDamage, scan};

/// Spare slots that [`Log::ensure_spare`] has ready.
pub const SPARE_SEGMENTS: usize = 2;
/// How many files may be missing before a file that this log made. A file with more missing before
/// it was not named by this log.
const MAX_NUMBER_GAP: usize = 8;

/// Checks the ascending numbers of a log's files. Returns the numbers that are missing between
/// them, and those that this log did not give.
#[must_use]
pub fn check_numbering(numbers: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut gone, mut next) = (Vec::new(), 0);
    let is_near =
        |(i, n): &(usize, &u32)| usize::try_from(**n).is_ok_and(|n| n <= i + MAX_NUMBER_GAP);
    for (_, n) in numbers.iter().enumerate().take_while(is_near) {
        gone.extend(next..*n);
        next = n + 1;
    }
    (
        gone,
        numbers.iter().copied().filter(|n| *n >= next).collect(),
    )
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// The medium failed.
    #[error("cannot read the log")]
    Io(#[from] io::Error),
    /// A newer program wrote the log.
    #[error(
        "the log was written by a newer version of this program (format {0}, this one \
         knows {known})",
        known = super::frame::VERSION,
    )]
    Newer(u16),
}

/// The content of a log at opening.
#[derive(Debug, Default)]
pub struct Recovery {
    /// The groups from the floor on, in order.
    pub groups: Vec<Group>,
    /// The damage, if any: replay ends before it.
    pub damage: Option<LogDamage>,
    /// The first segment that is needed, as stored in the groups; 0 = all.
    pub first: u64,
    /// Segments whose files are shorter than they were made, although they hold groups: something
    /// other than this log truncated them.
    pub truncated: Vec<u64>,
    /// Number of files that are missing although later ones exist. This log never removes a file,
    /// so something else did.
    pub missing: usize,
    /// Files whose numbers this log did not give. The groups in them are read. A file in which no
    /// group is found is not overwritten.
    pub stray: Vec<u32>,
}

/// A finished segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub segment: u64,
    /// The floor behind it: every group below lies in this segment or an older one.
    pub floor: Floor,
}

/// The log of one folder, with one writer.
pub struct Log {
    disk: Box<dyn Disk>,
    epoch: Epoch,
    next_segment: u64,
    next_group: u64,
    current: Option<Current>,
    live: BTreeMap<u64, u32>,
    sealed: VecDeque<Sealed>,
    free: VecDeque<u32>,
    too_short: VecDeque<u32>,
    /// Slots in use whose files are too short for another segment; they are made again once their
    /// segment is released.
    truncated: Vec<u32>,
    orphaned: Vec<(u32, usize)>,
    next_slot: u32,
    stray: Vec<u32>,
    /// Why the log refuses every further group; none = it accepts them.
    failure: Option<io::ErrorKind>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    segment: u64,
    slot: u32,
    at: usize,
}

impl Log {
    /// Opens the log for the boot `epoch` and returns its content. Groups beyond damage are left
    /// where they are until [`Log::remove_orphaned`]. A log on a medium that is read-only, or that
    /// cannot sync, opens, but refuses every group.
    ///
    /// # Errors
    /// [`LogOpenError`] when the medium fails or holds a newer format; nothing was changed then.
    pub fn open(
        mut disk: Box<dyn Disk>,
        epoch: Epoch,
        floor: &Floor,
    ) -> Result<(Self, Recovery), LogOpenError> {
        let numbers = disk.slots()?;
        let mut contents = Vec::with_capacity(numbers.len());
        for slot in &numbers {
            contents.push((*slot, disk.read(*slot)?));
        }
        let short: Vec<u32> = contents
            .iter()
            .filter(|(_, c)| c.len() != SEGMENT_BYTES)
            .map(|(s, _)| *s)
            .collect();
        let mut found = scan(contents, floor);
        if let Some(version) = found.newer {
            return Err(LogOpenError::Newer(version));
        }
        // The last group may be in the page cache only, if its writer was killed before the sync. A
        // read-only medium is as durable as it gets. If the sync fails, the log refuses every
        // further group, but the groups that were read can still be shown.
        let broken = found
            .slots
            .last_key_value()
            .and_then(|(_, slot)| disk.sync(*slot).err())
            .map(|cause| cause.kind());
        let held: Vec<u32> = found.orphaned.iter().map(|(slot, _)| *slot).collect();
        let (gone, stray) = check_numbering(&numbers);
        // A slot whose creation was interrupted is too short: it is made again before it is used.
        found
            .free
            .retain(|s| !short.contains(s) && !held.contains(s) && !stray.contains(s));
        let (cut, cut_slots) = found
            .slots
            .iter()
            .filter(|(_, slot)| short.contains(slot))
            .unzip();
        let missing = gone.len();
        let next_slot = numbers
            .iter()
            .rfind(|n| !stray.contains(n))
            .map_or(0, |n| n + 1);
        let short = gone
            .into_iter()
            .chain(short)
            .filter(|s| {
                !held.contains(s) && !stray.contains(s) && !found.slots.values().any(|u| u == s)
            })
            .collect();
        let last = found.groups.last().map(|g| (g.epoch, g.number + 1));
        let mut sealed = VecDeque::new();
        let segments: Vec<u64> = found.slots.keys().copied().collect();
        for (i, segment) in segments.iter().enumerate() {
            // The floor after a segment is the first group of the next segment, or the number that
            // follows the last group.
            let next = segments
                .get(i + 1)
                .and_then(|n| found.groups.iter().find(|g| g.segment == *n))
                .map(|g| (g.epoch, g.number));
            let (epoch, group) = next.or(last).unwrap_or((floor.epoch, floor.group));
            sealed.push_back(Sealed {
                segment: *segment,
                floor: Floor {
                    segment: segment + 1,
                    epoch,
                    group,
                    ..Floor::default()
                },
            });
        }
        let log = Self {
            disk,
            epoch,
            next_segment: found.last_segment.max(floor.segment).max(1) + 1,
            next_group: 0,
            current: None,
            live: found.slots,
            sealed,
            free: found.free.into(),
            too_short: short,
            truncated: cut_slots,
            orphaned: found.orphaned,
            next_slot,
            stray: stray.clone(),
            failure: broken,
        };
        Ok((
            log,
            Recovery {
                groups: found.groups,
                damage: found.damage,
                first: found.first,
                truncated: cut,
                missing,
                stray,
            },
        ))
    }

    /// Writes one group and makes it durable. `records`, with 4 bytes added to each, must not
    /// exceed [`MAX_PAYLOAD`].
    ///
    /// # Errors
    /// When the group is too large or the medium fails. After a failure of the medium the log is
    /// unusable.
    pub fn append(&mut self, first_seq: u64, stamp: &Stamp, records: &[&[u8]]) -> io::Result<()> {
        if let Some(kind) = self.failure {
            return Err(io::Error::new(
                kind,
                format!(
                    "the log accepts no group since it failed or was opened read-only ({kind})"
                ),
            ));
        }
        let size = size_of(records);
        if size > MAX_PAYLOAD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "group too large",
            ));
        }
        let done = self.write(first_seq, stamp, records, size);
        self.failure = done.as_ref().err().map(io::Error::kind);
        done
    }

    /// Writes one group that records that nothing before segment `first` is needed any more, and
    /// then releases those segments. They are released only after the write, so that a write torn
    /// by a power cut cannot be mistaken for damage. For callers that open with
    /// [`Floor::any_start`].
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_from(&mut self, first: u64, first_seq: u64, records: &[&[u8]]) -> io::Result<()> {
        let mut stamp = [0; 128];
        stamp[..8].copy_from_slice(&first.to_le_bytes());
        self.append(first_seq, &stamp, records)?;
        if let Some(last) = first.checked_sub(1) {
            self.release(last);
        }
        Ok(())
    }

    /// The number of the segment that is begun next.
    #[must_use]
    pub fn next_segment(&self) -> u64 {
        self.next_segment
    }

    fn write(
        &mut self,
        first_seq: u64,
        stamp: &Stamp,
        records: &[&[u8]],
        size: usize,
    ) -> io::Result<()> {
        let place = match self.current {
            Some(c) if c.at + size <= SEGMENT_BYTES => c,
            _ => self.begin_segment()?,
        };
        let bytes = encode(
            place.segment,
            &self.epoch,
            self.next_group,
            first_seq,
            stamp,
            records,
        );
        self.disk.write(place.slot, place.at, &bytes)?;
        self.disk.sync(place.slot)?;
        self.next_group += 1;
        self.current = Some(Current {
            at: place.at + bytes.len(),
            ..place
        });
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<Current> {
        self.seal();
        let slot = match self.free.pop_front() {
            Some(slot) => slot,
            None => self.make_slot()?,
        };
        let segment = self.next_segment;
        self.next_segment += 1;
        self.live.insert(segment, slot);
        Ok(Current {
            segment,
            slot,
            at: 0,
        })
    }

    fn make_slot(&mut self) -> io::Result<u32> {
        loop {
            let remade = self.too_short.front().copied();
            let slot = remade.unwrap_or(self.next_slot);
            let is_taken = remade.is_none() && self.stray.contains(&slot);
            let made = if is_taken {
                Err(io::ErrorKind::IsADirectory.into())
            } else {
                self.disk.create(slot, SEGMENT_BYTES)
            };
            // A folder that something else made under this name is skipped.
            if made
                .as_ref()
                .is_err_and(|cause| cause.kind() != io::ErrorKind::IsADirectory)
            {
                return made.map(|()| slot);
            }
            if remade.is_some() {
                self.too_short.pop_front();
            } else {
                self.next_slot += 1;
            }
            if made.is_ok() {
                return Ok(slot);
            }
        }
    }

    /// Copies groups beyond damage aside and makes them invalid, so that the same damage is found
    /// only once. Call it when the record of the damage is itself durable.
    ///
    /// # Errors
    /// When the medium fails; the damage is found again at the next opening then.
    pub fn remove_orphaned(&mut self) -> io::Result<()> {
        let places = std::mem::take(&mut self.orphaned);
        invalidate(self.disk.as_mut(), &places)?;
        let used: Vec<u32> = self.live.values().copied().collect();
        let mut slots: Vec<u32> = places
            .into_iter()
            .map(|(slot, _)| slot)
            .filter(|s| !used.contains(s))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        self.free.extend(slots);
        Ok(())
    }

    /// Makes one spare slot when there are too few. Call it when no caller waits for an append.
    /// True = it made one.
    ///
    /// # Errors
    /// When the medium fails. Such a failure does not break the log (there may be no room for a
    /// spare).
    pub fn ensure_spare(&mut self) -> io::Result<bool> {
        if self.failure.is_some() || self.free.len() >= SPARE_SEGMENTS {
            return Ok(false);
        }
        let slot = self.make_slot()?;
        self.free.push_back(slot);
        Ok(true)
    }

    /// Ensures that no new segment gets a number up to and including `segment`. The caller's own
    /// copy names that segment, although it is not in this log any more.
    pub fn skip_to(&mut self, segment: u64) {
        self.next_segment = self.next_segment.max(segment.saturating_add(1));
    }

    /// Makes the files again that are missing, or that are too short and hold nothing needed.
    ///
    /// # Errors
    /// When the medium fails; the files are reported as missing again at the next opening then.
    pub fn recreate_missing(&mut self) -> io::Result<()> {
        while self.failure.is_none() && !self.too_short.is_empty() {
            let slot = self.make_slot()?;
            self.free.push_back(slot);
        }
        Ok(())
    }

    /// Stores a copy of a segment for a person to examine.
    ///
    /// # Errors
    /// When the medium fails; nothing depends on the copy.
    pub fn set_aside(&mut self, segment: u64) -> io::Result<()> {
        match self.live.get(&segment) {
            Some(slot) => self.disk.set_aside(*slot),
            None => Ok(()),
        }
    }

    /// Finished segments, oldest first, that were not released.
    #[must_use]
    pub fn sealed(&self) -> &VecDeque<Sealed> {
        &self.sealed
    }

    /// Releases every finished segment up to and including `segment`: the caller has a durable copy
    /// of what it needs.
    pub fn release(&mut self, segment: u64) {
        while self.sealed.front().is_some_and(|s| s.segment <= segment) {
            self.sealed.pop_front();
        }
        let keep = self.live.split_off(&(segment + 1));
        let current = self.current.map(|c| c.slot);
        for slot in std::mem::replace(&mut self.live, keep).into_values() {
            if self.truncated.contains(&slot) {
                self.truncated.retain(|s| *s != slot);
                self.too_short.push_back(slot);
            } else if Some(slot) != current {
                self.free.push_back(slot);
            }
        }
    }

    /// Ends the current segment so that it can be copied and released.
    pub fn seal(&mut self) {
        if let Some(old) = self.current.take() {
            let floor = Floor {
                segment: old.segment + 1,
                epoch: self.epoch,
                group: self.next_group,
                ..Floor::default()
            };
            self.sealed.push_back(Sealed {
                segment: old.segment,
                floor,
            });
        }
    }

    /// Bytes that the log takes on the medium.
    #[must_use]
    pub fn size(&self) -> u64 {
        (self.live.len() + self.free.len()) as u64 * SEGMENT_BYTES as u64
    }
}

/// Copies the groups at `places` aside and then makes them invalid.
fn invalidate(disk: &mut dyn Disk, places: &[(u32, usize)]) -> io::Result<()> {
    let mut slots: Vec<u32> = places.iter().map(|(slot, _)| *slot).collect();
    slots.dedup();
    for slot in slots {
        // The copy is only for a person to examine: missing space for it must not stop the gateway.
        if let Err(cause) = disk.set_aside(slot) {
            tracing::warn!(%cause, slot, "copying damaged segment aside failed");
        }
        for (_, at) in places.iter().filter(|(s, _)| *s == slot) {
            disk.write(slot, *at, &[0; BLOCK_BYTES])?;
        }
        disk.sync(slot)?;
    }
    Ok(())
}

const _: () = assert!(MAX_PAYLOAD + BLOCK_BYTES < SEGMENT_BYTES);
