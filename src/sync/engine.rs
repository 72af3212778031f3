//! The village's half of the protocol as a pure state machine.
//!
//! Invariants: nothing is sent before the commune reported how far it is; at most
//! [`MAX_INFLIGHT_BATCHES`] batches of one stream are unanswered; acknowledgements of another
//! incarnation count for nothing; streams are sent in the order of their epochs, alarms first
//! within one, so that an old epoch is finished before its successor.

use std::collections::BTreeMap;

use crate::protocol::commune::{DownlinkMessage, Stream};
use crate::time::MonoMs;

/// Batches of one stream that may be unanswered.
pub const MAX_INFLIGHT_BATCHES: u64 = 2;
/// Without an answer for this long the exchange begins again with HELLO, ms.
pub const RESPONSE_TIMEOUT_MS: u64 = 10_000;

/// A stream with the first number that is still here and its last number.
pub type StreamRange = (Stream, u64, u64);

/// An action that the caller carries out for the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send HELLO with the streams that are here.
    Hello,
    /// Send records of a stream from this number on.
    Send {
        /// Stream.
        stream: Stream,
        /// Number of the first record.
        from: u64,
    },
    /// Report that records are no longer here.
    Gap {
        /// Stream.
        stream: Stream,
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
    },
    /// The commune has everything of this stream up to here.
    Received {
        /// Stream.
        stream: Stream,
        /// Number.
        applied: u64,
    },
}

#[derive(Debug, Clone, Default)]
struct StreamProgress {
    applied: u64,
    /// The last record of each unanswered batch.
    inflight: Vec<u64>,
}

/// The engine.
#[derive(Debug, Default)]
pub struct Engine {
    incarnation: Option<String>,
    lanes: BTreeMap<Stream, StreamProgress>,
    last_message_at: MonoMs,
    /// Since when answers to batches have been awaited.
    waiting_since: MonoMs,
    hello_sent: bool,
}

impl Engine {
    /// The link came up: begins with HELLO.
    pub fn connected(&mut self, now: MonoMs) -> Vec<Action> {
        self.incarnation = None;
        self.lanes.clear();
        self.last_message_at = now;
        self.hello_sent = true;
        vec![Action::Hello]
    }

    /// The link was lost.
    pub fn disconnected(&mut self) {
        self.incarnation = None;
        self.hello_sent = false;
        self.lanes.clear();
    }

    /// Handles a message of the commune. `offers` are the streams that are here now, in order of
    /// sending.
    pub fn handle_message(
        &mut self,
        down: &DownlinkMessage,
        offers: &[StreamRange],
        now: MonoMs,
    ) -> Vec<Action> {
        match down {
            DownlinkMessage::Resume {
                incarnation,
                applied,
                ..
            } => {
                self.last_message_at = now;
                self.incarnation = Some(incarnation.clone());
                // Only streams that were offered count, and no further than their last number. A
                // commune must not fill memory with invented streams, and it cannot have records
                // that are not written yet.
                let lasts: BTreeMap<&Stream, u64> =
                    offers.iter().map(|(s, _, last)| (s, *last)).collect();
                let applied: Vec<(&Stream, u64)> = applied
                    .iter()
                    .filter_map(|(s, n)| lasts.get(s).map(|last| (s, *n.min(last))))
                    .collect();
                self.lanes = applied
                    .iter()
                    .map(|(s, n)| {
                        (
                            (*s).clone(),
                            StreamProgress {
                                applied: *n,
                                inflight: Vec::new(),
                            },
                        )
                    })
                    .collect();
                let mut out: Vec<Action> = applied
                    .iter()
                    .map(|(s, n)| Action::Received {
                        stream: (*s).clone(),
                        applied: *n,
                    })
                    .collect();
                out.extend(self.next_sends(offers));
                out
            }
            DownlinkMessage::Ack {
                incarnation,
                stream,
                applied,
                hole,
            } => {
                if self.incarnation.as_ref() != Some(incarnation) {
                    // Another database answers. How far it is is not known before its RESUME.
                    return if self.incarnation.is_some() {
                        self.connected(now)
                    } else {
                        Vec::new()
                    };
                }
                let Some(last) = offers
                    .iter()
                    .find(|(o, ..)| o == stream)
                    .map(|(_, _, last)| *last)
                else {
                    return Vec::new();
                };
                self.last_message_at = now;
                let lane = self.lanes.entry(stream.clone()).or_default();
                // An older ACK may arrive late: `applied` never decreases.
                lane.applied = lane.applied.max((*applied).min(last));
                let applied = lane.applied;
                lane.inflight.retain(|last| *last > applied);
                if *hole {
                    lane.inflight.clear();
                }
                let mut out = vec![Action::Received {
                    stream: stream.clone(),
                    applied,
                }];
                out.extend(self.next_sends(offers));
                out
            }
            DownlinkMessage::Command { .. } | DownlinkMessage::Certificate { .. } => {
                self.last_message_at = now;
                Vec::new()
            }
        }
    }

