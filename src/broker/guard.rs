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
use super::limits::Rates;
use super::matcher::{Hearing, Matcher, Slot};
use super::retained::Retained;
use super::router::{Fanout, Link};
use super::session::{Message, Queue, Queued};
use crate::protocol::broker::{Counters, Limits};
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::Ask;
use crate::protocol::mqtt::topic::{is_filter, is_wild};

/// Longest life of a session whose client is away.
const AWAY_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Marks a matcher's entry that stands for a filter of the router, not for a session.
const ROUTED: Slot = 1 << 63;
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
    /// What opened it: a changed secret ends it.
    credential: String,
    keep_for: Duration,
    away_since: Option<Instant>,
}

/// An open connection of a session.
#[derive(Clone)]
struct Line {
    number: u64,
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

/// The house's queue is so many times a device's.
const HOUSE_SHARE: usize = 16;

/// The guard; one per worker.
pub struct Guard {
    core: Mutex<Core>,
    retained: Mutex<Retained>,
    fanout: Fanout,
    pub limits: Limits,
    pub rates: Rates,
    /// Ends the worker when the router died.
    pub broken: CancellationToken,
}

/// What a connection holds of its session.
pub struct Attached {
    pub slot: Slot,
    number: u64,
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
        Self { core: Mutex::default(), retained: Mutex::new(retained), fanout: Fanout::new(), limits, rates: Rates::default(), broken: CancellationToken::new() }
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

    /// What opens `who` now.
    pub fn credential(&self, who: &Identity) -> String {
        self.lock().table.credential(who).unwrap_or_default()
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
            if table.credential(&session.who).as_deref() != Some(&session.credential) {
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
            self.remove(core, slot);
        }
    }

    /// Gives `who` the session `client_id`; waits until an older connection of it is gone.
    pub async fn attach(&self, who: &Identity, client_id: &str, clean: bool, keep_for: Duration, window: usize, credential: &str) -> Result<Attached, &'static str> {
        let key = (who.clone(), client_id.to_owned());
        loop {
            let line = {
                let mut core = self.lock();
                let core = &mut *core;
                let open = core.by_client.get(&key).and_then(|s| core.sessions.get(s)).and_then(|s| s.line.clone());
                match open {
                    Some(line) => line,
                    // Decided and done under one lock: two newcomers cannot both win.
                    None => return self.settle(core, key, clean, keep_for, window, credential),
                }
            };
            line.cut.cancel();
            line.gone.cancelled().await;
        }
    }

