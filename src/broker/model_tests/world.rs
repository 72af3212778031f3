//! The model beside the machine: who has a seat, what each must hear next, what is retained, which
//! wills wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::access::{Identity, Table};
use crate::broker::core::Core;
use crate::broker::session::Attached;
use crate::domain::device::Account;
use crate::domain::id::DeviceId;
use crate::log::sim::Dice;
use crate::protocol::broker::{Class, Limits, Rule};
use crate::protocol::mqtt::topic::matches;
use crate::supervisor::clock::Clock;

const TOPICS: [&str; 6] = ["a", "a/b", "a/đ", "b", "a/b/c", "m/x"];

/// What a client must hear: topic, payload, QoS, retain flag, identifiers.
pub(super) type Word = (String, String, u8, bool, Vec<u32>);

#[derive(Clone)]
pub(super) struct Sub {
    pub(super) qos: u8,
    pub(super) no_local: bool,
    pub(super) as_published: bool,
    pub(super) identifier: Option<u32>,
}

#[derive(Default)]
pub(super) struct Seat {
    pub(super) subs: BTreeMap<String, Sub>,
    /// Topics whose retained message was asked for: QoS and identifiers.
    pub(super) retained: BTreeMap<String, (u8, Vec<u32>)>,
    /// What waits, and whether a restart keeps it.
    pub(super) waiting: VecDeque<(Word, bool)>,
    /// Sent, not acknowledged: none = PUBREC was given.
    pub(super) flying: Vec<(u16, Option<Word>, u8, bool)>,
    /// What must come again first, by packet id.
    pub(super) again: VecDeque<u16>,
    pub(super) keep: Duration,
    pub(super) left: Option<Instant>,
    pub(super) will: Option<(Word, Duration)>,
    pub(super) online: Option<Attached>,
    pub(super) window: usize,
}

pub(super) struct World {
    pub(super) core: Core,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) seats: BTreeMap<usize, Seat>,
    pub(super) retained: BTreeMap<String, (String, u8)>,
    /// Wills that wait; true = because the broker died, not because their client wished so.
    pub(super) due: BTreeMap<usize, (Instant, Word, bool)>,
    pub(super) now: Instant,
    pub(super) clock: Clock,
    pub(super) count: u32,
    /// What happened, told when it goes wrong.
    pub(super) trace: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.trace.join("\n"));
        }
    }
}

pub(super) fn pick(dice: &mut Dice, of: usize) -> usize {
    usize::try_from(dice.roll() % of as u64).expect("small")
}

pub(super) fn one_in(dice: &mut Dice, of: u64) -> bool {
    dice.roll().is_multiple_of(of)
}

pub(super) fn level(dice: &mut Dice) -> u8 {
    u8::try_from(dice.roll() % 3).expect("small")
}

pub(super) fn who() -> Identity {
    Identity::Account("a".into())
}

pub(super) fn core(clock: &Clock) -> Core {
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

pub(super) fn table() -> Table {
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
    pub(super) fn new() -> Self {
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
    pub(super) fn said(&mut self, from: Option<usize>, (topic, payload, qos, retain, _): &Word) {
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

    pub(super) fn gone(&mut self, client: usize, polite: bool) {
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
    pub(super) fn over(&mut self, client: usize) {
        self.trace.push(format!("{client} is over"));
        self.seats.remove(&client);
        if let Some((_, word, _)) = self.due.remove(&client) {
            self.said(None, &word);
        }
    }

    pub(super) fn word(&mut self, dice: &mut Dice) -> Word {
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

    /// The card takes what is owed.
    pub(super) fn write(&mut self) {
        let batch = self.core.ledger.take(None, self.now, self.core.wall());
        self.core.settled(&batch);
        self.records.extend(batch.records);
    }
}