    /// A standstill of the process ended: what the commune answered meanwhile is read only now.
    pub const fn begin_anew(&mut self, now: MonoMs) {
        self.last_message_at = now;
    }

    /// There may be new entries, or time passed.
    pub fn tick(&mut self, offers: &[StreamRange], now: MonoMs) -> Vec<Action> {
        let waits = self.hello_sent && self.incarnation.is_none()
            || self.lanes.values().any(|l| !l.inflight.is_empty());
        // Silence counts only from the moment at which an answer is awaited.
        if waits && now.since(self.last_message_at.max(self.waiting_since)) > RESPONSE_TIMEOUT_MS {
            return self.connected(now);
        }
        self.next_sends(offers)
    }

    /// A batch was handed to the MQTT client: records of `stream` up to `last`.
    pub fn sent(&mut self, stream: &Stream, last: u64, now: MonoMs) {
        if self.lanes.values().all(|l| l.inflight.is_empty()) {
            self.waiting_since = now;
        }
        self.lanes
            .entry(stream.clone())
            .or_default()
            .inflight
            .push(last);
    }

    /// The next action: for the first stream, in order, of which the commune does not have
    /// everything.
    fn next_sends(&mut self, offers: &[StreamRange]) -> Vec<Action> {
        if self.incarnation.is_none() {
            return Vec::new();
        }
        for (stream, first, last) in offers {
            let lane = self.lanes.entry(stream.clone()).or_default();
            let next = lane
                .inflight
                .last()
                .copied()
                .unwrap_or(lane.applied)
                .max(lane.applied)
                .saturating_add(1);
            if next > *last {
                if lane.inflight.is_empty() {
                    continue;
                }
                // This stream is finished before the next one begins, so that epochs stay in order.
                return Vec::new();
            }
            if next < *first {
                lane.inflight.push(first - 1);
                return vec![Action::Gap {
                    stream: stream.clone(),
                    from: next,
                    to: first - 1,
                }];
            }
            if (lane.inflight.len() as u64) < MAX_INFLIGHT_BATCHES {
                return vec![Action::Send {
                    stream: stream.clone(),
                    from: next,
                }];
            }
            return Vec::new();
        }
        Vec::new()
    }

    /// True when the commune has everything that is offered.
    #[must_use]
    pub fn is_complete(&self, offers: &[StreamRange]) -> bool {
        self.incarnation.is_some()
            && offers
                .iter()
                .all(|(s, _, last)| self.lanes.get(s).map_or(0, |l| l.applied) >= *last)
    }

    /// True when the commune has answered HELLO in this connection.
    #[must_use]
    pub const fn is_resumed(&self) -> bool {
        self.incarnation.is_some()
    }

    /// How far a stream is applied at the commune, as far as is known in this connection.
    #[must_use]
    pub fn applied(&self, stream: &Stream) -> u64 {
        self.lanes.get(stream).map_or(0, |l| l.applied)
    }
}
