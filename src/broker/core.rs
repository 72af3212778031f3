//! The broker as a machine: sessions, subscriptions, queues, wills and retained messages, without a
//! wire. Monotonic time comes in; wall time is read from the given clock.
//!
//! Invariants: everything here happens under one lock (`guard`) and at a given moment; permission
//! is asked for every publish (wills and retained included) and every subscribe; a client id
//! belongs to its account, so nobody takes another's session over; a will is said once, or not at
//! all; what a kept session must not lose is owed to the ledger before anybody is answered.
//! `publish` publishes, `subscribe` subscribes, `ledger::restore` builds it again from disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::{Identity, Table};
use super::ledger::Ledger;
use super::ledger::record::Record;
use super::ledger::restore::GRACE;
use super::matcher::{Matcher, Slot};
use super::message::Message;
use super::publish::count_bytes;
use super::queue::Queue;
use super::retained::Retained;
use super::session::{Attached, Due, Line, Opening, Peer, Session};
use super::subscribe::unlisten;
use super::will::will_record;
use crate::protocol::broker::{Counters, Limits, Rule};
use crate::supervisor::clock::Clock;
use crate::supervisor::lobby::neighbour;

/// The house's queue is so many times a device's: it hears everybody.
const HOUSE_SHARE: usize = 16;
/// Seconds by which a clock that was set differs from one that only drifts.
const CLOCK_STEP: u64 = 30;

/// The machine.
pub struct Core {
    pub table: Table,
    pub rules: Vec<Rule>,
    pub limits: Limits,
    pub matcher: Matcher,
    pub retained: Retained,
    pub ledger: Ledger,
    pub sessions: Vec<Option<Session>>,
    pub free: Vec<Slot>,
    pub by_client: BTreeMap<(Identity, String), Slot>,
    pub by_number: BTreeMap<u64, Slot>,
    /// Wills of sessions whose client is away.
    pub wills: BTreeMap<u64, Due>,
    pub last_number: u64,
    lines: u64,
    /// Bytes of all queues but the house's, and of each account's.
    pub queued_bytes: usize,
    pub per_account: BTreeMap<Arc<str>, usize>,
    pub counters: Counters,
    /// The broker ends as planned: wills wait for the next life, on disk.
    pub ending: bool,
    /// The `$SYS` topics.
    pub sys: BTreeMap<Box<str>, Arc<Message>>,
    pub clock: Clock,
    /// The last tick, and what the clock said.
    clock_at: (Instant, u64),
}

impl Core {
    pub fn new(limits: Limits, rules: Vec<Rule>, clock: Clock) -> Self {
        let wall = u64::try_from(clock.wall_ms() / 1000).unwrap_or(0);
        Self {
            clock_at: (Instant::now(), wall),
            table: Table::default(),
            rules,
            limits,
            matcher: Matcher::default(),
            retained: Retained::new(),
            ledger: Ledger::default(),
            sessions: Vec::new(),
            free: Vec::new(),
            by_client: BTreeMap::new(),
            by_number: BTreeMap::new(),
            wills: BTreeMap::new(),
            last_number: 0,
            lines: 0,
            queued_bytes: 0,
            per_account: BTreeMap::new(),
            counters: Counters::default(),
            ending: false,
            sys: BTreeMap::new(),
            clock,
        }
    }

    /// Wall seconds as the box knows them.
    pub fn wall(&self) -> u64 {
        u64::try_from(self.clock.wall_ms() / 1000).unwrap_or(0)
    }

    pub fn session(&mut self, slot: Slot) -> Option<&mut Session> {
        self.sessions.get_mut(slot as usize)?.as_mut()
    }

    /// The open connection of that client, if there is one.
    pub fn line_of(&self, key: &(Identity, String)) -> Option<Line> {
        let slot = self.by_client.get(key)?;
        self.sessions.get(*slot as usize)?.as_ref()?.line.clone()
    }

