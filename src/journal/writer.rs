//! The writer: the one thread that changes the village.
//!
//! Invariants: nothing is published or answered before its group is synced; a failed sync ends the
//! thread, and from then on every request gets [`Closed`]. A group is everything that queued while
//! the previous group was being synced: the writer never waits for more requests.

mod checkpoint;
mod packing;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use self::packing::Checkpoint;
use super::StoredEntry;
use super::boot::Opened;
use super::chain::Heads;
use super::codec::{self, Cursor, Outcome};
use super::history::History;
use super::request::{Closed, CommandRequest, Committed, SubmitError, WriterRequest};
use super::snapshot::EpochSpan;
use crate::domain::actor::Actor;
use crate::domain::decide::{Now, Rejection, decide};
use crate::domain::event::{ClockQuality, Entry, Event};
use crate::domain::history;
use crate::domain::id::CommandId;
use crate::domain::state::VillageState;
use crate::log::frame::Epoch;
use crate::log::segments::Log;
use crate::supervisor::clock::{Clock, Trust};

/// Requests that join one group at most.
const MAX_GROUP_REQUESTS: usize = 256;
/// Bytes after which no further request joins a group: with the bound of a command a group always
/// fits in one frame.
const MAX_GROUP_BYTES: usize = 64 * 1024;
/// Largest entry, and largest command in all its entries, bytes.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
const MAX_COMMAND_BYTES: usize = 256 * 1024;
/// Sealed segments after which history is packed and a snapshot made.
const CHECKPOINT_SEGMENTS: usize = 4;
/// How long an outcome is stored after its command expired: 30 days, ms.
const OUTCOME_KEPT_MS: i64 = 30 * 86_400_000;

pub(super) struct JournalWriter {
    log: Log,
    state: VillageState,
    outcomes: Arc<BTreeMap<CommandId, Outcome>>,
    cursors: BTreeMap<String, u64>,
    heads: Heads,
    span: EpochSpan,
    packed: (u64, Heads),
    history: Arc<History>,
    clock: Clock,
    folder: PathBuf,
    publish: watch::Sender<Arc<VillageState>>,
    requests: mpsc::Receiver<WriterRequest>,
    self_sender: mpsc::WeakSender<WriterRequest>,
    checkpoint_thread: Option<std::thread::JoinHandle<io::Result<Checkpoint>>>,
    /// The number of sealed segments when packing failed: it is not tried again before there are
    /// more. 0 = it did not fail.
    failed_at: usize,
    /// The last segment that the newest checkpoint covers. The next checkpoint releases it,
    /// because the log is kept back to the older of the two snapshots.
    release_next: u64,
    /// From this segment on nothing is released in this boot.
    release_below: u64,
    records: Vec<Vec<u8>>,
    queued: usize,
    unsynced: Vec<Arc<StoredEntry>>,
    moved_cursors: BTreeSet<String>,
}

/// An answer that waits until the group is synced.
enum PendingReply {
    Submit(
        oneshot::Sender<Result<Committed, SubmitError>>,
        Result<Committed, SubmitError>,
    ),
    Noop(oneshot::Sender<()>),
}

impl JournalWriter {
    pub(super) fn new(
        opened: Opened,
        epoch: Epoch,
        clock: Clock,
        folder: PathBuf,
        publish: watch::Sender<Arc<VillageState>>,
        requests: mpsc::Receiver<WriterRequest>,
        self_sender: mpsc::WeakSender<WriterRequest>,
    ) -> Self {
        let s = opened.snapshot;
        let heads = s.heads.start_epoch(&epoch);
        let boot = s.state.boot + 1;
        Self {
            log: opened.log,
            span: EpochSpan {
                epoch,
                boot,
                first: s.state.seq + 1,
                last: s.state.seq,
                lanes: [0; 4],
                start: heads,
            },
            state: VillageState::clone(&s.state),
            outcomes: s.outcomes,
            cursors: s.cursors,
            heads,
            packed: opened.packed,
            history: opened.history,
            clock,
            folder,
            publish,
            requests,
            self_sender,
            checkpoint_thread: None,
            failed_at: 0,
            release_next: opened.log_floor.segment.saturating_sub(1),
            release_below: opened.release_below,
            records: Vec::new(),
            queued: 0,
            unsynced: Vec::new(),
            moved_cursors: BTreeSet::new(),
        }
    }

    /// Writes the boot's first entries: `Booted`, and `HistoryDamaged` for each range of `damage`.
    pub(super) fn begin(&mut self, damage: &[(Epoch, u64, u64)], previous: &str) -> io::Result<()> {
        let boot = self.span.boot;
        let mut events = vec![Event::History(history::Event::Booted {
            boot,
            previous: previous.to_owned(),
        })];
        for (epoch, from, to) in damage {
            events.push(Event::History(history::Event::Damaged {
                epoch: codec::epoch_text(epoch),
                from: *from,
                to: *to,
                lost: None,
            }));
        }
        let entries = self
            .number(&Actor::System, None, events)
            .map_err(|r| io::Error::other(r.to_string()))?;
        self.apply_entries(entries);
        self.commit_group()
    }

