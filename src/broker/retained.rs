//! Retained messages, bounded and on disk.
//!
//! In memory a map; on disk `log/` frames in the broker's own folder, written in batches (a power cut may cost the last
//! second, and of a device that changes too much what waited for its turn; docs/protocol.md says so). What did not change
//! is not written; what changes often is written as it is now (the card is everybody's). Records: `P` put, `X` remove,
//! `D` begin of a whole dump, `E` its end. After a few sealed segments everything is dumped anew and the old segments
//! released.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::session::Message;
use crate::log::disk::Folder;
use crate::log::frame::{Epoch, MAX_PAYLOAD};
use crate::log::recover::Floor;
use crate::log::segments::Log;
use crate::protocol::broker::Limits;

/// Sealed segments after which everything is dumped anew.
const SEALED_MAX: usize = 4;

/// The retained messages.
pub struct Retained {
    messages: BTreeMap<Arc<str>, (Arc<str>, Arc<Message>)>,
    per_owner: BTreeMap<Arc<str>, usize>,
    bytes: usize,
    limits: Limits,
    /// What the disk does not have yet, by topic.
    pending: BTreeMap<Arc<str>, Waiting>,
    /// Topics that the disk has a message of: what it never had need not be removed from it.
    on_disk: BTreeSet<Arc<str>>,
    /// Number of the next change.
    next: u64,
    /// Bytes that each owner may still write (below 0: it pays for a large one); whoever is not in it may write [`BURST`].
    budget: BTreeMap<Arc<str>, i64>,
    pub refused: u64,
}

/// A change that waits to be written.
struct Waiting {
    owner: Arc<str>,
    /// The newest record of its topic.
    record: Vec<u8>,
    /// Number of the change since which it waits: who waits longest is served first.
    since: u64,
}

/// Bytes that one device may write at once,
const BURST: i64 = 1 << 20;
/// and then in a second: 44 MB a day.
const EACH_SECOND: i64 = 512;
/// What a record costs beside its bytes.
const EACH_RECORD: i64 = 1_024;

/// The file side, owned by the writer thread.
pub struct Store {
    log: Log,
    group: u64,
    dumped: usize,
}

fn put_record(topic: &str, owner: &str, message: &Message) -> Vec<u8> {
    let mut out = vec![b'P', message.qos];
    for part in [topic.as_bytes(), owner.as_bytes(), &message.forward] {
        out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&message.payload);
    out
}

fn parse_put(record: &[u8]) -> Option<(String, String, Message)> {
    let (head, mut rest) = record.split_at_checked(2)?;
    let mut parts = Vec::new();
    for _ in 0..3 {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        parts.push(part);
        rest = after;
    }
    let topic = String::from_utf8(parts.first()?.to_vec()).ok()?;
    let owner = String::from_utf8(parts.get(1)?.to_vec()).ok()?;
    let message = Message { topic: topic.as_str().into(), payload: Bytes::copy_from_slice(rest), qos: head[1].min(1), retain: true, forward: Bytes::copy_from_slice(parts.get(2)?), expires: None };
    Some((topic, owner, message))
}

