//! The clients' actions, on the state machine and on the model: they connect, publish, subscribe,
//! and check what they receive.

use std::sync::Arc;
use std::time::Duration;

use super::world::{Model, Sub, identity, one_in, pick, random_qos, up_to_2};
use crate::broker::core::message::Message;
use crate::broker::core::publish::AckRequest;
use crate::broker::core::queue::Outgoing;
use crate::broker::core::session::{ConnectRequest, ConnectionInfo};
use crate::broker::core::subscriptions::Slot;
use crate::log::sim::TestRng;
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::{RetainHandling, SubscriptionRequest};
use crate::protocol::mqtt::properties::Properties;
use crate::protocol::mqtt::topic::matches;
use crate::protocol::mqtt::{QoS, ReasonCode};

const FILTERS: [&str; 9] = ["a", "a/+", "a/#", "#", "+/b", "b", "+", "m/#", "a/b/c"];

impl Model {
    pub(super) fn connect(&mut self, client: usize, dice: &mut TestRng) {
        self.disconnect(client, false);
        let clean = one_in(dice, 3);
        let keep = Duration::from_secs([0, 40, 100_000][pick(dice, 3)]);
        let window = [1, 2, 20][pick(dice, 3)];
        let will = one_in(dice, 3).then(|| {
            let word = self.random_message(dice);
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
        let opening = ConnectRequest {
            identity: identity(),
            client_id: client.to_string(),
            clean_start: clean,
            expiry_interval: keep,
            receive_maximum: window,
            credential: "00".into(),
            will: said,
            peer: ConnectionInfo::default(),
        };
        let attached = self.state.connect(opening, self.now).expect("let in");
        if self.scheduled_wills.get(&client).is_some_and(|due| due.2) {
            self.scheduled_wills.remove(&client);
        }
        if clean && self.sessions.contains_key(&client) {
            self.end_session(client);
        }
        self.trace.push(format!(
            "connected {client} clean {clean} keep {keep:?} present {}",
            attached.session_present
        ));
        assert_eq!(
            attached.session_present,
            self.sessions.contains_key(&client),
            "session present"
        );
        self.scheduled_wills.remove(&client);
        let seat = self.sessions.entry(client).or_default();
        seat.resend = seat.inflight.iter().map(|f| f.0).collect();
        (
            seat.expiry,
            seat.window,
            seat.will,
            seat.left_at,
            seat.online,
        ) = (keep, window, will, None, Some(attached));
    }

    pub(super) fn publish(&mut self, client: usize, dice: &mut TestRng) {
        let Some(slot) = self
            .sessions
            .get(&client)
            .and_then(|s| s.online.as_ref())
            .map(|a| (a.slot, a.wake.clone()))
        else {
            return;
        };
        let word = self.random_message(dice);
        let message = Message {
            topic: word.0.as_str().into(),
            payload: word.1.as_bytes().into(),
            qos: word.2,
            retain: word.3,
            forwarded_properties: bytes::Bytes::new(),
            expires_at: None,
        };
        let asker = AckRequest {
            wake: &slot.1,
            qos2_packet_id: None,
        };
        self.state.publish(
            &identity(),
            &Arc::from("a"),
            Some(slot.0),
            message,
            Some(&asker),
            self.now,
        );
        self.publish_in_model(Some(client), &word);
    }

    pub(super) fn subscribe(&mut self, client: usize, dice: &mut TestRng) {
        let Some(seat) = self.sessions.get_mut(&client) else {
            return;
        };
        let Some(attached) = &seat.online else { return };
        let filter = FILTERS[pick(dice, 9)];
        if one_in(dice, 4) {
            let (codes, _) = self.state.unsubscribe(attached, &[filter.to_owned()]);
            self.trace.push(format!("{client} unsubscribes {filter}"));
            assert_eq!(
                codes,
                [if seat.subs.remove(filter).is_some() {
                    ReasonCode::SUCCESS
                } else {
                    ReasonCode::NO_SUBSCRIPTION_EXISTED
                }]
            );
            return;
        }
        let sub = Sub {
            qos: random_qos(dice),
            no_local: one_in(dice, 4),
            as_published: one_in(dice, 2),
            identifier: one_in(dice, 2).then(|| u32::from(up_to_2(dice)) + 1),
        };
        let handling = up_to_2(dice);
        let ask = SubscriptionRequest {
            filter: filter.to_owned(),
            qos: sub.qos,
            no_local: sub.no_local,
            retain_as_published: sub.as_published,
            retain_handling: RetainHandling::from_bits(handling).expect("0, 1 or 2"),
        };
        let (codes, _) = self
            .state
            .subscribe(attached, &[ask], sub.identifier, self.now);
        self.trace.push(format!(
            "{client} subscribes {filter} qos {:?} handling {handling} {:?}",
            sub.qos, sub.identifier
        ));
        assert_eq!(codes, [ReasonCode::granted(sub.qos)]);
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

    /// The client takes some of what is sent to it, and acknowledges some of it.
    pub(super) fn receive(&mut self, client: usize, dice: &mut TestRng) {
        self.write();
        let online = self.sessions.get(&client).and_then(|s| s.online.as_ref());
        if let Some(slot) = online.map(|a| a.slot) {
            self.take_deliveries(client, slot, dice);
            self.acknowledge(client, slot, dice);
        }
    }

    /// Takes some of what is sent, and compares it with the model.
    fn take_deliveries(&mut self, client: usize, slot: Slot, dice: &mut TestRng) {
        let (core, now) = (&mut self.state, self.now);
        let Some(seat) = self.sessions.get_mut(&client) else {
            return;
        };
        for _ in 0..dice.next_u64() % 12 {
            let kept = &self.retained;
            if seat.resend.is_empty() {
                // Topics that are not retained any more are skipped.
                while seat
                    .retained
                    .first_key_value()
                    .is_some_and(|(t, _)| !kept.contains_key(t))
                {
                    seat.retained.pop_first();
                }
            }
            let first = seat.retained.first_key_value().and_then(|(t, (qos, ids))| {
                let (payload, said) = kept.get(t)?;
                let qos = (*qos).min(*said);
                Some((t.clone(), payload.clone(), qos, true, ids.clone()))
            });
            let Some(out) = core.next_outgoing(slot, now) else {
                let blocked = seat.inflight.len() - seat.resend.len() >= seat.window;
                let next = first
                    .as_ref()
                    .map(|w| w.2)
                    .or(seat.waiting.front().map(|(w, _)| w.2));
                assert!(
                    seat.resend.is_empty()
                        && (next.is_none() || blocked && next > Some(QoS::AtMostOnce))
                        || !seat.resend.is_empty() && blocked,
                    "client {client} waits for {next:?}: {:?} of {:?}, in flight {:?}, again {:?}, \
                     window {}",
                    core.session(slot).map(|s| s.queue().len()),
                    (seat.waiting.len(), seat.retained.len()),
                    seat.inflight,
                    seat.resend,
                    seat.window
                );
                break;
            };
            match out {
                Outgoing::PubRel(id) => {
                    assert!(
                        seat.inflight.iter().any(|f| f.0 == id && f.1.is_none()),
                        "PUBREL after PUBREC"
                    );
                    // Several PUBREL go out in the order of their PUBREC, which the model does not
                    // record.
                    seat.resend.retain(|i| *i != id);
                }
                Outgoing::Publish {
                    id,
                    item,
                    dup: again,
                } => {
                    let mut identifiers = item.subscription_ids.to_vec();
                    identifiers.sort_unstable();
                    let came = (
                        item.message.topic.to_string(),
                        String::from_utf8_lossy(&item.message.payload).into_owned(),
                        item.qos,
                        item.retain,
                        identifiers,
                    );
                    if id.is_some_and(|id| seat.resend.front() == Some(&id)) {
                        seat.resend.pop_front();
                        let flying = seat
                            .inflight
                            .iter()
                            .find(|f| Some(f.0) == id)
                            .expect("in flight");
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
                    if let Some(id) = id {
                        assert!(
                            !seat.inflight.iter().any(|f| f.0 == id),
                            "packet id {id:?} is in use"
                        );
                        seat.inflight.push((id, Some(came), item.qos, kept));
                        assert!(seat.inflight.len() <= seat.window, "the window");
                    }
                }
            }
        }
    }

    /// Acknowledges some of what was sent on this connection.
    fn acknowledge(&mut self, client: usize, slot: Slot, dice: &mut TestRng) {
        let (core, now) = (&mut self.state, self.now);
        let Some(seat) = self.sessions.get_mut(&client) else {
            return;
        };
        for _ in 0..dice.next_u64() % 8 {
            if seat.inflight.is_empty() {
                break;
            }
            let at = pick(dice, seat.inflight.len());
            let (id, word, qos, _) = seat.inflight[at].clone();
            // Only what was sent on this connection is acknowledged.
            if seat.resend.contains(&id) {
                continue;
            }
            match (qos, word) {
                (QoS::AtLeastOnce, _) => {
                    core.on_puback(slot, id);
                    seat.inflight.remove(at);
                }
                (_, Some(_)) => {
                    assert!(core.on_pubrec(slot, id));
                    seat.inflight[at].1 = None;
                    let batch = core.persistence.take_batch(None, now, core.wall_s());
                    core.on_batch_written(&batch);
                    self.records.extend(batch.records);
                }
                (_, None) => {
                    core.on_pubcomp(slot, id);
                    // If PUBREL was not sent yet, this PUBCOMP came too early and has no effect.
                    if core
                        .session(slot)
                        .is_some_and(|s| !s.queue().is_inflight(id))
                    {
                        seat.inflight.remove(at);
                    }
                }
            }
        }
    }
}