    /// Puts a session into its place.
    pub fn place(&mut self, session: Session) -> Slot {
        let (number, key) = (
            session.number,
            (session.who.clone(), session.client_id.clone()),
        );
        let slot = match self.free.pop() {
            Some(slot) => {
                self.sessions[slot as usize] = Some(session);
                slot
            }
            None => {
                self.sessions.push(Some(session));
                Slot::try_from(self.sessions.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        self.by_client.insert(key, slot);
        self.by_number.insert(number, slot);
        slot
    }

    /// A queue as long as `who` may have.
    pub fn queue_for(&self, who: &Identity) -> Queue {
        let share = if *who == Identity::House {
            HOUSE_SHARE
        } else {
            1
        };
        Queue::new(self.limits.queued * share, self.limits.queued_bytes * share)
    }

    /// Gives a connection its session; there is no open connection of that client. Errors are a
    /// CONNACK code and a sentence.
    pub fn attach(&mut self, o: Opening, now: Instant) -> Result<Attached, (u8, &'static str)> {
        // Nothing that is said now would be written: the broker's next life takes the client.
        if self.ending {
            return Err((0x88, "the broker ends"));
        }
        // Whoever waited for its place may have lost its account meanwhile.
        if self.table.credential(&o.who).as_deref() != Some(&o.credential) {
            return Err((0x87, "its account changed"));
        }
        if !self.table.holds(&o.who, &o.peer.proof) {
            return Err((0x87, "its certificate is not the newest of this name"));
        }
        let key = (o.who.clone(), o.client_id.clone());
        let known = self.by_client.get(&key).copied();
        let ended = known.filter(|slot| {
            o.clean
                || self
                    .session(*slot)
                    .is_none_or(|s| !s.is_kept() || s.credential != o.credential)
        });
        if (known.is_none() || ended.is_some())
            && !o.keep_for.is_zero()
            && self.ledger.is_full(o.who.owner())
        {
            return Err((
                0x97,
                "the card has so much of this account to write that it must wait",
            ));
        }
        if let Some(slot) = ended {
            // Whom the broker's own death took away is back in time: its will is not said, even if
            // its session ends here.
            self.come_back(&o.who, &o.client_id, |due| due.grace);
            self.remove(slot, now);
        }
        self.lines += 1;
        let line_number = self.lines;
        let known = self.by_client.get(&key).copied();
        let slot = match known {
            Some(slot) => slot,
            None => {
                self.make_room(&o.who, now)?;
                self.last_number += 1;
                let session = Session {
                    number: self.last_number,
                    owner: o.who.owner().into(),
                    queue: self.queue_for(&o.who),
                    who: o.who,
                    client_id: o.client_id,
                    subscriptions: BTreeMap::new(),
                    received: BTreeMap::new(),
                    wake: Arc::new(Notify::new()),
                    line: None,
                    credential: o.credential,
                    keep_for: Duration::ZERO,
                    since: now,
                    peer: Peer::default(),
                    will: None,
                    noted: false,
                };
                self.place(session)
            }
        };
        let wall = self.wall();
        self.come_back(&key.0, &key.1, |_| true);
        let Self {
            sessions,
            ledger,
            counters,
            ..
        } = self;
        let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) else {
            return Err((0x80, "the session is gone"));
        };
        let owner = session.owner.clone();
        session.queue.reconnected(o.window);
        let line = Line::new(line_number, session.wake.clone());
        session.line = Some(line.clone());
        session.since = now;
        session.keep_for = o.keep_for;
        session.peer = o.peer;
        session.will = o.will;
        if session.is_kept() || session.noted {
            session.noted = true;
            let head = session.head(now, wall);
            ledger.note(&owner, head, None);
        }
        if let Some(will) = &session.will {
            let record = will_record(
                session.number,
                (&owner, &session.client_id),
                will,
                None,
                now,
                wall,
            );
            ledger.note(&owner, Record::Will(record), None);
        }
        counters.connected += 1;
        counters.connected_max = counters.connected_max.max(counters.connected);
        Ok(Attached::new(
            slot,
            &line,
            known.is_some(),
            session.wake.clone(),
        ))
    }

    /// Devices without an account.
    fn strangers(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .iter()
            .flatten()
            .filter(|s| matches!(s.who, Identity::Stranger(_)))
    }

    /// Room for one more session of `who`; those who are away longest make it.
    fn make_room(&mut self, who: &Identity, now: Instant) -> Result<(), (u8, &'static str)> {
        if matches!(who, Identity::Stranger(_))
            && self.strangers().count() >= self.limits.quarantined
        {
            // Nobody holds a place for ever: of the address that holds the most the one that came
            // first goes, and there is room at the next try.
            let near = |s: &Session| s.peer.address.parse().map(neighbour).ok();
            let crowd = |of: &Session| self.strangers().filter(|s| near(s) == near(of)).count();
            if let Some(line) = self
                .strangers()
                .min_by_key(|s| (std::cmp::Reverse(crowd(s)), s.number))
                .and_then(|s| s.line.as_ref())
            {
                line.cut
                    .now(0x97, "too many devices without an account are here at once");
            }
            return Err((0x97, "too many devices without an account are here at once"));
        }
        let oldest = |core: &Self, of: &mut dyn Iterator<Item = Slot>| {
            of.filter_map(|s| {
                core.sessions
                    .get(s as usize)?
                    .as_ref()
                    .filter(|x| x.is_away())
                    .map(|x| (x.since, s))
            })
            .min()
            .map(|(_, s)| s)
        };
        if *who != Identity::House {
            let mine: Vec<Slot> = self
                .by_client
                .range((who.clone(), String::new())..)
                .take_while(|((w, _), _)| w == who)
                .map(|(_, s)| *s)
                .collect();
            if mine.len() >= self.limits.per_account {
                let away = oldest(self, &mut mine.into_iter())
                    .ok_or((0x97, "this account has too many connections"))?;
                self.push_out(away, now);
            }
        }
        let away = self
            .by_client
            .len()
            .saturating_sub(usize::try_from(self.counters.connected).unwrap_or(usize::MAX));
        if away >= self.limits.sessions {
            let all: Vec<Slot> = self.by_client.values().copied().collect();
            if let Some(away) = oldest(self, &mut all.into_iter()) {
                self.push_out(away, now);
            }
        }
        Ok(())
    }

    /// A session makes room for another: what waits for it is dropped, and that is counted.
    fn push_out(&mut self, slot: Slot, now: Instant) {
        let waiting = self
            .session(slot)
            .map_or(0, |s| s.queue.len().0 + s.queue.len().1);
        self.counters.dropped += waiting as u64;
        self.remove(slot, now);
    }

    /// The connection ended. Polite = its will is not said.
    pub fn detach(&mut self, attached: &Attached, polite: bool, now: Instant) {
        self.counters.connected = self.counters.connected.saturating_sub(1);
        let (wall, slot, ending) = (self.wall(), attached.slot, self.ending);
        let known = self
            .session(slot)
            .map(|s| s.who.clone())
            .is_some_and(|who| self.table.knows(&who));
        let Some(session) = self
            .session(slot)
            .filter(|s| s.line.as_ref().is_some_and(|l| l.number == attached.number))
        else {
            return;
        };
        session.since = now;
        // All this happens under one lock: a newcomer comes after the will.
        session.line = None;
        let before = session.queue.bytes;
        session.queue.keep_only_acknowledged();
        let (number, who, owner, client_id) = (
            session.number,
            session.who.clone(),
            session.owner.clone(),
            session.client_id.clone(),
        );
        let over = !session.is_kept() || !known;
        // At a planned end nothing is said, and the disk keeps what would be; who says goodbye
        // meanwhile has no will any more.
        let (will, later) = if ending && !polite {
            (None, session.will.take())
        } else {
            (session.will.take(), None)
        };
        let had_will = will.is_some();
        let delay = Duration::from_secs(u64::from(
            will.as_ref()
                .and_then(|w| w.properties.will_delay)
                .unwrap_or(0),
        ))
        .min(session.keep_for);
        let Self {
            sessions,
            queued_bytes,
            per_account,
            ..
        } = self;
        if let Some(session) = sessions.get(slot as usize).and_then(Option::as_ref) {
            count_bytes(queued_bytes, per_account, session, before);
        }
        match will {
            Some(will) if !polite && delay.is_zero() => {
                self.say_will(&who, (number, attached.number), &will, now)
            }
            Some(will) if !polite => {
                let at = now + delay;
                let record = will_record(
                    number,
                    (&owner, &client_id),
                    &will,
                    Some(wall + delay.as_secs()),
                    now,
                    wall,
                );
                self.ledger.note(&owner, Record::Will(record), None);
                self.wills.insert(
                    number,
                    Due {
                        at,
                        owner: who.clone(),
                        client_id: client_id.clone(),
                        will,
                        line: attached.number,
                        grace: false,
                    },
                );
            }
            _ if had_will => self.ledger.note(&owner, Record::WillOver(number), None),
            _ => {}
        }
        if over {
            self.remove(slot, now);
        } else if let Some(session) = self.session(slot) {
            let head = session.head(now, wall);
            self.ledger.note(&owner, head, None);
        }
        if let Some(will) = later {
            // A dump of the last moment holds it too.
            self.wills.insert(
                number,
                Due {
                    at: now + GRACE,
                    owner: who,
                    client_id,
                    will,
                    line: attached.number,
                    grace: true,
                },
            );
        }
    }

    /// The client that still holds `attached` wants its session kept for so long.
    pub fn keep_for(&mut self, attached: &Attached, seconds: u32) {
        let most = Duration::from_secs(u64::from(self.limits.session_s));
        // What was not to be kept is not kept now; a stranger's never is.
        if let Some(session) = self.session(attached.slot).filter(|s| s.is_kept()) {
            session.keep_for = Duration::from_secs(u64::from(seconds)).min(most);
        }
    }

    /// Publishes wills whose delay passed and forgets sessions whose time is over. Call it every
    /// second.
    pub fn tick(&mut self, now: Instant) {
        self.mind_the_clock(now);
        let due: Vec<u64> = self
            .wills
            .iter()
            .filter(|(_, w)| w.at <= now)
            .map(|(n, _)| *n)
            .collect();
        for number in due {
            if let Some(due) = self.wills.remove(&number) {
                self.say_will(&due.owner, (number, due.line), &due.will, now);
            }
        }
        let over = |s: &Session| s.is_away() && s.since + s.keep_for <= now;
        let over: Vec<Slot> = (0..)
            .zip(&self.sessions)
            .filter(|(_, s)| s.as_ref().is_some_and(over))
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            self.counters.expired += 1;
            self.remove(slot, now);
        }
        for (owner, topic) in self.retained.expire(now) {
            self.ledger.retained(&owner, &topic, None, None);
        }
    }

    /// A clock that was set makes the times wrong that stand on disk: everything is written anew.
    fn mind_the_clock(&mut self, now: Instant) {
        let wall = self.wall();
        let (then, was) = std::mem::replace(&mut self.clock_at, (now, wall));
        let drift = (was + now.saturating_duration_since(then).as_secs()).abs_diff(wall);
        self.ledger.whole |= drift > CLOCK_STEP;
    }

    /// Forgets a session; a will that waited for its delay is said now: the session it waited for
    /// is over. What it had from shared subscriptions goes to other members.
    pub fn remove(&mut self, slot: Slot, now: Instant) {
        let Some(mut session) = self.sessions.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(slot);
        for filter in session.subscriptions.keys() {
            unlisten(&mut self.matcher, filter, slot);
        }
        let before = session.queue.bytes;
        let left = session.queue.unclaimed();
        count_bytes(
            &mut self.queued_bytes,
            &mut self.per_account,
            &session,
            before,
        );
        self.by_number.remove(&session.number);
        self.by_client
            .remove(&(session.who.clone(), session.client_id.clone()));
        if let Some(due) = self.wills.remove(&session.number) {
            self.say_will(&due.owner, (session.number, due.line), &due.will, now);
        }
        // Before the ledger hears that the session is over: who waits for the card waits until
        // another has the message.
        for (owed, item) in left {
            self.deliver_again(&session.owner, owed, item, now);
        }
        if session.noted {
            self.ledger
                .note(&session.owner, Record::Over(session.number), None);
        }
    }

    /// What the broker counted.
    pub fn counted(&self) -> Counters {
        let (queued, away) = self.sessions.iter().flatten().fold((0, 0), |(q, a), s| {
            (q + s.queue.len().0 as u64, a + u64::from(s.is_away()))
        });
        Counters {
            away,
            queued,
            queued_bytes: self.queued_bytes as u64,
            subscriptions: self.matcher.count.0 as u64,
            shared: self.matcher.count.1 as u64,
            retained: self.retained.len() as u64,
            retained_bytes: self.retained.bytes as u64,
            retained_refused: self.retained.refused,
            quarantined: self.strangers().count() as u64,
            owed: self.ledger.len() as u64,
            ..self.counters.clone()
        }
    }
}
