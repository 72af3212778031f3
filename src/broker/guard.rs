//! The guard: every session, subscription, will and retained message, and the one lock around them.
//!
//! Invariants: permission is asked for every publish (wills and retained included) and every subscribe; a
//! client id belongs to its account, so nobody takes another's session over; the old connection of a taken
//! over session is gone, its will published, before the new one is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Identity, Table};
use super::matcher::{Hearing, Matcher, Slot};
use super::retained::Retained;
use super::router::{self, Fanout, Link};
use super::session::{Message, Queue, Queued};
use crate::protocol::broker::{Counters, Limits};
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::Ask;
use crate::protocol::mqtt::topic::{is_filter, is_wild};

/// Longest life of a session whose client is away.
const AWAY_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Sessions of one account.
const PER_ACCOUNT: usize = 8;

/// One client's session.
struct Session {
    who: Identity,
    client_id: String,
    subscriptions: BTreeMap<String, Hearing>,
    links: BTreeMap<String, CancellationToken>,
    queue: Queue,
    wake: Arc<Notify>,
    line: Option<Line>,
    keep_for: Duration,
    away_since: Option<Instant>,
}

/// An open connection of a session.
#[derive(Clone)]
struct Line {
    cut: CancellationToken,
    gone: CancellationToken,
}

#[derive(Default)]
struct Core {
    table: Table,
    matcher: Matcher,
    sessions: BTreeMap<Slot, Session>,
    by_client: BTreeMap<(Identity, String), Slot>,
    wills: Vec<(Instant, Identity, Slot, Will)>,
    next: Slot,
    counters: Counters,
}

/// The guard; one per worker.
pub struct Guard {
    core: Mutex<Core>,
    retained: Mutex<Retained>,
    fanout: Fanout,
    pub limits: Limits,
    /// Ends the worker when the router died.
    pub broken: CancellationToken,
}

/// What a connection holds of its session.
pub struct Attached {
    pub slot: Slot,
    pub present: bool,
    pub wake: Arc<Notify>,
    pub cut: CancellationToken,
    gone: CancellationToken,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Taken; somebody hears it or it is kept.
    Taken,
    /// Taken; nobody hears it.
    Unheard,
    /// Not allowed.
    Forbidden,
    /// Not kept: a bound of retained messages was reached (it was delivered).
    NotKept,
}

