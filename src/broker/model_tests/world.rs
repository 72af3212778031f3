//! The model beside the state machine: which sessions there are, what each must receive next, what
//! is retained, which wills wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::core::acl::{AccessControl, Identity};
use crate::broker::core::session::SessionHandle;
use crate::broker::core::state::BrokerState;
use crate::domain::account::Account;
use crate::domain::id::DeviceId;
use crate::log::sim::TestRng;
use crate::protocol::broker::{DurabilityClass, DurabilityRule, Limits};
use crate::protocol::mqtt::topic::matches;
use crate::protocol::mqtt::{PacketId, QoS};
use crate::supervisor::clock::Clock;

const TOPICS: [&str; 6] = ["a", "a/b", "a/đ", "b", "a/b/c", "m/x"];

/// A message that a client must receive: topic, payload, QoS, RETAIN flag, subscription
/// identifiers.
pub(super) type ModelMessage = (String, String, QoS, bool, Vec<u32>);

#[derive(Clone)]
pub(super) struct Sub {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) as_published: bool,
    pub(super) identifier: Option<u32>,
}

#[derive(Default)]
pub(super) struct ModelSession {
    pub(super) subs: BTreeMap<String, Sub>,
    /// Topics whose retained message was requested: QoS and identifiers.
    pub(super) retained: BTreeMap<String, (QoS, Vec<u32>)>,
    /// Queued messages, and whether they outlive a restart.
    pub(super) waiting: VecDeque<(ModelMessage, bool)>,
    /// Sent and not acknowledged, by packet identifier; no message = PUBREC was sent. Then QoS,
    /// and whether it outlives a restart.
    pub(super) inflight: Vec<(PacketId, Option<ModelMessage>, QoS, bool)>,
    /// Packet identifiers that must be sent again first.
    pub(super) resend: VecDeque<PacketId>,
    pub(super) expiry: Duration,
    pub(super) left_at: Option<Instant>,
    pub(super) will: Option<(ModelMessage, Duration)>,
    pub(super) online: Option<SessionHandle>,
    pub(super) window: usize,
}

pub(super) struct Model {
    pub(super) state: BrokerState,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) sessions: BTreeMap<usize, ModelSession>,
    pub(super) retained: BTreeMap<String, (String, QoS)>,
    /// Wills that wait; true = because the broker crashed, not because of their delay.
    pub(super) scheduled_wills: BTreeMap<usize, (Instant, ModelMessage, bool)>,
    pub(super) now: Instant,
    pub(super) clock: Clock,
    pub(super) count: u32,
    /// The history so far, printed when the test fails.
    pub(super) trace: Vec<String>,
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.trace.join("\n"));
        }
    }
}

pub(super) fn pick(dice: &mut TestRng, of: usize) -> usize {
    usize::try_from(dice.next_u64() % of as u64).expect("small")
}

pub(super) fn one_in(dice: &mut TestRng, of: u64) -> bool {
    dice.next_u64().is_multiple_of(of)
}

pub(super) fn up_to_2(dice: &mut TestRng) -> u8 {
    u8::try_from(dice.next_u64() % 3).expect("small")
}

pub(super) fn random_qos(dice: &mut TestRng) -> QoS {
    QoS::from_bits(up_to_2(dice)).expect("0, 1 or 2")
}

pub(super) fn identity() -> Identity {
    Identity::Account("a".into())
}

pub(super) fn new_state(clock: &Clock) -> BrokerState {
    let rules = vec![
        DurabilityRule {
            filter: "m/#".into(),
            class: DurabilityClass::Memory,
        },
        DurabilityRule {
            filter: "#".into(),
            class: DurabilityClass::Durable,
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
    BrokerState::new(wide, rules, clock.clone())
}

pub(super) fn table() -> AccessControl {
    AccessControl::new(
        vec![Account {
            name: DeviceId::new("a").expect("a name"),
            secret_sha256: "00".into(),
            publish: vec!["#".into()],
            subscribe: vec!["#".into()],
        }],
        false,
    )
}

impl Model {
    pub(super) fn new() -> Self {
        let clock = Clock::manual(1_800_000_000_000);
        let mut state = new_state(&clock);
        state.set_access(table(), Instant::now());
        Self {
            state,
            records: Vec::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            scheduled_wills: BTreeMap::new(),
            now: Instant::now(),
            clock,
            count: 0,
            trace: Vec::new(),
        }
    }

    /// The model publishes.
    pub(super) fn publish_in_model(
        &mut self,
        from: Option<usize>,
        (topic, payload, qos, retain, _): &ModelMessage,
    ) {
        self.trace.push(format!(
            "{from:?} says {topic} {payload:?} qos {qos:?} retain {retain}"
        ));
        if *retain {
            self.retained.remove(topic);
            if !payload.is_empty() {
                self.retained.insert(topic.clone(), (payload.clone(), *qos));
            }
        }
        for (client, seat) in &mut self.sessions {
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
            if seat.online.is_none() && level == QoS::AtMostOnce {
                continue;
            }
            let mut identifiers: Vec<u32> = subs.iter().filter_map(|s| s.identifier).collect();
            identifiers.sort_unstable();
            let flag = *retain && subs.iter().any(|s| s.as_published);
            let kept =
                level.is_acknowledged() && !seat.expiry.is_zero() && !topic.starts_with("m/");
            seat.waiting.push_back((
                (topic.clone(), payload.clone(), level, flag, identifiers),
                kept,
            ));
        }
    }

    pub(super) fn disconnect(&mut self, client: usize, polite: bool) {
        let Some(seat) = self.sessions.get_mut(&client) else {
            return;
        };
        let Some(attached) = seat.online.take() else {
            return;
        };
        self.state.disconnect(&attached, polite, self.now);
        drop(attached);
        seat.retained.retain(|_, (qos, _)| qos.is_acknowledged());
        seat.waiting.retain(|(w, _)| w.2.is_acknowledged());
        seat.left_at = Some(self.now);
        let (will, keep) = (seat.will.take(), seat.expiry);
        if let Some((word, delay)) = will.filter(|_| !polite) {
            match delay.min(keep) {
                Duration::ZERO => self.publish_in_model(None, &word),
                delay => drop(
                    self.scheduled_wills
                        .insert(client, (self.now + delay, word, false)),
                ),
            }
        }
        if keep.is_zero() {
            self.end_session(client);
        }
    }

    /// A session ends; a will that waited is published.
    pub(super) fn end_session(&mut self, client: usize) {
        self.trace.push(format!("{client} is over"));
        self.sessions.remove(&client);
        if let Some((_, word, _)) = self.scheduled_wills.remove(&client) {
            self.publish_in_model(None, &word);
        }
    }

    pub(super) fn random_message(&mut self, dice: &mut TestRng) -> ModelMessage {
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
            random_qos(dice),
            retain,
            Vec::new(),
        )
    }

    /// Writes all pending changes.
    pub(super) fn write(&mut self) {
        let batch = self
            .state
            .persistence
            .take_batch(None, self.now, self.state.wall_s());
        self.state.on_batch_written(&batch);
        self.records.extend(batch.records);
    }
}
