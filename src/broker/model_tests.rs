//! The machine against a simple model of a broker: random histories of a few clients, with cuts,
//! time and restarts.
//!
//! The model keeps one list per client of what it must hear next, and knows nothing of tries,
//! windows, ledgers or slots. Not in it: shared subscriptions (who gets what is free), full queues,
//! permissions, budgets, message expiry, QoS 2 from clients (`inbound`, tests/wire,
//! tests/it/promises.rs), a disk that has half of a batch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::access::{Identity, Table};
use super::core::Core;
use super::ledger::restore::{Found, GRACE};
use super::message::Message;
use super::publish::Asker;
use super::queue::Out;
use super::session::{Attached, Opening, Peer};
use crate::domain::device::Account;
use crate::domain::id::DeviceId;
use crate::log::sim::Dice;
use crate::protocol::broker::{Class, Limits, Rule};
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::Ask;
use crate::protocol::mqtt::properties::Properties;
use crate::protocol::mqtt::topic::matches;
use crate::supervisor::clock::Clock;

const TOPICS: [&str; 6] = ["a", "a/b", "a/đ", "b", "a/b/c", "m/x"];
const FILTERS: [&str; 9] = ["a", "a/+", "a/#", "#", "+/b", "b", "+", "m/#", "a/b/c"];
const CLIENTS: usize = 4;

/// What a client must hear: topic, payload, QoS, retain flag, identifiers.
type Word = (String, String, u8, bool, Vec<u32>);

#[derive(Clone)]
struct Sub {
    qos: u8,
    no_local: bool,
    as_published: bool,
    identifier: Option<u32>,
}

#[derive(Default)]
struct Seat {
    subs: BTreeMap<String, Sub>,
    /// Topics whose retained message was asked for: QoS and identifiers.
    retained: BTreeMap<String, (u8, Vec<u32>)>,
    /// What waits, and whether a restart keeps it.
    waiting: VecDeque<(Word, bool)>,
    /// Sent, not acknowledged: none = PUBREC was given.
    flying: Vec<(u16, Option<Word>, u8, bool)>,
    /// What must come again first, by packet id.
    again: VecDeque<u16>,
    keep: Duration,
    left: Option<Instant>,
    will: Option<(Word, Duration)>,
    online: Option<Attached>,
    window: usize,
}

struct World {
    core: Core,
    records: Vec<Vec<u8>>,
    seats: BTreeMap<usize, Seat>,
    retained: BTreeMap<String, (String, u8)>,
    /// Wills that wait; true = because the broker died, not because their client wished so.
    due: BTreeMap<usize, (Instant, Word, bool)>,
    now: Instant,
    clock: Clock,
    count: u32,
    /// What happened, told when it goes wrong.
    trace: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.trace.join("\n"));
        }
    }
}

fn pick(dice: &mut Dice, of: usize) -> usize {
    usize::try_from(dice.roll() % of as u64).expect("small")
}

fn one_in(dice: &mut Dice, of: u64) -> bool {
    dice.roll().is_multiple_of(of)
}

fn level(dice: &mut Dice) -> u8 {
    u8::try_from(dice.roll() % 3).expect("small")
}

fn who() -> Identity {
    Identity::Account("a".into())
}

fn core(clock: &Clock) -> Core {
    let rules = vec![
        Rule {
            filter: "m/#".into(),
            class: Class::Memory,
        },
        Rule {
            filter: "#".into(),
            class: Class::Durable,
        },
    ];
    let wide = Limits {
        filters: 100,
        retained_per_device: 1_000,
        retained_bytes_per_device: 64 << 20,
        queued: 50_000,
        queued_bytes: 1 << 30,
        queued_all: 1 << 30,
        per_account: 100,
        ..Limits::default()
    };
    Core::new(wide, rules, clock.clone())
}

