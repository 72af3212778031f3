//! The one thread that changes the village.
//!
//! Invariants: nothing is published or answered before its group is synced; a failed sync ends the thread
//! and with it every promise, from then on everybody gets `Closed`. A group is what queued while the
//! previous one was being synced: the writer never waits to gather.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::boot::Opened;
use super::chain::Heads;
use super::codec::{self, Cursor, Outcome};
use super::handle::{Closed, Receipt, SubmitError, Wish};
use super::history::History;
use super::snapshot::{EpochSpan, Snapshot};
use super::{Stored, pack, snapshot};
use crate::domain::actor::Actor;
use crate::domain::decide::{Now, Rejection, decide};
use crate::domain::event::{ClockQuality, Entry, Event};
use crate::domain::id::CommandId;
use crate::domain::state::State;
use crate::log::frame::{Epoch, MAX_PAYLOAD};
use crate::log::segments::Log;
use crate::supervisor::clock::{Clock, Trust};

/// Requests that join one group at most.
const GROUP: usize = 256;
/// Sealed segments after which history is packed and a snapshot made.
const CHECKPOINT_SEGMENTS: usize = 4;
/// How long an outcome is kept after its command expired: 30 days, ms.
const OUTCOME_KEPT_MS: i64 = 30 * 86_400_000;

pub(super) enum Request {
    Submit(Box<Wish>, oneshot::Sender<Result<Receipt, SubmitError>>),
    Cursor(Cursor),
    Noop(oneshot::Sender<()>),
    Checkpointed(io::Result<Checkpoint>),
    Trim(u64),
    Shutdown(oneshot::Sender<Result<(), Closed>>),
}

/// A finished checkpoint: segments up to `through` are packed in `pack`, whose end has these heads.
pub(super) struct Checkpoint {
    through: u64,
    pack: pack::Pack,
    end: Heads,
}

struct Job {
    through: u64,
    heads: Heads,
    entries: Vec<Arc<Stored>>,
    snapshot: Snapshot,
}

pub(super) struct Writer {
    log: Log,
    state: State,
    outcomes: Arc<BTreeMap<CommandId, Outcome>>,
    cursors: BTreeMap<String, u64>,
    heads: Heads,
    span: EpochSpan,
    packed: (u64, Heads),
    history: Arc<History>,
    clock: Clock,
    folder: PathBuf,
    publish: watch::Sender<Arc<State>>,
    requests: mpsc::Receiver<Request>,
    back: mpsc::WeakSender<Request>,
    checkpointing: bool,
    records: Vec<Vec<u8>>,
    fresh: Vec<Arc<Stored>>,
    moved: BTreeSet<String>,
}

/// What a request waits for until the group is synced.
enum Answer {
    Submit(oneshot::Sender<Result<Receipt, SubmitError>>, Result<Receipt, SubmitError>),
    Noop(oneshot::Sender<()>),
}

impl Writer {
    pub(super) fn new(opened: Opened, epoch: Epoch, clock: Clock, folder: PathBuf, publish: watch::Sender<Arc<State>>, requests: mpsc::Receiver<Request>, back: mpsc::WeakSender<Request>) -> Self {
        let s = opened.snapshot;
        let heads = s.heads.begin(&epoch);
        let boot = s.state.boot + 1;
        Self {
            log: opened.log,
            span: EpochSpan { epoch, boot, first: s.state.seq + 1, last: s.state.seq, lanes: [0; 4], start: heads },
            state: State::clone(&s.state),
            outcomes: s.outcomes,
            cursors: s.cursors,
            heads,
            packed: opened.packed,
            history: opened.history,
            clock,
            folder,
            publish,
            requests,
            back,
            checkpointing: false,
            records: Vec::new(),
            fresh: Vec::new(),
            moved: BTreeSet::new(),
        }
    }

    /// Writes the boot's first entries: that it booted, and what was found damaged.
    pub(super) fn begin(&mut self, damage: &[(Epoch, u64, u64)], previous: &str) -> io::Result<()> {
        let boot = self.span.boot;
        self.record(&Actor::House, None, Event::Booted { boot, previous: previous.to_owned() });
        for (epoch, from, to) in damage {
            self.record(&Actor::House, None, Event::HistoryDamaged { epoch: codec::epoch_text(epoch), from: *from, to: *to });
        }
        self.sync()
    }