    /// Runs until shutdown, until every handle is dropped, or until the medium fails (then it gives
    /// the error).
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut answers = Vec::new();
        while let Some(first) = self.requests.blocking_recv() {
            let mut next = Some(first);
            let mut stop = None;
            while let Some(request) = next.take() {
                match request {
                    WriterRequest::Shutdown(reply) => stop = Some(reply),
                    #[cfg(test)]
                    WriterRequest::Kill(_gone) => {
                        drop(
                            self.checkpoint_thread
                                .take()
                                .map(std::thread::JoinHandle::join),
                        );
                        return Ok(());
                    }
                    other => self.handle_request(other, &mut answers),
                }
                if stop.is_none()
                    && answers.len() < MAX_GROUP_REQUESTS
                    && self.queued < MAX_GROUP_BYTES
                {
                    next = self.requests.try_recv().ok();
                }
            }
            if let Err(cause) = self.commit_group() {
                self.requests.close();
                drop(answers);
                return Err(cause);
            }
            for answer in answers.drain(..) {
                // The caller may have stopped waiting; the entry is stored all the same.
                match answer {
                    PendingReply::Submit(reply, result) => drop(reply.send(result)),
                    PendingReply::Noop(reply) => drop(reply.send(())),
                }
            }
            if let Some(reply) = stop {
                let done = self.shut_down();
                let _ = reply.send(done.as_ref().map_err(|_| Closed).copied());
                return done;
            }
            self.checkpoint(CHECKPOINT_SEGMENTS);
            // A spare segment that does not fit on the medium is no reason to stop: the next group
            // may still fit.
            let _ = self.log.ensure_spare();
        }
        self.shut_down()
    }

    fn handle_request(&mut self, request: WriterRequest, answers: &mut Vec<PendingReply>) {
        match request {
            WriterRequest::Submit(submitted, reply) => {
                let result = self.submit(*submitted);
                answers.push(PendingReply::Submit(reply, result));
            }
            WriterRequest::Cursor(cursor) => {
                let at = self.cursors.entry(cursor.feed.clone()).or_default();
                *at = (*at).max(cursor.seq);
                self.moved_cursors.insert(cursor.feed);
            }
            WriterRequest::Ping(reply) => answers.push(PendingReply::Noop(reply)),
            WriterRequest::Checkpointed => self.join_checkpoint(),
            WriterRequest::Checkpoint => {
                self.log.seal();
                self.failed_at = 0;
                self.checkpoint(1);
            }
            WriterRequest::Trim(floor) => {
                for pack in self.history.trim(floor.min(self.packed.0)) {
                    if let Err(cause) = std::fs::remove_file(&pack.path) {
                        tracing::warn!(
                            %cause,
                            path = %pack.path.display(),
                            "removing trimmed history failed"
                        );
                    }
                }
            }
            WriterRequest::Shutdown(_) => {}
            #[cfg(test)]
            WriterRequest::Kill(_) => {}
        }
    }

    fn submit(&mut self, request: CommandRequest) -> Result<Committed, SubmitError> {
        let now = Now {
            wall_ms: self.clock.wall_ms(),
            trusted_ms: self.clock.trusted_ms(),
        };
        if let Some(id) = &request.id {
            if let Some(known) = self.outcomes.get(id) {
                return known
                    .result
                    .clone()
                    .map(|(first, last)| Committed {
                        first,
                        last,
                        repeated: true,
                    })
                    .map_err(SubmitError::Rejected);
            }
            if request.expires_at < now.trusted_ms {
                return self.reject(&request, Rejection::Expired);
            }
        }
        // Its id is not used up: pressed again, the same form is carried out.
        if request.deadline.is_some_and(|d| d < self.clock.mono_ms()) {
            return Err(SubmitError::Rejected(Rejection::Expired));
        }
        let events = match decide(&self.state, &request.actor, &request.command, now) {
            Ok(events) => events,
            Err(rejection) => return self.reject(&request, rejection),
        };
        let first = self.state.seq + 1;
        let entries = match self.number(&request.actor, request.cause, events) {
            Ok(entries) => entries,
            Err(rejection) => return self.reject(&request, rejection),
        };
        self.apply_entries(entries);
        let last = self.state.seq;
        let made = if last < first { (0, 0) } else { (first, last) };
        if let Some(id) = request.id {
            self.keep_outcome(Outcome {
                id,
                result: Ok(made),
                expires_at: request.expires_at,
            });
        }
        Ok(Committed {
            first: made.0,
            last: made.1,
            repeated: false,
        })
    }

    fn reject(
        &mut self,
        request: &CommandRequest,
        rejection: Rejection,
    ) -> Result<Committed, SubmitError> {
        if let Some(id) = &request.id {
            if matches!(request.actor, Actor::Commune) {
                let event = Event::History(history::Event::CommandRefused {
                    reason: rejection.key().to_owned(),
                });
                if let Ok(entries) = self.number(&request.actor, request.cause, vec![event]) {
                    self.apply_entries(entries);
                }
            }
            self.keep_outcome(Outcome {
                id: id.clone(),
                result: Err(rejection.clone()),
                expires_at: request.expires_at,
            });
        }
        Err(SubmitError::Rejected(rejection))
    }

    fn keep_outcome(&mut self, mut outcome: Outcome) {
        // No command stays valid for longer than outcomes are stored.
        outcome.expires_at = outcome
            .expires_at
            .min(self.clock.trusted_ms() + OUTCOME_KEPT_MS);
        let bytes = codec::outcome_bytes(&outcome);
        self.queued += bytes.len();
        self.records.push(bytes);
        Arc::make_mut(&mut self.outcomes).insert(outcome.id.clone(), outcome);
    }

    /// Removes outcomes that were stored long enough; only while the clock is synced.
    fn forget_outcomes(&mut self) {
        if self.clock.trust() == Trust::Synced {
            let old = self.clock.wall_ms() - OUTCOME_KEPT_MS;
            Arc::make_mut(&mut self.outcomes).retain(|_, o| o.expires_at >= old);
        }
    }

    /// Numbers events and encodes them; the state is not changed yet.
    fn number(
        &self,
        actor: &Actor,
        cause: Option<u64>,
        events: Vec<Event>,
    ) -> Result<Vec<(Entry, Vec<u8>)>, Rejection> {
        let clock = match self.clock.trust() {
            Trust::None => ClockQuality::None,
            Trust::Restored => ClockQuality::Restored,
            Trust::Synced => ClockQuality::Synced,
        };
        let mut lanes = self.span.lanes;
        let mut size = 0;
        let mut out = Vec::with_capacity(events.len());
        for (i, event) in events.into_iter().enumerate() {
            let lane = event.lane();
            lanes[lane.index()] += 1;
            let seq = self.state.seq + 1 + i as u64;
            let entry = Entry {
                seq,
                mono_ms: self.clock.mono_ms(),
                wall_ms: self.clock.wall_ms(),
                clock,
                actor: actor.clone(),
                cause,
                lane,
                lane_seq: lanes[lane.index()],
                event,
            };
            let bytes = codec::entry_bytes(&entry).map_err(|_| Rejection::INVALID)?;
            size += bytes.len() + 4;
            if bytes.len() > MAX_ENTRY_BYTES || size > MAX_COMMAND_BYTES {
                return Err(Rejection::INVALID);
            }
            out.push((entry, bytes));
        }
        Ok(out)
    }

    /// Applies numbered entries to the writer's own state and queues their bytes.
    fn apply_entries(&mut self, entries: Vec<(Entry, Vec<u8>)>) {
        for (entry, bytes) in entries {
            self.state.apply(&entry);
            self.heads.append(entry.lane, &bytes);
            self.span.lanes[entry.lane.index()] = entry.lane_seq;
            self.span.last = entry.seq;
            self.queued += bytes.len();
            self.records.push(bytes.clone());
            self.unsynced.push(Arc::new(StoredEntry {
                epoch: self.span.epoch,
                bytes: bytes.into(),
                entry,
            }));
        }
    }

    /// Appends the queued records as one group, makes it durable and publishes the state.
    fn commit_group(&mut self) -> io::Result<()> {
        // Cursors are written with the next group; alone they are not worth a write.
        if self.records.is_empty() {
            return Ok(());
        }
        for feed in std::mem::take(&mut self.moved_cursors) {
            let seq = self.cursors.get(&feed).copied().unwrap_or_default();
            self.records
                .push(codec::cursor_bytes(&Cursor { feed, seq }));
        }
        let seq = self
            .unsynced
            .first()
            .map_or(self.state.seq + 1, |e| e.entry.seq);
        let records = std::mem::take(&mut self.records);
        self.queued = 0;
        // MAX_GROUP_BYTES, MAX_COMMAND_BYTES and few cursors keep this below MAX_PAYLOAD, so a
        // group is one frame.
        let part: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        self.log.append(seq, &self.heads.stamp(), &part)?;
        if !self.unsynced.is_empty() {
            self.history.extend(&self.unsynced, &self.span);
            self.unsynced.clear();
            self.publish.send_replace(Arc::new(self.state.clone()));
        }
        Ok(())
    }

    /// A clean stop: packs everything, so the next boot has no tail to replay.
    fn shut_down(&mut self) -> io::Result<()> {
        self.commit_group()?;
        self.join_checkpoint();
        self.checkpoint_now()
    }
}