fn table() -> Table {
    Table::new(
        vec![Account {
            name: DeviceId::new("a").expect("a name"),
            secret_sha256: "00".into(),
            publish: vec!["#".into()],
            subscribe: vec!["#".into()],
        }],
        false,
    )
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(1_800_000_000_000);
        let mut core = core(&clock);
        core.set_table(table(), Instant::now());
        Self {
            core,
            records: Vec::new(),
            seats: BTreeMap::new(),
            retained: BTreeMap::new(),
            due: BTreeMap::new(),
            now: Instant::now(),
            clock,
            count: 0,
            trace: Vec::new(),
        }
    }

    /// The model publishes.
    fn said(&mut self, from: Option<usize>, (topic, payload, qos, retain, _): &Word) {
        self.trace.push(format!(
            "{from:?} says {topic} {payload:?} qos {qos} retain {retain}"
        ));
        if *retain {
            self.retained.remove(topic);
            if !payload.is_empty() {
                self.retained.insert(topic.clone(), (payload.clone(), *qos));
            }
        }
        for (client, seat) in &mut self.seats {
            let subs: Vec<&Sub> = seat
                .subs
                .iter()
                .filter(|(f, s)| matches(f, topic) && !(s.no_local && from == Some(*client)))
                .map(|(_, s)| s)
                .collect();
            let Some(best) = subs.iter().map(|s| s.qos).max() else {
                continue;
            };
            let level = best.min(*qos);
            if seat.online.is_none() && level == 0 {
                continue;
            }
            let mut identifiers: Vec<u32> = subs.iter().filter_map(|s| s.identifier).collect();
            identifiers.sort_unstable();
            let flag = *retain && subs.iter().any(|s| s.as_published);
            let kept = level > 0 && !seat.keep.is_zero() && !topic.starts_with("m/");
            seat.waiting.push_back((
                (topic.clone(), payload.clone(), level, flag, identifiers),
                kept,
            ));
        }
    }

    fn gone(&mut self, client: usize, polite: bool) {
        let Some(seat) = self.seats.get_mut(&client) else {
            return;
        };
        let Some(attached) = seat.online.take() else {
            return;
        };
        self.core.detach(&attached, polite, self.now);
        drop(attached);
        seat.retained.retain(|_, (qos, _)| *qos > 0);
        seat.waiting.retain(|(w, _)| w.2 > 0);
        seat.left = Some(self.now);
        let (will, keep) = (seat.will.take(), seat.keep);
        if let Some((word, delay)) = will.filter(|_| !polite) {
            match delay.min(keep) {
                Duration::ZERO => self.said(None, &word),
                delay => drop(self.due.insert(client, (self.now + delay, word, false))),
            }
        }
        if keep.is_zero() {
            self.over(client);
        }
    }

    /// A session ends; a will that waited is said.
    fn over(&mut self, client: usize) {
        self.trace.push(format!("{client} is over"));
        self.seats.remove(&client);
        if let Some((_, word, _)) = self.due.remove(&client) {
            self.said(None, &word);
        }
    }

    fn connect(&mut self, client: usize, dice: &mut Dice) {
        self.gone(client, false);
        let clean = one_in(dice, 3);
        let keep = Duration::from_secs([0, 40, 100_000][pick(dice, 3)]);
        let window = [1, 2, 20][pick(dice, 3)];
        let will = one_in(dice, 3).then(|| {
            let word = self.word(dice);
            (word, Duration::from_secs([0, 5][pick(dice, 2)]))
        });
        let said = will
            .as_ref()
            .map(|((topic, payload, qos, retain, _), delay)| Will {
                topic: topic.clone(),
                payload: payload.clone().into(),
                qos: *qos,
                retain: *retain,
                properties: Properties {
                    will_delay: u32::try_from(delay.as_secs()).ok(),
                    ..Properties::default()
                },
            });
        let opening = Opening {
            who: who(),
            client_id: client.to_string(),
            clean,
            keep_for: keep,
            window,
            credential: "00".into(),
            will: said,
            peer: Peer::default(),
        };
        let attached = self.core.attach(opening, self.now).expect("let in");
        if self.due.get(&client).is_some_and(|due| due.2) {
            self.due.remove(&client);
        }
        if clean && self.seats.contains_key(&client) {
            self.over(client);
        }
        self.trace.push(format!(
            "connected {client} clean {clean} keep {keep:?} present {}",
            attached.present
        ));
        assert_eq!(
            attached.present,
            self.seats.contains_key(&client),
            "session present"
        );
        self.due.remove(&client);
        let seat = self.seats.entry(client).or_default();
        seat.again = seat.flying.iter().map(|f| f.0).collect();
        (seat.keep, seat.window, seat.will, seat.left, seat.online) =
            (keep, window, will, None, Some(attached));
    }

    fn word(&mut self, dice: &mut Dice) -> Word {
        self.count += 1;
        let retain = one_in(dice, 3);
        let payload = if retain && one_in(dice, 4) {
            String::new()
        } else {
            self.count.to_string()
        };
        (
            TOPICS[pick(dice, 6)].to_owned(),
            payload,
            level(dice),
            retain,
            Vec::new(),
        )
    }

    fn publish(&mut self, client: usize, dice: &mut Dice) {
        let Some(slot) = self
            .seats
            .get(&client)
            .and_then(|s| s.online.as_ref())
            .map(|a| (a.slot, a.wake.clone()))
        else {
            return;
        };
        let word = self.word(dice);
        let message = Message {
            topic: word.0.as_str().into(),
            payload: word.1.as_bytes().into(),
            qos: word.2,
            retain: word.3,
            forward: bytes::Bytes::new(),
            expires: None,
        };
        let asker = Asker {
            wake: &slot.1,
            inbound: None,
        };
        self.core.publish(
            &who(),
            &Arc::from("a"),
            Some(slot.0),
            message,
            Some(&asker),
            self.now,
        );
        self.said(Some(client), &word);
    }

    fn subscribe(&mut self, client: usize, dice: &mut Dice) {
        let Some(seat) = self.seats.get_mut(&client) else {
            return;
        };
        let Some(attached) = &seat.online else { return };
        let filter = FILTERS[pick(dice, 9)];
        if one_in(dice, 4) {
            let (codes, _) = self.core.unsubscribe(attached, &[filter.to_owned()]);
            self.trace.push(format!("{client} unsubscribes {filter}"));
            assert_eq!(
                codes,
                [if seat.subs.remove(filter).is_some() {
                    0
                } else {
                    0x11
                }]
            );
            return;
        }
        let sub = Sub {
            qos: level(dice),
            no_local: one_in(dice, 4),
            as_published: one_in(dice, 2),
            identifier: one_in(dice, 2).then(|| u32::from(level(dice)) + 1),
        };
        let handling = level(dice);
        let ask = Ask {
            filter: filter.to_owned(),
            qos: sub.qos,
            no_local: sub.no_local,
            retain_as_published: sub.as_published,
            retain_handling: handling,
        };
        let (codes, _) = self
            .core
            .subscribe(attached, &[ask], sub.identifier, self.now);
        self.trace.push(format!(
            "{client} subscribes {filter} qos {} handling {handling} {:?}",
            sub.qos, sub.identifier
        ));
        assert_eq!(codes, [sub.qos]);
        let fresh = seat.subs.insert(filter.to_owned(), sub.clone()).is_none();
        if handling == 0 || handling == 1 && fresh {
            for topic in self.retained.keys().filter(|t| matches(filter, t)) {
                seat.retained.insert(
                    topic.clone(),
                    (sub.qos, sub.identifier.into_iter().collect()),
                );
            }
        }
    }

    /// The card takes what is owed.
    fn write(&mut self) {
        let batch = self.core.ledger.take(None, self.now, self.core.wall());
        self.core.settled(&batch);
        self.records.extend(batch.records);
    }

    /// The client takes what it is sent, and answers some of it.
    fn listen(&mut self, client: usize, dice: &mut Dice) {
        self.write();
        let (core, now) = (&mut self.core, self.now);
        let Some(seat) = self.seats.get_mut(&client) else {
            return;
        };
        let Some(slot) = seat.online.as_ref().map(|a| a.slot) else {
            return;
        };
        for _ in 0..dice.roll() % 12 {
            let kept = &self.retained;
            if seat.again.is_empty() {
                // What is not retained any more is passed over.
                while seat
                    .retained
                    .first_key_value()
                    .is_some_and(|(t, _)| !kept.contains_key(t))
                {
                    seat.retained.pop_first();
                }
            }
            let first = seat.retained.first_key_value().and_then(|(t, (qos, ids))| {
                kept.get(t).map(|(payload, said)| {
                    (
                        t.clone(),
                        payload.clone(),
                        (*qos).min(*said),
                        true,
                        ids.clone(),
                    )
                })
            });
            let Some(out) = core.next(slot, now) else {
                let blocked = seat.flying.len() - seat.again.len() >= seat.window;
                let next = first
                    .as_ref()
                    .map(|w| w.2)
                    .or(seat.waiting.front().map(|(w, _)| w.2));
                assert!(
                    seat.again.is_empty() && (next.is_none() || blocked && next > Some(0))
                        || !seat.again.is_empty() && blocked,
                    "client {client} waits for {next:?}: {:?} of {:?}, in flight {:?}, again {:?}, window {}",
                    core.session(slot).map(|s| s.queue.len()),
                    (seat.waiting.len(), seat.retained.len()),
                    seat.flying,
                    seat.again,
                    seat.window
                );
                break;
            };
            match out {
                Out::Release(id) => {
                    assert!(
                        seat.flying.iter().any(|f| f.0 == id && f.1.is_none()),
                        "PUBREL after PUBREC"
                    );
                    // Among releases the order of PUBREC counts, which the model does not keep.
                    seat.again.retain(|i| *i != id);
                }
                Out::Publish { id, item, again } => {
                    let mut identifiers = item.identifiers.to_vec();
                    identifiers.sort_unstable();
                    let came = (
                        item.message.topic.to_string(),
                        String::from_utf8_lossy(&item.message.payload).into_owned(),
                        item.qos,
                        item.retain,
                        identifiers,
                    );
                    if seat.again.front() == Some(&id) && id > 0 {
                        seat.again.pop_front();
                        let flying = seat.flying.iter().find(|f| f.0 == id).expect("in flight");
                        assert_eq!(flying.1.as_ref(), Some(&came), "again, the same");
                        assert!(again);
                        continue;
                    }
                    let (expected, kept) = match first {
                        Some(word) => {
                            seat.retained.pop_first();
                            (word, false)
                        }
                        None => seat.waiting.pop_front().unwrap_or_else(|| {
                            panic!("client {client} heard {came:?} that nobody said to it")
                        }),
                    };
                    assert_eq!(came, expected, "client {client}");
                    if id > 0 {
                        assert!(
                            !seat.flying.iter().any(|f| f.0 == id),
                            "packet id {id} is in use"
                        );
                        seat.flying.push((id, Some(came), item.qos, kept));
                        assert!(seat.flying.len() <= seat.window, "the window");
                    }
                }
            }
        }
        for _ in 0..dice.roll() % 8 {
            if seat.flying.is_empty() {
                break;
            }
            let at = pick(dice, seat.flying.len());
            let (id, word, qos, _) = seat.flying[at].clone();
            // Only what was sent on this connection is answered.
            if seat.again.contains(&id) {
                continue;
            }
            match (qos, word) {
                (1, _) => {
                    core.acknowledge(slot, id);
                    seat.flying.remove(at);
                }
                (_, Some(_)) => {
                    assert!(core.received(slot, id));
                    seat.flying[at].1 = None;
                    let batch = core.ledger.take(None, now, core.wall());
                    core.settled(&batch);
                    self.records.extend(batch.records);
                }
                (_, None) => {
                    core.completed(slot, id);
                    // PUBREL may not have been sent yet: then PUBCOMP came too early and says
                    // nothing.
                    if core.session(slot).is_some_and(|s| !s.queue.is_known(id)) {
                        seat.flying.remove(at);
                    }
                }
            }
        }
    }

    fn pass(&mut self, dice: &mut Dice) {
        let by = Duration::from_secs([1, 3, 30][pick(dice, 3)]);
        self.now += by;
        let due: Vec<usize> = self
            .due
            .iter()
            .filter(|(_, (at, ..))| *at <= self.now)
            .map(|(c, _)| *c)
            .collect();
        // In the machine's order: by the number of the session, which is unknown here; so one at a
        // time only.
        if due.len() > 1 {
            self.now -= by;
            return;
        }
        let over: Vec<usize> = self
            .seats
            .iter()
            .filter(|(_, s)| s.left.is_some_and(|t| t + s.keep <= self.now))
            .map(|(c, _)| *c)
            .collect();
        if over.len() + due.len() > 1 {
            self.now -= by;
            return;
        }
        self.clock.advance(by);
        self.core.tick(self.now);
        for client in due {
            if let Some((_, word, _)) = self.due.remove(&client) {
                self.said(None, &word);
            }
        }
        for client in over {
            self.over(client);
        }
    }

    /// The broker dies after its disk has everything, and comes again.
    fn restart(&mut self) {
        self.write();
        let online: Vec<usize> = self
            .seats
            .iter()
            .filter(|(_, s)| s.online.is_some())
            .map(|(c, _)| *c)
            .collect();
        // Two wills at one moment would be said in an order that the model does not know.
        if online
            .iter()
            .filter(|c| self.seats[c].will.is_some())
            .count()
            + self.due.len()
            > 1
        {
            return;
        }
        if self.records.len() > 200 {
            self.records = self
                .core
                .snapshot(self.now)
                .records()
                .chain([crate::broker::ledger::record::Record::End.encode()])
                .collect();
        }
        for client in online {
            let Some(seat) = self.seats.get_mut(&client) else {
                continue;
            };
            seat.online = None;
            seat.left = Some(self.now);
            if let Some((word, _)) = seat.will.take() {
                self.due.insert(client, (self.now + GRACE, word, true));
            }
        }
        for (at, ..) in self.due.values_mut() {
            *at = (*at).max(self.now + GRACE);
        }
        self.seats.retain(|_, s| !s.keep.is_zero());
        self.retained.retain(|topic, _| !topic.starts_with("m/"));
        for seat in self.seats.values_mut() {
            seat.retained.clear();
            seat.again.clear();
            // What was released stays so; what was in flight waits again, in its order.
            let (released, unsure): (Vec<_>, Vec<_>) = std::mem::take(&mut seat.flying)
                .into_iter()
                .filter(|f| f.3)
                .partition(|f| f.1.is_none());
            seat.flying = released;
            seat.waiting.retain(|(_, kept)| *kept);
            for (_, word, ..) in unsure.into_iter().rev() {
                seat.waiting.extend(word.map(|w| (w, true)));
                seat.waiting.rotate_right(1);
            }
        }
        self.core = core(&self.clock);
        Found::read(self.records.iter().map(Vec::as_slice)).restore(&mut self.core, self.now);
        self.core.set_table(table(), self.now);
    }
}