impl Retained {
    /// Opens the folder and reads what is there.
    pub fn open(folder: &Path, epoch: Epoch, limits: &Limits) -> io::Result<(Self, Store)> {
        let disk = Folder::open(folder)?;
        let (mut log, found) = Log::open(Box::new(disk), epoch, &Floor { any_start: true, ..Floor::default() }).map_err(io::Error::other)?;
        log.heal()?;
        let mut map: BTreeMap<String, (String, Message)> = BTreeMap::new();
        let mut dump: Option<BTreeMap<String, (String, Message)>> = None;
        for record in found.groups.iter().flat_map(|g| &g.records) {
            match record.first() {
                Some(b'P') => {
                    if let Some((topic, owner, message)) = parse_put(record) {
                        if let Some(dump) = &mut dump {
                            dump.insert(topic.clone(), (owner.clone(), message.clone()));
                        }
                        map.insert(topic, (owner, message));
                    }
                }
                Some(b'X') => {
                    let topic = String::from_utf8_lossy(&record[1..]).into_owned();
                    if let Some(dump) = &mut dump {
                        dump.remove(&topic);
                    }
                    map.remove(&topic);
                }
                Some(b'D') => dump = Some(BTreeMap::new()),
                Some(b'E') => {
                    if let Some(whole) = dump.take() {
                        map = whole;
                    }
                }
                _ => {}
            }
        }
        let mut out = Self {
            messages: BTreeMap::new(),
            per_owner: BTreeMap::new(),
            bytes: 0,
            limits: limits.clone(),
            pending: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            next: 0,
            budget: BTreeMap::new(),
            refused: 0,
        };
        for (topic, (owner, message)) in map {
            out.set(&owner, &topic, Arc::new(message));
        }
        out.on_disk = out.pending.keys().cloned().collect();
        out.pending.clear();
        out.refused = 0;
        Ok((out, Store { log, group: 0, dumped: 0 }))
    }

    /// Keeps, replaces or (with an empty payload) removes. False = refused because of a bound.
    pub fn set(&mut self, owner: &str, topic: &str, message: Arc<Message>) -> bool {
        let mut was = false;
        if let Some((old_owner, old)) = self.messages.get(topic)
            && &**old_owner == owner
            && old.is_same(&message)
        {
            return true;
        }
        if let Some((old_owner, old)) = self.messages.remove(topic) {
            was = true;
            self.bytes -= old.size();
            if let Some(n) = self.per_owner.get_mut(&old_owner) {
                *n -= 1;
                if *n == 0 {
                    self.per_owner.remove(&old_owner);
                }
            }
            if message.payload.is_empty() {
                self.note(owner, topic, [b"X", topic.as_bytes()].concat());
                return true;
            }
        } else if message.payload.is_empty() {
            return true;
        }
        let size = message.size();
        let mine = self.per_owner.get(owner).copied().unwrap_or(0);
        let own_bound = owner != super::access::HOUSE && mine >= self.limits.retained_per_device;
        if own_bound || self.messages.len() >= self.limits.retained || self.bytes + size > self.limits.retained_bytes {
            self.refused += 1;
            if was {
                self.note(owner, topic, [b"X", topic.as_bytes()].concat());
            }
            return false;
        }
        self.note(owner, topic, if message.expires.is_none() { put_record(topic, owner, &message) } else { [b"X", topic.as_bytes()].concat() });
        let owner: Arc<str> = owner.into();
        *self.per_owner.entry(owner.clone()).or_default() += 1;
        self.bytes += size;
        self.messages.insert(message.topic.clone(), (owner, message));
        true
    }

