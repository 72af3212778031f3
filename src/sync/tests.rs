//! Both engines against each other over a link that loses, duplicates and reorders messages, with
//! crashes of both sides, a restored commune and trimmed history: nothing is lost, nothing is
//! applied twice, a number means one record.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::engine::{Action, Engine, StreamRange};
use crate::commune::engine::{Disposition, judge_batch, judge_gap};
use crate::domain::event::Lane;
use crate::protocol::commune::{Batch, DownlinkMessage, Stream, UplinkMessage, pack};
use crate::time::{MonoMs, WallMs};

/// The next step of a generated run.
#[derive(Debug, Clone)]
enum Step {
    Write(u8),
    VillageBoots,
    CommuneBoots,
    CommuneRestores,
    Trim(u8),
    Deliver(prop::sample::Index),
    Lose(prop::sample::Index),
    Double(prop::sample::Index),
    Time,
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..5).prop_map(Step::Write),
        1 => Just(Step::VillageBoots),
        1 => Just(Step::CommuneBoots),
        1 => Just(Step::CommuneRestores),
        1 => (1u8..4).prop_map(Step::Trim),
        20 => any::<prop::sample::Index>().prop_map(Step::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Step::Lose),
        2 => any::<prop::sample::Index>().prop_map(Step::Double),
        3 => Just(Step::Time),
        2 => Just(Step::Reconnect),
    ]
}

#[derive(Debug, Clone)]
enum Wire {
    Up(UplinkMessage),
    Down(DownlinkMessage),
}

type Store = BTreeMap<Stream, (u64, BTreeMap<u64, Vec<u8>>, Vec<(u64, u64)>)>;

#[derive(Default)]
struct World {
    epochs: u64,
    /// Every record ever durable in the village.
    written: BTreeMap<Stream, BTreeMap<u64, Vec<u8>>>,
    kept_from: BTreeMap<Stream, u64>,
    order: Vec<Stream>,
    engine: Engine,
    store: Store,
    backup: Store,
    incarnation: u64,
    wire: Vec<Wire>,
    now: MonoMs,
}

impl World {
    fn boot(&mut self) {
        self.epochs += 1;
        for lane in [Lane::Alarm, Lane::Log] {
            let stream = Stream {
                epoch: format!("{:032x}", self.epochs),
                lane,
            };
            self.written.insert(stream.clone(), BTreeMap::new());
            self.kept_from.insert(stream.clone(), 1);
            self.order.push(stream);
        }
        self.engine = Engine::default();
        let todo = self.engine.connected(self.now);
        self.act(todo);
    }

    fn offers(&self) -> Vec<StreamRange> {
        self.order
            .iter()
            .map(|s| {
                (
                    s.clone(),
                    self.kept_from[s],
                    self.written[s].keys().last().copied().unwrap_or(0),
                )
            })
            .filter(|(_, _, last)| *last > 0)
            .collect()
    }

    fn act(&mut self, todo: Vec<Action>) {
        for what in todo {
            match what {
                Action::Hello => self.wire.push(Wire::Up(UplinkMessage::Hello {
                    epoch: String::new(),
                    boot: 0,
                    streams: self.offers(),
                })),
                Action::Send { stream, from } => {
                    let records: Vec<(u64, Vec<u8>)> = self.written[&stream]
                        .range(from..)
                        .take(3)
                        .map(|(n, r)| (*n, r.clone()))
                        .collect();
                    let bytes: Vec<&[u8]> = records.iter().map(|(_, r)| r.as_slice()).collect();
                    let batch =
                        pack(stream.clone(), from, &bytes, BTreeMap::new()).expect("packed");
                    self.engine.sent(
                        &stream,
                        records.last().expect("asked for what is there").0,
                        self.now,
                    );
                    self.wire.push(Wire::Up(UplinkMessage::Batch(batch)));
                    let more = self.engine.tick(&self.offers(), self.now);
                    self.act(more);
                }
                Action::Gap { stream, from, to } => self.wire.push(Wire::Up(UplinkMessage::Gap {
                    stream,
                    from,
                    to,
                    reason: "trimmed".into(),
                })),
                Action::Received { stream, applied } => assert!(
                    self.store.get(&stream).is_none_or(|s| s.0 >= applied) || self.incarnation > 0
                ),
            }
        }
    }

