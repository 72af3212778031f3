//! What a client says, packet by packet.
//!
//! Invariant: who says more than it may is slowed first. `inbound_publish` takes its messages,
//! `replies` answers.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::client::{Client, Pause, Stop, What};
use crate::domain::words;
use crate::protocol::mqtt::packet::{self, Packet};
use crate::protocol::mqtt::{frame, say};

/// A packet that says more than it may in this time is cut.
const FLOOD_S: u32 = 10;
/// Packets handled at once before others have their turn.
const TURN: usize = 1_024;

impl<S> Client<S> {
    /// So many bytes came.
    pub(super) fn pay_bytes(&mut self, bytes: usize) {
        self.traffic.bytes_in += bytes as u64;
        if let Some(rate) = &self.rate {
            let now = Instant::now();
            let pause = rate
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .bytes
                .take(bytes as f64, now);
            self.read_after = self.read_after.max(now + pause);
        }
    }

    /// So many messages are said. What one packet may never say is not paid by those who share the
    /// rate.
    fn pay_messages(&mut self, count: usize, now: Instant) -> Result<(), Stop> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        if count as f64 > f64::from(self.guard.limits.messages_per_second) * f64::from(FLOOD_S) {
            return Err(Stop::Cut(0x96, "it says more than it may"));
        }
        let pause = rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .messages
            .take(count as f64, now);
        self.read_after = self.read_after.max(now + pause);
        Ok(())
    }

    /// Handles the whole packets in the input.
    pub(super) fn frames(&mut self) -> Result<Pause, Stop> {
        if self.input.is_empty() {
            return Ok(Pause::Dry);
        }
        let now = Instant::now();
        for _ in 0..TURN {
            if self.read_after > now {
                return Ok(Pause::Held);
            }
            if self.is_full() {
                return Ok(Pause::Full);
            }
            if std::mem::take(&mut self.pressed) {
                return Ok(Pause::Pressed);
            }
            let Some(frame) = frame::take(&mut self.input, self.guard.limits.packet)? else {
                return Ok(Pause::Dry);
            };
            let packet = packet::read(self.with.version, frame)?;
            self.heard_at = now;
            self.traffic.packets_in += 1;
            let cost = match &packet {
                Packet::Subscribe(s) => s.asks.len(),
                Packet::Unsubscribe { filters, .. } => filters.len(),
                _ => 1,
            };
            // What answers a delivery costs nothing: the broker began it.
            let answers = matches!(
                packet,
                Packet::PubAck(_) | Packet::PubRec(..) | Packet::PubComp(_) | Packet::PubRel(_)
            );
            if !answers {
                self.pay_messages(cost, now)?;
            }
            self.handle(packet, now)?;
        }
        Ok(Pause::Pressed)
    }

    /// An answer with so many codes that the client does not take it is not said [MQTT5-3.1.2-24];
    /// then nothing is done either.
    fn can_answer(&self, codes: usize) -> Result<(), Stop> {
        if say::suback_len(self.with.version, codes) > self.with.largest {
            return Err(Stop::Cut(
                0x95,
                "it takes no packet as large as the answer to what it asked",
            ));
        }
        Ok(())
    }

    fn handle(&mut self, packet: Packet, now: Instant) -> Result<(), Stop> {
        let slot = self.with.attached.slot;
        match packet {
            Packet::Publish(publish) => self.publish(publish, now)?,
            Packet::PubAck(id) => self.guard.lock().acknowledge(slot, id),
            Packet::PubRec(id, reason) if reason >= 0x80 => self.guard.lock().refuse(slot, id),
            Packet::PubRec(id, _) => {
                let known = self.guard.lock().received(slot, id);
                if !known {
                    say::ack(&mut self.output, self.with.version, 6, id, 0x92);
                }
            }
            Packet::PubComp(id) => self.guard.lock().completed(slot, id),
            Packet::PubRel(id) => {
                self.unreleased.remove(&id);
                let (known, receipt) =
                    self.guard
                        .lock()
                        .release(slot, id, &self.with.attached.wake);
                if !known {
                    self.pay_messages(1, now)?;
                }
                self.say(
                    What::Ack {
                        kind: 7,
                        id,
                        reason: if known { 0 } else { 0x92 },
                    },
                    receipt,
                );
            }
            Packet::Subscribe(subscribe) => {
                self.can_answer(subscribe.asks.len())?;
                let (codes, receipt) = self.guard.lock().subscribe(
                    &self.with.attached,
                    &subscribe.asks,
                    subscribe.identifier,
                    now,
                );
                for (ask, code) in subscribe.asks.iter().zip(&codes).filter(|(_, c)| **c > 2) {
                    let why = match code {
                        0x87 => "it subscribed outside of its permission",
                        0x97 => {
                            "it has more filters than allowed, or too much of it waits for the card"
                        }
                        _ => "its filter is not one, or longer or deeper than allowed",
                    };
                    let filter = words::line(&ask.filter, 100);
                    self.guard.refused(
                        self.with.who.remembered(),
                        &self.with.address,
                        &format!("{why}: {filter}"),
                    );
                }
                self.say(
                    What::Codes {
                        kind: 9,
                        id: subscribe.id,
                        codes,
                    },
                    receipt,
                );
            }
            Packet::Unsubscribe { id, filters } => {
                self.can_answer(filters.len())?;
                let (codes, receipt) = self.guard.lock().unsubscribe(&self.with.attached, &filters);
                self.say(
                    What::Codes {
                        kind: 11,
                        id,
                        codes,
                    },
                    receipt,
                );
            }
            Packet::Ping => self.pongs += 1,
            Packet::Disconnect {
                reason,
                session_expiry,
            } => {
                if let Some(seconds) = session_expiry {
                    if self.with.granted_expiry == 0 && seconds > 0 {
                        return Err(Stop::Cut(
                            0x82,
                            "a session that was not to be kept cannot be kept now",
                        ));
                    }
                    self.guard.lock().keep_for(&self.with.attached, seconds);
                }
                // Only a normal goodbye takes the will with it [MQTT-3.14.4-3].
                return Err(if reason == 0 {
                    Stop::Polite
                } else {
                    Stop::PoliteWithWill
                });
            }
        }
        Ok(())
    }
}