    fn settle(&self, core: &mut Core, key: (Identity, String), clean: bool, keep_for: Duration, window: usize, credential: &str) -> Result<Attached, &'static str> {
        let who = &key.0;
        if core.table.credential(who).as_deref() != Some(credential) {
            return Err("the account was changed or revoked");
        }
        if clean && let Some(slot) = core.by_client.get(&key).copied() {
            self.remove(core, slot);
        }
        core.next += 1;
        let line = Line { number: core.next, cut: CancellationToken::new(), gone: CancellationToken::new() };
        let keep_for = keep_for.min(AWAY_MAX);
        if let Some((slot, session)) = core.by_client.get(&key).copied().and_then(|s| core.sessions.get_mut(&s).map(|x| (s, x))) {
            session.line = Some(line.clone());
            session.away_since = None;
            session.keep_for = keep_for;
            session.queue.window = window;
            let wake = session.wake.clone();
            core.wills.retain(|(_, _, s, _)| *s != slot);
            core.counters.connected += 1;
            return Ok(Attached { slot, number: line.number, present: true, wake, cut: line.cut, gone: line.gone });
        }
        let mine = core.by_client.range((key.0.clone(), String::new())..).take_while(|((w, _), _)| *w == key.0).count();
        if mine >= PER_ACCOUNT && key.0 != Identity::House {
            let away = core.by_client.iter().filter(|((w, _), _)| *w == key.0).filter_map(|(_, s)| core.sessions.get(s).and_then(|x| x.away_since).map(|t| (t, *s))).min();
            match away {
                Some((_, slot)) => self.remove(core, slot),
                None => return Err("this account has too many connections"),
            }
        }
        if core.sessions.len() >= self.limits.sessions + self.limits.connections {
            let away = core.sessions.iter().filter_map(|(s, x)| x.away_since.map(|t| (t, *s))).min();
            if let Some((_, slot)) = away {
                self.remove(core, slot);
            }
        }
        let slot = line.number;
        let wake = Arc::new(Notify::new());
        // The house hears everybody: what it has acknowledged to devices must not fall out of an ordinary queue.
        let share = if key.0 == Identity::House { HOUSE_SHARE } else { 1 };
        let mut queue = Queue::new(self.limits.queued * share, self.limits.queued_bytes * share);
        queue.window = window;
        let session = Session {
            who: key.0.clone(),
            client_id: key.1.clone(),
            credential: credential.to_owned(),
            subscriptions: BTreeMap::new(),
            links: BTreeMap::new(),
            queue,
            wake: wake.clone(),
            line: Some(line.clone()),
            keep_for,
            away_since: None,
        };
        core.sessions.insert(slot, session);
        core.by_client.insert(key, slot);
        core.counters.connected += 1;
        Ok(Attached { slot, number: line.number, present: false, wake, cut: line.cut, gone: line.gone })
    }

    /// The connection of `attached` ended. `will` is what is to be said now or after its delay.
    pub fn detach(&self, attached: &Attached, who: &Identity, will: Option<Will>) {
        let mut core = self.lock();
        let core = &mut *core;
        core.counters.connected = core.counters.connected.saturating_sub(1);
        let known = core.table.knows(who);
        let mut delay = Duration::ZERO;
        let mut over = false;
        if let Some(session) = core.sessions.get_mut(&attached.slot).filter(|s| s.line.as_ref().is_some_and(|l| l.number == attached.number)) {
            session.away_since = Some(Instant::now());
            session.queue.keep_only_acknowledged();
            over = session.keep_for.is_zero() || !known;
            delay = Duration::from_secs(u64::from(will.as_ref().and_then(|w| w.properties.will_delay).unwrap_or(0))).min(session.keep_for);
            for (filter, link) in std::mem::take(&mut session.links) {
                link.cancel();
                // Away or back, the guard itself delivers to this session from now on.
                if let Some(hearing) = session.subscriptions.get(&filter) {
                    core.matcher.add(&filter, attached.slot, *hearing);
                }
            }
        }
        if let Some(will) = will {
            if delay.is_zero() {
                self.say_will(core, who, &will);
            } else {
                core.wills.push((Instant::now() + delay, who.clone(), attached.slot, will));
            }
        }
        // Only now may a newcomer take the session: the will was said before.
        if over {
            self.remove(core, attached.slot);
        } else if let Some(session) = core.sessions.get_mut(&attached.slot).filter(|s| s.line.as_ref().is_some_and(|l| l.number == attached.number)) {
            session.line = None;
        }
    }

    fn say_will(&self, core: &mut Core, who: &Identity, will: &Will) {
        let expires = will.properties.message_expiry.map(|s| Instant::now() + Duration::from_secs(u64::from(s)));
        let message = Message { topic: will.topic.as_str().into(), payload: will.payload.clone(), qos: will.qos.min(1), retain: will.retain, forward: will.properties.forward.clone(), expires };
        self.publish_in(core, who, None, message);
    }

    /// Publishes wills whose delay passed and forgets sessions whose time is over. Call it every second.
    pub fn tick(&self) {
        let now = Instant::now();
        let mut core = self.lock();
        let core = &mut *core;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut core.wills).into_iter().partition(|(at, ..)| *at <= now);
        core.wills = later;
        for (_, who, _, will) in due {
            self.say_will(core, &who, &will);
        }
        let over: Vec<Slot> = core.sessions.iter().filter(|(_, s)| s.away_since.is_some_and(|t| t + s.keep_for <= now)).map(|(s, _)| *s).collect();
        for slot in over {
            self.remove(core, slot);
        }
    }

    /// Forgets a session; wills that waited for their delay are said now: the session they waited for is over.
    fn remove(&self, core: &mut Core, slot: Slot) {
        if let Some(session) = core.sessions.remove(&slot) {
            for filter in session.subscriptions.keys() {
                core.matcher.remove(filter, slot);
            }
            for link in session.links.values() {
                link.cancel();
            }
            core.by_client.remove(&(session.who, session.client_id));
        }
        let (mine, others): (Vec<_>, Vec<_>) = std::mem::take(&mut core.wills).into_iter().partition(|(_, _, s, _)| *s == slot);
        core.wills = others;
        for (_, who, _, will) in mine {
            self.say_will(core, &who, &will);
        }
    }

    /// Takes a message in: permission, retained, delivery.
    pub fn publish(&self, who: &Identity, from: Option<Slot>, message: Message) -> Published {
        let mut core = self.lock();
        self.publish_in(&mut core, who, from, message)
    }

    fn publish_in(&self, core: &mut Core, who: &Identity, from: Option<Slot>, message: Message) -> Published {
        let message = Arc::new(message);
        if !core.table.may_publish(who, &message.topic) {
            return Published::Forbidden;
        }
        core.counters.received += 1;
        let kept = !message.retain || self.retained().set(who.name(), &message.topic, message.clone());
        let mut hearers: Vec<(Slot, Hearing)> = Vec::new();
        core.matcher.each(&message.topic, &mut |slot, hearing| {
            if !(hearing.no_local && Some(slot) == from) {
                hearers.push((slot, hearing));
            }
        });
        // A session with overlapping filters hears a message once, at the best QoS.
        hearers.sort_by_key(|(slot, hearing)| (*slot, std::cmp::Reverse(hearing.qos)));
        hearers.dedup_by_key(|(slot, _)| *slot);
        let heard = !hearers.is_empty();
        for (slot, hearing) in hearers {
            if slot & ROUTED != 0 {
                if !self.fanout.publish(usize::try_from(slot & !ROUTED).unwrap_or(0), &message) {
                    self.broken.cancel();
                }
                continue;
            }
            let Some(session) = core.sessions.get_mut(&slot) else { continue };
            let qos = message.qos.min(hearing.qos);
            if qos == 0 && session.away_since.is_some() {
                continue;
            }
            let before = session.queue.dropped;
            session.queue.push(Queued { message: message.clone(), qos, retain: message.retain && hearing.retain_as_published, identifier: hearing.identifier });
            core.counters.dropped += session.queue.dropped - before;
            core.counters.delivered += 1;
            session.wake.notify_one();
        }
        match (kept, heard) {
            (false, _) => Published::NotKept,
            (true, true) => Published::Taken,
            (true, false) => Published::Unheard,
        }
    }

    /// Subscribes; gives a SUBACK code per ask. Retained messages are queued behind it.
    pub fn subscribe(self: &Arc<Self>, who: &Identity, attached: &Attached, asks: &[Ask], identifier: Option<u32>) -> Vec<u8> {
        let most = if *who == Identity::House { usize::MAX } else { self.limits.filters };
        asks.iter().enumerate().map(|(i, ask)| if i < most { self.subscribe_one(who, attached, ask, identifier) } else { 0x97 }).collect()
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
        // A device's own orders (`c/<id>/#`) are heard by one; links are for those who hear many.
        let link = if plain && is_wild(&ask.filter) && !ask.filter.starts_with("c/") && *who != Identity::House { self.fanout.link(&ask.filter) } else { None };
        let fresh = {
            let mut core = self.lock();
            let core = &mut *core;
            let allowed = core.table.may_subscribe(who, &ask.filter);
            let Some(session) = core.sessions.get_mut(&attached.slot).filter(|_| allowed) else {
                if let Some((link, _)) = link
                    && let Some(filter) = self.fanout.end(link)
                {
                    unlink(&mut core.matcher, &filter);
                }
                return 0x87;
            };
            let fresh = session.subscriptions.insert(ask.filter.clone(), hearing).is_none();
            if let Some(old) = session.links.remove(&ask.filter) {
                old.cancel();
            }
            match link {
                Some((link, number)) => {
                    core.matcher.remove(&ask.filter, attached.slot);
                    core.matcher.add(&ask.filter, ROUTED | number as Slot, hearing);
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
                    next = link.next() => next,
                    () = cut.cancelled() => break,
                };
                let Some(routed) = next else {
                    guard.broken.cancel();
                    return;
                };
                let message = Message { topic: routed.topic.as_str().into(), payload: routed.payload, qos: 0, retain: false, forward: routed.forward, expires: None };
                let mut core = guard.lock();
                let core = &mut *core;
                core.counters.dropped += routed.lost;
                if let Some(session) = core.sessions.get_mut(&slot) {
                    let before = session.queue.dropped;
                    session.queue.push(Queued { message: Arc::new(message), qos: 0, retain: false, identifier: None });
                    core.counters.dropped += session.queue.dropped - before;
                    core.counters.delivered += 1;
                    session.wake.notify_one();
                }
            }
            let mut core = guard.lock();
            if let Some(filter) = guard.fanout.end(link) {
                unlink(&mut core.matcher, &filter);
            }
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

/// Takes the router's own subscription to a filter out of the matcher.
fn unlink(matcher: &mut Matcher, filter: &str) {
    for number in 0..64 {
        matcher.remove(filter, ROUTED | number);
    }
}
