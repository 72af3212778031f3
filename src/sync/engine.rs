//! The village's half of the protocol as a pure state machine.
//!
//! Invariants: nothing is sent before the commune said how far it is; at most [`WINDOW`] batches of
//! one stream are unanswered; what was acknowledged by another incarnation counts for nothing;
//! streams go in the order of their epochs, alarms first within one, so that an old epoch is
//! finished before its successor.

use std::collections::BTreeMap;

use crate::protocol::commune::{DownlinkMessage, Stream};

/// Batches of one stream that may be unanswered.
pub const MAX_INFLIGHT_BATCHES: u64 = 2;
/// Without an answer for so long everything begins again with HELLO, ms.
pub const RESPONSE_TIMEOUT_MS: u64 = 10_000;

/// What a stream has to offer: first kept and last number.
pub type StreamRange = (Stream, u64, u64);

/// What the engine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Say what there is.
    Hello,
    /// Send records of a stream from this number on.
    Send {
        /// Stream.
        stream: Stream,
        /// First record wanted.
        from: u64,
    },
    /// Tell that records are no longer there.
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
    last_message_at: u64,
    /// Since when an answer is waited for.
    waiting_since: u64,
    hello_sent: bool,
}

impl Engine {
    /// The link stands: begin.
    pub fn connected(&mut self, now_ms: u64) -> Vec<Action> {
        self.incarnation = None;
        self.lanes.clear();
        self.last_message_at = now_ms;
        self.hello_sent = true;
        vec![Action::Hello]
    }

    /// The link is gone.
    pub fn disconnected(&mut self) {
        self.incarnation = None;
        self.hello_sent = false;
        self.lanes.clear();
    }

    /// The commune said something. `offers` is what there is now, in order of sending.
    pub fn handle_message(
        &mut self,
        down: &DownlinkMessage,
        offers: &[StreamRange],
        now_ms: u64,
    ) -> Vec<Action> {
        match down {
            DownlinkMessage::Resume {
                incarnation,
                applied,
                ..
            } => {
                self.last_message_at = now_ms;
                self.incarnation = Some(incarnation.clone());
                // Only of what was offered, and no further than it goes: a commune cannot fill
                // memory with streams that it invents, nor have what is not written
                // yet.
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
                    // Another database answers: what it has is not known before it says so.
                    return if self.incarnation.is_some() {
                        self.connected(now_ms)
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
                self.last_message_at = now_ms;
                let lane = self.lanes.entry(stream.clone()).or_default();
                // An older word of the commune may come late: what is applied never falls.
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
                self.last_message_at = now_ms;
                Vec::new()
            }
        }
    }

    /// Something new may be there, or time passed.
    pub fn tick(&mut self, offers: &[StreamRange], now_ms: u64) -> Vec<Action> {
        let waits = self.hello_sent && self.incarnation.is_none()
            || self.lanes.values().any(|l| !l.inflight.is_empty());
        // Quiet before the question is not silence after it.
        if waits
            && now_ms.saturating_sub(self.last_message_at.max(self.waiting_since))
                > RESPONSE_TIMEOUT_MS
        {
            return self.connected(now_ms);
        }
        self.next_sends(offers)
    }

    /// A batch was handed to the truck: records of `stream` up to `last`.
    pub fn sent(&mut self, stream: &Stream, last: u64, now_ms: u64) {
        if self.lanes.values().all(|l| l.inflight.is_empty()) {
            self.waiting_since = now_ms;
        }
        self.lanes
            .entry(stream.clone())
            .or_default()
            .inflight
            .push(last);
    }

    /// What to send now: the first stream, in order, that has more than the commune.
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
                // Wait for this stream before the next one: the order of epochs is kept.
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

    /// True when the commune answers: it has said how far it is.
    #[must_use]
    pub const fn is_resumed(&self) -> bool {
        self.incarnation.is_some()
    }

    /// How far a stream is at the commune, as far as it said in this connection.
    #[must_use]
    pub fn applied(&self, stream: &Stream) -> u64 {
        self.lanes.get(stream).map_or(0, |l| l.applied)
    }
}