    fn commune(&mut self, up: UplinkMessage) {
        let incarnation = self.incarnation.to_string();
        match up {
            UplinkMessage::Hello { streams, .. } => {
                let applied = streams
                    .into_iter()
                    .map(|(s, ..)| (s.clone(), self.store.get(&s).map_or(0, |x| x.0)))
                    .collect();
                self.wire.push(Wire::Down(DownlinkMessage::Resume {
                    incarnation,
                    applied,
                    now_ms: WallMs::default(),
                    sure: true,
                    known: None,
                    status: false,
                }));
            }
            UplinkMessage::Batch(batch) => {
                let stream = batch.stream.clone();
                let entry = self.store.entry(stream.clone()).or_default();
                let taken = judge_batch(&batch, entry.0);
                let hole = taken == Disposition::Ignore { hole: true };
                match taken {
                    Disposition::Append { records, applied } => {
                        for (n, bytes) in records {
                            assert!(
                                entry.1.insert(n, bytes).is_none(),
                                "a record is stored once"
                            );
                        }
                        entry.0 = applied;
                    }
                    Disposition::Ignore { .. } => {}
                    Disposition::Quarantine { why, .. } => panic!("{why}"),
                }
                self.wire.push(Wire::Down(DownlinkMessage::Ack {
                    incarnation,
                    stream,
                    applied: self.store.get(&batch.stream).map_or(0, |x| x.0),
                    hole,
                }));
            }
            UplinkMessage::Gap {
                stream, from, to, ..
            } => {
                let entry = self.store.entry(stream.clone()).or_default();
                if let Some(applied) = judge_gap(from, to, entry.0) {
                    entry.2.push((from.max(entry.0 + 1), to));
                    entry.0 = applied;
                }
                let applied = entry.0;
                self.wire.push(Wire::Down(DownlinkMessage::Ack {
                    incarnation,
                    stream,
                    applied,
                    hole: from > applied + 1,
                }));
            }
            UplinkMessage::Outcome { .. }
            | UplinkMessage::Status { .. }
            | UplinkMessage::Renew { .. }
            | UplinkMessage::Differs { .. } => {}
        }
    }

    fn deliver(&mut self, at: usize) {
        match self.wire.remove(at) {
            Wire::Up(up) => self.commune(up),
            Wire::Down(down) => {
                let todo = self.engine.handle_message(&down, &self.offers(), self.now);
                self.act(todo);
            }
        }
    }

    fn check(&self) {
        for (stream, (applied, records, gaps)) in &self.store {
            let truth = &self.written[stream];
            for (n, bytes) in records {
                assert_eq!(Some(bytes), truth.get(n), "a number means one record");
            }
            for n in 1..=*applied {
                assert!(
                    records.contains_key(&n) || gaps.iter().any(|(a, b)| (*a..=*b).contains(&n)),
                    "record {n} of {stream:?} is applied but neither there nor declared missing"
                );
            }
        }
    }

