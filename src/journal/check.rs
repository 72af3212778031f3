//! `journal check`: is history whole, and is it what was written? Works with the daemon dead, reads only.
//!
//! Walks packs and log, recomputes the hash chain, compares it with every stored head. Long work: it
//! reports progress by callback.

use std::io;
use std::path::Path;

use super::chain::Heads;
use super::codec::{self, Record};
use super::pack;
use super::snapshot;
use crate::domain::event::Lane;
use crate::log::disk::{Disk as _, Folder};
use crate::log::frame::Epoch;
use crate::log::recover::{Floor, scan};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Entries read.
    pub entries: u64,
    /// First entry.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// Boots seen.
    pub epochs: u64,
    /// What is wrong, in words for a technician.
    pub wrong: Vec<String>,
}

struct Walk {
    heads: Option<Heads>,
    epoch: Option<Epoch>,
    lanes: [u64; 4],
    out: Findings,
}

impl Walk {
    fn entry(&mut self, epoch: &Epoch, bytes: &[u8]) {
        let Ok(Record::Entry(entry)) = codec::decode(bytes) else { return };
        if entry.seq <= self.out.last {
            return;
        }
        if self.out.last != 0 && entry.seq != self.out.last + 1 {
            self.out.wrong.push(format!("entries {} to {} are missing", self.out.last + 1, entry.seq - 1));
            self.heads = None;
        }
        if self.epoch.as_ref() != Some(epoch) {
            self.epoch = Some(*epoch);
            self.lanes = [0; 4];
            self.out.epochs += 1;
            self.heads = self.heads.map(|h| h.begin(epoch));
        }
        let lane = entry.lane;
        let expected = &mut self.lanes[lane.index()];
        if *expected != 0 && entry.lane_seq != *expected + 1 {
            self.out.wrong.push(format!("entry {}: lane {lane:?} jumps from {} to {}", entry.seq, *expected, entry.lane_seq));
        }
        *expected = entry.lane_seq;
        if let Some(heads) = &mut self.heads {
            heads.add(lane, bytes);
        }
        if self.out.first == 0 {
            self.out.first = entry.seq;
        }
        self.out.last = entry.seq;
        self.out.entries += 1;
    }

    fn compare(&mut self, stored: &Heads, whereabouts: &str) {
        if let Some(heads) = &self.heads {
            for lane in Lane::ALL {
                if heads.0[lane.index()] != stored.0[lane.index()] {
                    self.out.wrong.push(format!("{whereabouts}: the chain of lane {lane:?} is not what the entries give; history was changed"));
                }
            }
        }
        self.heads = Some(*stored);
    }
}

/// Checks the journal in `folder` with its log in `log`; `progress` is told entries read so far.
///
/// # Errors
/// When a folder cannot be read at all.
pub fn check(folder: &Path, log: &Path, mut progress: impl FnMut(u64)) -> io::Result<Findings> {
    let mut walk = Walk { heads: None, epoch: None, lanes: [0; 4], out: Findings::default() };
    let mut names: Vec<_> = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|e| e.path()).collect();
    names.sort();
    for path in names {
        match path.extension().and_then(|e| e.to_str()) {
            Some("damaged") => walk.out.wrong.push(format!("{} was set aside as damaged", path.display())),
            Some("pack") => match pack::open(&path) {
                Ok(pack) => {
                    walk.compare(&pack.heads, &path.display().to_string());
                    for block in &pack.blocks {
                        match pack::read(&path, block) {
                            Ok(entries) => entries.iter().for_each(|e| walk.entry(&e.epoch, &e.bytes)),
                            Err(cause) => walk.out.wrong.push(format!("{}: {cause}", path.display())),
                        }
                    }
                    walk.compare(&pack.end, &path.display().to_string());
                    progress(walk.out.entries);
                }
                Err(cause) => walk.out.wrong.push(format!("{}: {cause}", path.display())),
            },
            _ => {}
        }
    }
    let found = snapshot::newest(folder).map_err(io::Error::other)?;
    if found.passed > 0 {
        walk.out.wrong.push(format!("{} snapshot(s) are damaged", found.passed));
    }
    let (newest_floor, promised) = found.newest.map_or((Floor::default(), 0), |s| (s.floor, s.state.seq));
    check_log(&mut walk, log, &found.older_floor.unwrap_or(newest_floor))?;
    if walk.out.last < promised {
        walk.out.wrong.push(format!("entries {} to {promised} were there at the last snapshot and are gone", walk.out.last + 1));
    }
    progress(walk.out.entries);
    Ok(walk.out)
}

fn check_log(walk: &mut Walk, log: &Path, floor: &Floor) -> io::Result<()> {
    if !log.is_dir() {
        walk.out.wrong.push(format!("the log folder {} is missing", log.display()));
        return Ok(());
    }
    let mut disk = Folder::open(log)?;
    let mut slots = Vec::new();
    for slot in disk.slots()? {
        slots.push((slot, disk.read(slot)?));
    }
    let found = scan(slots, floor);
    if let Some(damage) = found.damage {
        walk.out.wrong.push(format!("the log is damaged in epoch {}: entries after {} cannot be read", codec::epoch_text(&damage.epoch), walk.out.last));
    }
    for group in &found.groups {
        let before = walk.out.last;
        for record in &group.records {
            walk.entry(&group.epoch, record);
        }
        if walk.out.last > before {
            walk.compare(&Heads::from_stamp(&group.stamp), &format!("log group {}", group.number));
        }
    }
    Ok(())
}