    /// Those that match, in the order of their topics.
    pub fn matching(&self, filter: &str) -> Vec<Arc<Message>> {
        if !crate::protocol::mqtt::topic::is_wild(filter) {
            return self.messages.get(filter).map(|(_, m)| m.clone()).into_iter().collect();
        }
        self.messages.iter().filter(|(t, _)| crate::protocol::mqtt::topic::matches(filter, t)).map(|(_, (_, m))| m.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    fn note(&mut self, owner: &str, topic: &str, record: Vec<u8>) {
        if record.first() == Some(&b'X') && !self.on_disk.contains(topic) {
            self.pending.remove(topic);
            return;
        }
        self.next += 1;
        let since = self.pending.get(topic).map_or(self.next, |known| known.since);
        self.pending.insert(topic.into(), Waiting { owner: owner.into(), record, since });
    }

    fn written(&mut self, topic: &Arc<str>, waiting: Waiting, out: &mut Vec<Vec<u8>>) {
        if waiting.record.first() == Some(&b'X') {
            self.on_disk.remove(topic);
        } else {
            self.on_disk.insert(topic.clone());
        }
        out.push(waiting.record);
    }

    /// Changes that may be written now, `passed` after the last call; none passed = the last call, everything goes.
    pub fn take_pending(&mut self, passed: Option<Duration>) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let Some(passed) = passed else {
            for (topic, waiting) in std::mem::take(&mut self.pending) {
                self.written(&topic, waiting, &mut out);
            }
            return out;
        };
        let fresh = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX).saturating_mul(EACH_SECOND) / 1000;
        self.budget.values_mut().for_each(|left| *left = left.saturating_add(fresh));
        self.budget.retain(|_, left| *left < BURST);
        let mut order: Vec<(u64, Arc<str>)> = self.pending.iter().map(|(topic, w)| (w.since, topic.clone())).collect();
        order.sort_unstable();
        for (_, topic) in order {
            let Some((owner, cost)) = self.pending.get(&topic).map(|w| (w.owner.clone(), i64::try_from(w.record.len()).unwrap_or(i64::MAX).saturating_add(EACH_RECORD))) else { continue };
            let left = self.budget.get(&owner).copied().unwrap_or(BURST);
            // Whoever has anything left may write; a large record is paid for afterwards.
            if (&*owner == super::access::HOUSE || left > 0)
                && let Some(waiting) = self.pending.remove(&topic)
            {
                self.budget.insert(owner, left.saturating_sub(cost));
                self.written(&topic, waiting, &mut out);
            }
        }
        out
    }

    /// Everything, as pointers: cheap under the lock. It is about to be on disk: from now on it must be removed there too.
    pub fn snapshot(&mut self) -> Vec<(Arc<str>, Arc<str>, Arc<Message>)> {
        self.on_disk.extend(self.messages.keys().cloned());
        self.messages.iter().map(|(t, (o, m))| (t.clone(), o.clone(), m.clone())).collect()
    }

    /// The records of a dump.
    pub fn dump(snapshot: &[(Arc<str>, Arc<str>, Arc<Message>)]) -> Vec<Vec<u8>> {
        let mut out = vec![b"D".to_vec()];
        // A message that expires is not carried over a restart: its time would begin anew.
        out.extend(snapshot.iter().filter(|(_, _, m)| m.expires.is_none()).map(|(topic, owner, m)| put_record(topic, owner, m)));
        out.push(b"E".to_vec());
        out
    }
}

impl Store {
    /// Begins again after a failure: opens the folder anew; the caller dumps everything.
    pub fn reopen(folder: &Path, epoch: Epoch) -> io::Result<Self> {
        let disk = Folder::open(folder)?;
        let floor = Floor { any_start: true, ..Floor::default() };
        let (mut log, _) = Log::open(Box::new(disk), epoch, &floor).map_err(io::Error::other)?;
        log.heal()?;
        Ok(Self { log, group: 0, dumped: 0 })
    }

    /// Writes records durably, in as few groups as they need.
    pub fn write(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let mut part: Vec<&[u8]> = Vec::new();
        let mut size = 0;
        for record in records {
            if size + record.len() + 4 > MAX_PAYLOAD - 4096 && !part.is_empty() {
                self.append(&part)?;
                part.clear();
                size = 0;
            }
            size += record.len() + 4;
            part.push(record);
        }
        if part.is_empty() { Ok(()) } else { self.append(&part) }
    }

    fn append(&mut self, part: &[&[u8]]) -> io::Result<()> {
        self.group += 1;
        self.log.append(self.group, &[0; 128], part)
    }

    /// True when it is time for [`Retained::dump`].
    pub fn wants_dump(&self) -> bool {
        self.log.sealed().len() >= SEALED_MAX + 2 * self.dumped
    }

    /// Writes a dump and lets the old segments go.
    pub fn write_dump(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        self.log.seal();
        let old = self.log.sealed().back().map(|s| s.segment);
        self.write(records)?;
        if let Some(old) = old {
            self.log.release(old);
        }
        // A large store seals segments by being dumped: those are not a reason to dump again.
        self.dumped = self.log.sealed().len();
        Ok(())
    }
}

#[cfg(test)]
#[path = "retained_tests.rs"]
mod tests;