impl Guard {
    pub fn new(limits: Limits, retained: Retained) -> Self {
        Self { core: Mutex::default(), retained: Mutex::new(retained), fanout: Fanout::new(), limits, broken: CancellationToken::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn retained(&self) -> MutexGuard<'_, Retained> {
        self.retained.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn login(&self, name: &str, password: &[u8]) -> Option<Identity> {
        self.lock().table.login(name, password)
    }

    pub fn by_certificate(&self, name: &str) -> Option<Identity> {
        self.lock().table.by_certificate(name)
    }

    pub fn refused(&self) {
        self.lock().counters.refused += 1;
    }

    /// Puts a new table in force, also on open connections.
    pub fn set_table(&self, table: Table) {
        let mut core = self.lock();
        core.table = table;
        let table = core.table.clone();
        let core = &mut *core;
        let mut over = Vec::new();
        for (slot, session) in &mut core.sessions {
            if !table.knows(&session.who) {
                match &session.line {
                    Some(line) => line.cut.cancel(),
                    None => over.push(*slot),
                }
                continue;
            }
            let who = session.who.clone();
            let (matcher, links) = (&mut core.matcher, &mut session.links);
            session.subscriptions.retain(|filter, _| {
                let stays = table.may_subscribe(&who, filter);
                if !stays {
                    if let Some(link) = links.remove(filter) {
                        link.cancel();
                    }
                    matcher.remove(filter, *slot);
                }
                stays
            });
        }
        for slot in over {
            remove_session(core, slot);
        }
    }

    /// Gives `who` the session `client_id`; waits until an older connection of it is gone.
    pub async fn attach(&self, who: &Identity, client_id: &str, clean: bool, keep_for: Duration, window: usize) -> Result<Attached, &'static str> {
        let key = (who.clone(), client_id.to_owned());
        loop {
            let old = {
                let core = self.lock();
                core.by_client.get(&key).and_then(|s| core.sessions.get(s)).and_then(|s| s.line.clone())
            };
            let Some(line) = old else { break };
            line.cut.cancel();
            line.gone.cancelled().await;
            let mut core = self.lock();
            // The old connection detaches itself before it is gone; this only guards against a lost race.
            if let Some(session) = core.by_client.get(&key).copied().and_then(|s| core.sessions.get_mut(&s))
                && session.line.as_ref().is_some_and(|l| l.gone.is_cancelled())
            {
                session.line = None;
            }
        }
        let mut core = self.lock();
        let core = &mut *core;
        if clean && let Some(slot) = core.by_client.get(&key).copied() {
            remove_session(core, slot);
        }
        let line = Line { cut: CancellationToken::new(), gone: CancellationToken::new() };
        let keep_for = keep_for.min(AWAY_MAX);
        if let Some(session) = core.by_client.get(&key).copied().and_then(|s| core.sessions.get_mut(&s).map(|x| (s, x))) {
            let (slot, session) = session;
            session.line = Some(line.clone());
            session.away_since = None;
            session.keep_for = keep_for;
            session.queue.window = window;
            let wake = session.wake.clone();
            core.wills.retain(|(_, _, s, _)| *s != slot);
            core.counters.connected += 1;
            return Ok(Attached { slot, present: true, wake, cut: line.cut, gone: line.gone });
        }
        let mine = core.by_client.range((who.clone(), String::new())..).take_while(|((w, _), _)| w == who).count();
        if mine >= PER_ACCOUNT && *who != Identity::House {
            let away = core.by_client.iter().filter(|((w, _), _)| w == who).filter_map(|(_, s)| core.sessions.get(s).and_then(|x| x.away_since).map(|t| (t, *s))).min();
            match away {
                Some((_, slot)) => remove_session(core, slot),
                None => return Err("this account has too many connections"),
            }
        }
        if core.sessions.len() >= self.limits.sessions + self.limits.connections {
            let away = core.sessions.iter().filter_map(|(s, x)| x.away_since.map(|t| (t, *s))).min();
            if let Some((_, slot)) = away {
                remove_session(core, slot);
            }
        }
        core.next += 1;
        let slot = core.next;
        let wake = Arc::new(Notify::new());
        let mut queue = Queue::new(self.limits.queued, self.limits.queued_bytes);
        queue.window = window;
        let session = Session { who: who.clone(), client_id: client_id.to_owned(), subscriptions: BTreeMap::new(), links: BTreeMap::new(), queue, wake: wake.clone(), line: Some(line.clone()), keep_for, away_since: None };
        core.sessions.insert(slot, session);
        core.by_client.insert(key, slot);
        core.counters.connected += 1;
        Ok(Attached { slot, present: false, wake, cut: line.cut, gone: line.gone })
    }

    /// The connection of `attached` ended. `will` is what is to be said now or after its delay.
    pub fn detach(&self, attached: &Attached, who: &Identity, will: Option<Will>) {
        let mut now_said = None;
        {
            let mut core = self.lock();
            let core = &mut *core;
            core.counters.connected = core.counters.connected.saturating_sub(1);
            let Some(session) = core.sessions.get_mut(&attached.slot) else { return };
            session.line = None;
            session.away_since = Some(Instant::now());
            session.queue.keep_only_acknowledged();
            for (_, link) in std::mem::take(&mut session.links) {
                link.cancel();
            }
            let keep_for = session.keep_for;
            if let Some(will) = will {
                let delay = Duration::from_secs(u64::from(will.properties.will_delay.unwrap_or(0))).min(keep_for);
                if delay.is_zero() {
                    now_said = Some(will);
                } else {
                    core.wills.push((Instant::now() + delay, who.clone(), attached.slot, will));
                }
            }
            if keep_for.is_zero() {
                remove_session(core, attached.slot);
            }
        }
        if let Some(will) = now_said {
            self.say_will(who, &will);
        }
    }

    fn say_will(&self, who: &Identity, will: &Will) {
        let expires = will.properties.message_expiry.map(|s| Instant::now() + Duration::from_secs(u64::from(s)));
        let message = Message { topic: will.topic.as_str().into(), payload: will.payload.clone(), qos: will.qos.min(1), retain: will.retain, forward: will.properties.forward.clone(), expires };
        self.publish(who, None, message);
    }

    /// Publishes wills whose delay passed and forgets sessions whose time is over. Call it every second.
    pub fn tick(&self) {
        let now = Instant::now();
        let due = {
            let mut core = self.lock();
            let core = &mut *core;
            let (due, later) = std::mem::take(&mut core.wills).into_iter().partition(|(at, ..)| *at <= now);
            core.wills = later;
            let over: Vec<Slot> = core.sessions.iter().filter(|(_, s)| s.away_since.is_some_and(|t| t + s.keep_for <= now)).map(|(s, _)| *s).collect();
            for slot in over {
                remove_session(core, slot);
            }
            let due: Vec<(Instant, Identity, Slot, Will)> = due;
            due
        };
        for (_, who, _, will) in due {
            self.say_will(&who, &will);
        }
    }

    /// Takes a message in: permission, retained, delivery.
    pub fn publish(&self, who: &Identity, from: Option<Slot>, message: Message) -> Published {
        let message = Arc::new(message);
        let mut kept = true;
        let heard = {
            let mut core = self.lock();
            let core = &mut *core;
            if !core.table.may_publish(who, &message.topic) {
                return Published::Forbidden;
            }
            core.counters.received += 1;
            if message.retain {
                kept = self.retained().set(who.name(), &message.topic, message.clone());
            }
            let mut hearers: Vec<(Slot, Hearing)> = Vec::new();
            core.matcher.each(&message.topic, &mut |slot, hearing| {
                if !(hearing.no_local && Some(slot) == from) {
                    hearers.push((slot, hearing));
                }
            });
            // A session with overlapping filters hears a message once, at the best QoS.
            hearers.sort_by_key(|(slot, hearing)| (*slot, std::cmp::Reverse(hearing.qos)));
            hearers.dedup_by_key(|(slot, _)| *slot);
            let n = hearers.len();
            for (slot, hearing) in hearers {
                if let Some(session) = core.sessions.get_mut(&slot) {
                    let qos = message.qos.min(hearing.qos);
                    if qos == 0 && session.line.is_none() {
                        continue;
                    }
                    let before = session.queue.dropped;
                    session.queue.push(Queued { message: message.clone(), qos, retain: message.retain && hearing.retain_as_published, identifier: hearing.identifier });
                    core.counters.dropped += session.queue.dropped - before;
                    core.counters.delivered += 1;
                    session.wake.notify_one();
                }
            }
            n
        };
        let routed = self.fanout.is_used();
        if routed && !self.fanout.publish(&message) {
            self.broken.cancel();
        }
        if !kept {
            Published::NotKept
        } else if heard == 0 && !routed {
            Published::Unheard
        } else {
            Published::Taken
        }
    }

    /// Subscribes; gives a SUBACK code per ask. Retained messages are queued behind it.
    pub fn subscribe(self: &Arc<Self>, who: &Identity, attached: &Attached, asks: &[Ask], identifier: Option<u32>) -> Vec<u8> {
        asks.iter().map(|ask| self.subscribe_one(who, attached, ask, identifier)).collect()
    }

    fn subscribe_one(self: &Arc<Self>, who: &Identity, attached: &Attached, ask: &Ask, identifier: Option<u32>) -> u8 {
        if ask.filter.starts_with("$share/") {
            return 0x9e;
        }
        if !is_filter(&ask.filter) {
            return 0x8f;
        }
        let qos = ask.qos.min(1);
        let hearing = Hearing { qos, no_local: ask.no_local, retain_as_published: ask.retain_as_published, identifier };
        {
            let core = self.lock();
            if !core.table.may_subscribe(who, &ask.filter) {
                return 0x87;
            }
            let Some(session) = core.sessions.get(&attached.slot) else { return 0x80 };
            if session.subscriptions.len() >= self.limits.filters && *who != Identity::House && !session.subscriptions.contains_key(&ask.filter) {
                return 0x97;
            }
        }
        let plain = qos == 0 && !ask.no_local && !ask.retain_as_published && identifier.is_none();
        let link = if plain && is_wild(&ask.filter) && *who != Identity::House { self.fanout.link(&ask.filter) } else { None };
        let fresh = {
            let mut core = self.lock();
            let core = &mut *core;
            let Some(session) = core.sessions.get_mut(&attached.slot) else { return 0x80 };
            let fresh = session.subscriptions.insert(ask.filter.clone(), hearing).is_none();
            if let Some(old) = session.links.remove(&ask.filter) {
                old.cancel();
            }
            match link {
                Some(link) => {
                    core.matcher.remove(&ask.filter, attached.slot);
                    let cut = CancellationToken::new();
                    session.links.insert(ask.filter.clone(), cut.clone());
                    self.pump(link, attached.slot, cut);
                }
                None => drop(core.matcher.add(&ask.filter, attached.slot, hearing)),
            }
            fresh
        };
        if ask.retain_handling == 0 || ask.retain_handling == 1 && fresh {
            let kept = self.retained().matching(&ask.filter);
            let mut core = self.lock();
            if let Some(session) = core.sessions.get_mut(&attached.slot) {
                for message in kept {
                    let qos = message.qos.min(qos);
                    session.queue.push_retained(Queued { message, qos, retain: true, identifier });
                }
                session.wake.notify_one();
            }
        }
        qos
    }

    /// Carries messages from a router's link to a session's queue until `cut`.
    #[expect(clippy::disallowed_methods, reason = "lives as long as the subscription, ends by its token")]
    fn pump(self: &Arc<Self>, link: Link, slot: Slot, cut: CancellationToken) {
        let guard = self.clone();
        tokio::spawn(async move {
            let mut link = link;
            loop {
                let next = tokio::select! {
                    next = router::next(&mut link.rx) => next,
                    () = cut.cancelled() => break,
                };
                let Some((topic, forward, payload)) = next else {
                    guard.broken.cancel();
                    return;
                };
                let message = Message { topic: topic.as_str().into(), payload, qos: 0, retain: false, forward, expires: None };
                let mut core = guard.lock();
                let core = &mut *core;
                if let Some(session) = core.sessions.get_mut(&slot) {
                    let before = session.queue.dropped;
                    session.queue.push(Queued { message: Arc::new(message), qos: 0, retain: false, identifier: None });
                    core.counters.dropped += session.queue.dropped - before;
                    core.counters.delivered += 1;
                    session.wake.notify_one();
                }
            }
            guard.fanout.end(&mut link);
        });
    }

    /// Unsubscribes; gives an UNSUBACK code per filter.
    pub fn unsubscribe(&self, attached: &Attached, filters: &[String]) -> Vec<u8> {
        let mut core = self.lock();
        let core = &mut *core;
        let Some(session) = core.sessions.get_mut(&attached.slot) else { return vec![0x80; filters.len()] };
        filters
            .iter()
            .map(|filter| {
                if let Some(link) = session.links.remove(filter) {
                    link.cancel();
                }
                core.matcher.remove(filter, attached.slot);
                if session.subscriptions.remove(filter).is_some() { 0 } else { 0x11 }
            })
            .collect()
    }

    /// Works on the queue of a session.
    pub fn queue<T>(&self, attached: &Attached, work: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.lock().sessions.get_mut(&attached.slot).map(|s| work(&mut s.queue))
    }

    /// Changes how long the session is kept after the connection ends.
    pub fn keep_for(&self, attached: &Attached, seconds: u32) {
        if let Some(session) = self.lock().sessions.get_mut(&attached.slot) {
            session.keep_for = Duration::from_secs(u64::from(seconds)).min(AWAY_MAX);
        }
    }

    pub fn counters(&self) -> Counters {
        let (retained, refused) = {
            let kept = self.retained();
            (kept.len() as u64, kept.refused)
        };
        Counters { retained, retained_refused: refused, ..self.lock().counters.clone() }
    }
}

fn remove_session(core: &mut Core, slot: Slot) {
    if let Some(session) = core.sessions.remove(&slot) {
        for filter in session.subscriptions.keys() {
            core.matcher.remove(filter, slot);
        }
        for link in session.links.values() {
            link.cancel();
        }
        core.by_client.remove(&(session.who, session.client_id));
    }
}