    fn take_step(&mut self, step: &Step) {
        match step.clone() {
            Step::Write(n) => {
                for i in 0..u64::from(n) {
                    let stream = self.order
                        [self.order.len() - 2 + usize::try_from(i % 2).expect("0 or 1")]
                    .clone();
                    let records = self.written.get_mut(&stream).expect("stream");
                    let number = records.len() as u64 + 1;
                    let record = serde_json::json!({
                        "lane": stream.lane, "lane_seq": number, "epoch": stream.epoch
                    });
                    records.insert(number, record.to_string().into_bytes());
                }
                let todo = self.engine.tick(&self.offers(), self.now);
                self.act(todo);
            }
            Step::VillageBoots => self.boot(),
            Step::CommuneBoots => self.wire.retain(|w| matches!(w, Wire::Down(_))),
            Step::CommuneRestores => {
                self.store = self.backup.clone();
                self.incarnation += 1;
            }
            Step::Trim(n) => {
                // Only records that the commune once had may be deleted; a restored commune may ask
                // for them again.
                let stream = self.order[0].clone();
                let have = self
                    .store
                    .get(&stream)
                    .map_or(0, |s| s.0)
                    .min(self.kept_from[&stream] + u64::from(n));
                let kept = self.kept_from.get_mut(&stream).expect("stream");
                *kept = (*kept).max(have);
                if self.incarnation.is_multiple_of(2) {
                    self.backup = self.store.clone();
                }
            }
            Step::Deliver(i) if !self.wire.is_empty() => self.deliver(i.index(self.wire.len())),
            Step::Lose(i) if !self.wire.is_empty() => {
                drop(self.wire.remove(i.index(self.wire.len())));
            }
            Step::Double(i) if !self.wire.is_empty() => {
                self.wire.push(self.wire[i.index(self.wire.len())].clone());
            }
            Step::Time => {
                self.now += 11_000;
                let todo = self.engine.tick(&self.offers(), self.now);
                self.act(todo);
            }
            Step::Reconnect => {
                self.wire.clear();
                self.engine.disconnected();
                let todo = self.engine.connected(self.now);
                self.act(todo);
            }
            Step::Deliver(_) | Step::Lose(_) | Step::Double(_) => {}
        }
    }
}

#[test]
fn a_fresh_boot_after_a_restored_commune_arrives() {
    let mut world = World::default();
    world.boot();
    for step in [Step::CommuneRestores, Step::VillageBoots, Step::Write(1)] {
        world.take_step(&step);
    }
    for n in 0..30 {
        if world.engine.is_complete(&world.offers()) {
            return;
        }
        println!("{n}: {:?} | {:?}", world.engine, world.wire);
        if world.wire.is_empty() {
            world.take_step(&Step::Time);
        } else {
            world.deliver(0);
        }
    }
    panic!("it never arrives");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_doubled_or_confused(steps in prop::collection::vec(step(), 1..300)) {
        let mut world = World::default();
        world.boot();
        for step in steps {
            world.take_step(&step);
            world.check();
        }
        // A commune restored from a backup is a new process, so the link begins anew too. From
        // there a link that loses nothing delivers everything.
        world.take_step(&Step::Reconnect);
        for _ in 0..2_000 {
            if world.engine.is_complete(&world.offers()) {
                break;
            }
            if world.wire.is_empty() {
                world.take_step(&Step::Time);
            } else {
                world.deliver(0);
            }
            world.check();
        }
        prop_assert!(world.engine.is_complete(&world.offers()), "everything arrives in the end");
        for (stream, records) in &world.written {
            let applied = world.store.get(stream).map_or(0, |s| s.0);
            prop_assert_eq!(applied, records.len() as u64);
        }
    }
}

#[test]
fn nonsense_of_the_commune_is_harmless() {
    let mut engine = Engine::default();
    let stream = Stream {
        epoch: "00".repeat(16),
        lane: Lane::Log,
    };
    let offers = vec![(stream.clone(), 1, 10)];
    engine.connected(MonoMs::START);
    for applied in [u64::MAX, 0, 5, u64::MAX - 1] {
        let down = DownlinkMessage::Resume {
            incarnation: "x".into(),
            applied: vec![(stream.clone(), applied)],
            now_ms: WallMs::MIN,
            sure: true,
            known: None,
            status: false,
        };
        engine.handle_message(&down, &offers, MonoMs::START);
        engine.handle_message(
            &DownlinkMessage::Ack {
                incarnation: "x".into(),
                stream: stream.clone(),
                applied,
                hole: true,
            },
            &offers,
            MonoMs::START,
        );
        engine.handle_message(
            &DownlinkMessage::Ack {
                incarnation: "y".into(),
                stream: stream.clone(),
                applied,
                hole: false,
            },
            &offers,
            MonoMs::START,
        );
        engine.tick(&offers, MonoMs::MAX);
    }
    let batch = Batch {
        stream,
        first: u64::MAX,
        count: u64::MAX,
        sha256: String::new(),
        records: String::new(),
        texts: BTreeMap::new(),
    };
    assert_eq!(judge_batch(&batch, 3), Disposition::Ignore { hole: false });
}