    /// Runs until shutdown, until every handle is gone, or until the medium fails (then the error).
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut answers = Vec::new();
        while let Some(first) = self.requests.blocking_recv() {
            let mut next = Some(first);
            let mut stop = None;
            while let Some(request) = next.take() {
                match request {
                    Request::Shutdown(reply) => stop = Some(reply),
                    other => self.take(other, &mut answers),
                }
                if stop.is_none() && answers.len() < GROUP {
                    next = self.requests.try_recv().ok();
                }
            }
            if let Err(cause) = self.sync() {
                self.requests.close();
                drop(answers);
                return Err(cause);
            }
            for answer in answers.drain(..) {
                // Whoever asked may have gone away; the entry stands all the same.
                match answer {
                    Answer::Submit(reply, result) => drop(reply.send(result)),
                    Answer::Noop(reply) => drop(reply.send(())),
                }
            }
            if let Some(reply) = stop {
                let done = self.finish();
                let _ = reply.send(done.as_ref().map_err(|_| Closed).copied());
                return done;
            }
            self.checkpoint();
            // No room for a spare segment is not a reason to stop: the next group may still fit.
            let _ = self.log.prepare();
        }
        self.finish()
    }

    fn take(&mut self, request: Request, answers: &mut Vec<Answer>) {
        match request {
            Request::Submit(wish, reply) => {
                let result = self.submit(*wish);
                answers.push(Answer::Submit(reply, result));
            }
            Request::Cursor(cursor) => {
                let at = self.cursors.entry(cursor.feed.clone()).or_default();
                *at = (*at).max(cursor.seq);
                self.moved.insert(cursor.feed);
            }
            Request::Noop(reply) => answers.push(Answer::Noop(reply)),
            Request::Checkpointed(done) => {
                self.checkpointing = false;
                match done {
                    Ok(done) => self.checkpointed(done),
                    Err(cause) => tracing::error!(%cause, "history could not be packed; it stays in the log and is tried again"),
                }
            }
            Request::Trim(floor) => {
                for pack in self.history.trim(floor.min(self.packed.0)) {
                    if let Err(cause) = std::fs::remove_file(&pack.path) {
                        tracing::warn!(%cause, path = %pack.path.display(), "old history could not be removed");
                    }
                }
            }
            Request::Shutdown(_) => {}
        }
    }

    fn submit(&mut self, wish: Wish) -> Result<Receipt, SubmitError> {
        let now = self.clock.wall_ms();
        if let Some(id) = &wish.id {
            if let Some(known) = self.outcomes.get(id) {
                return known.result.clone().map(|(first, last)| Receipt { first, last, repeated: true }).map_err(SubmitError::Rejected);
            }
            if self.clock.trust() == Trust::Synced && wish.expires_at < now {
                return self.refuse(&wish, Rejection::Expired);
            }
        }
        let events = match decide(&self.state, &wish.actor, &wish.command, Now { wall_ms: now }) {
            Ok(events) => events,
            Err(rejection) => return self.refuse(&wish, rejection),
        };
        let first = self.state.seq + 1;
        for event in events {
            self.record(&wish.actor, wish.cause, event);
        }
        let last = self.state.seq;
        let made = if last < first { (0, 0) } else { (first, last) };
        if let Some(id) = wish.id {
            self.keep_outcome(Outcome { id, result: Ok(made), expires_at: wish.expires_at });
        }
        Ok(Receipt { first: made.0, last: made.1, repeated: false })
    }

    fn refuse(&mut self, wish: &Wish, rejection: Rejection) -> Result<Receipt, SubmitError> {
        if let Some(id) = &wish.id {
            if matches!(wish.actor, Actor::Commune) {
                self.record(&wish.actor, wish.cause, Event::CommandRefused { reason: rejection.key().to_owned() });
            }
            self.keep_outcome(Outcome { id: id.clone(), result: Err(rejection.clone()), expires_at: wish.expires_at });
        }
        Err(SubmitError::Rejected(rejection))
    }

    fn keep_outcome(&mut self, outcome: Outcome) {
        self.records.push(codec::outcome_bytes(&outcome));
        let outcomes = Arc::make_mut(&mut self.outcomes);
        if self.clock.trust() == Trust::Synced {
            let old = self.clock.wall_ms() - OUTCOME_KEPT_MS;
            outcomes.retain(|_, o| o.expires_at >= old);
        }
        outcomes.insert(outcome.id.clone(), outcome);
    }

    /// Numbers an event, applies it to the writer's own state and queues its bytes.
    fn record(&mut self, actor: &Actor, cause: Option<u64>, event: Event) {
        let lane = event.lane();
        let lane_seq = self.span.lanes[lane.index()] + 1;
        let clock = match self.clock.trust() {
            Trust::None => ClockQuality::None,
            Trust::Restored => ClockQuality::Restored,
            Trust::Synced => ClockQuality::Synced,
        };
        let entry = Entry { seq: self.state.seq + 1, mono_ms: self.clock.mono_ms(), wall_ms: self.clock.wall_ms(), clock, actor: actor.clone(), cause, lane, lane_seq, event };
        let bytes = codec::entry_bytes(&entry);
        self.state.apply(&entry);
        self.heads.add(lane, &bytes);
        self.span.lanes[lane.index()] = lane_seq;
        self.span.last = entry.seq;
        self.records.push(bytes.clone());
        self.fresh.push(Arc::new(Stored { epoch: self.span.epoch, bytes: bytes.into(), entry }));
    }

    /// Appends what is queued, makes it durable, publishes it.
    fn sync(&mut self) -> io::Result<()> {
        // Cursors ride with the next group; alone they are not worth a write.
        if self.records.is_empty() {
            return Ok(());
        }
        for feed in std::mem::take(&mut self.moved) {
            let seq = self.cursors.get(&feed).copied().unwrap_or_default();
            self.records.push(codec::cursor_bytes(&Cursor { feed, seq }));
        }
        let seq = self.fresh.first().map_or(self.state.seq + 1, |e| e.entry.seq);
        let records = std::mem::take(&mut self.records);
        let mut part: Vec<&[u8]> = Vec::with_capacity(records.len());
        let mut size = 0;
        for record in &records {
            if size + record.len() + 4 > MAX_PAYLOAD - 4096 {
                // Only a part: its heads are not the chain's; zeros say “see the next group”.
                self.log.append(seq, &[0; 128], &part)?;
                part.clear();
                size = 0;
            }
            size += record.len() + 4;
            part.push(record);
        }
        self.log.append(seq, &self.heads.stamp(), &part)?;
        if !self.fresh.is_empty() {
            self.history.extend(&self.fresh, &self.span);
            self.fresh.clear();
            self.publish.send_replace(Arc::new(self.state.clone()));
        }
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let floor = self.log.sealed().back().map(|s| s.floor).unwrap_or_default();
        Snapshot { state: Arc::new(self.state.clone()), outcomes: self.outcomes.clone(), cursors: self.cursors.clone(), heads: self.heads, floor, epochs: self.history.epochs() }
    }

    /// Hands packing and the snapshot to a helper thread when enough segments are sealed.
    fn checkpoint(&mut self) {
        if self.checkpointing || self.log.sealed().len() < CHECKPOINT_SEGMENTS {
            return;
        }
        let Some(through) = self.log.sealed().back().map(|s| s.segment) else { return };
        let job = Job { through, heads: self.packed.1, entries: self.history.unpacked(), snapshot: self.snapshot() };
        self.checkpointing = true;
        let folder = self.folder.clone();
        let back = self.back.clone();
        let spawned = std::thread::Builder::new().name("journal-pack".into()).spawn(move || {
            let done = pack_and_snapshot(&folder, &job);
            if let Some(back) = back.upgrade() {
                let _ = back.blocking_send(Request::Checkpointed(done));
            }
        });
        if let Err(cause) = spawned {
            tracing::error!(%cause, "no thread for packing history");
            self.checkpointing = false;
        }
    }

    /// A clean stop: everything packed, so the next boot has no tail to replay.
    fn finish(&mut self) -> io::Result<()> {
        self.sync()?;
        while self.checkpointing {
            match self.requests.blocking_recv() {
                Some(done @ Request::Checkpointed(_)) => self.take(done, &mut Vec::new()),
                Some(_) => {}
                None => break,
            }
        }
        self.log.seal();
        let Some(through) = self.log.sealed().back().map(|s| s.segment) else { return Ok(()) };
        let entries = self.history.unpacked();
        if entries.is_empty() {
            return snapshot::write(&self.folder, &self.snapshot());
        }
        let job = Job { through, heads: self.packed.1, entries, snapshot: self.snapshot() };
        let done = pack_and_snapshot(&self.folder, &job)?;
        self.checkpointed(done);
        Ok(())
    }

    fn checkpointed(&mut self, done: Checkpoint) {
        self.packed = (done.pack.last, done.end);
        self.history.packed(done.pack);
        self.log.release(done.through);
    }
}

fn pack_and_snapshot(folder: &std::path::Path, job: &Job) -> io::Result<Checkpoint> {
    let pack = pack::write(folder, &job.heads, &job.entries)?;
    snapshot::write(folder, &job.snapshot)?;
    Ok(Checkpoint { through: job.through, pack, end: job.snapshot.heads })
}