#[tokio::test(start_paused = true)]
async fn the_broker_does_what_the_model_does() {
    let steps = crate::log::sim::cases(100_000).max(100_000)
        * if std::env::var_os("CONGLANG_LONG").is_some() {
            100
        } else {
            1
        };
    let mut done = 0;
    let mut history = 0_u64;
    while done < steps {
        history += 1;
        let mut dice = Dice(history.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut world = World::new();
        for _ in 0..400 {
            let client = pick(&mut dice, CLIENTS);
            let act = dice.roll() % 40;
            if (37..=38).contains(&act) {
                world.trace.push(format!("{history}: act {act}"));
            }
            match act {
                0..=3 => world.connect(client, &mut dice),
                4 => world.gone(client, false),
                5 => world.gone(client, true),
                6..=11 => world.subscribe(client, &mut dice),
                12..=23 => world.publish(client, &mut dice),
                24..=36 => world.listen(client, &mut dice),
                37 => world.pass(&mut dice),
                38 => world.restart(),
                _ => world.write(),
            }
            done += 1;
            let queued: usize = world
                .core
                .sessions
                .iter()
                .flatten()
                .map(|s| s.queue.bytes)
                .sum();
            assert_eq!(
                queued, world.core.queued_bytes,
                "history {history}: bytes are counted right"
            );
        }
    }
}
