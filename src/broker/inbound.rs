//! What a client says, packet by packet, and the answers to it.
//!
//! Invariants: an answer is never before what it promises (`Receipt`), and never before an earlier
//! answer; QoS 2 is taken once; who leaves more unfinished than agreed is cut, who says more than
//! it may is slowed first.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::{Client, Pause, Stop};
use super::ledger::Receipt;
use super::message::Message;
use super::publish::{Asker, Published};
use super::queue::{Held, Hold};
use crate::domain::words;
use crate::protocol::mqtt::packet::{self, Packet, Publish};
use crate::protocol::mqtt::topic::fits;
use crate::protocol::mqtt::{Version, frame, say};

/// A packet that says more than it may in this time is cut.
const FLOOD_S: u32 = 10;
/// Packets handled at once before others have their turn.
const TURN: usize = 1_024;
/// Answers that may wait for the card; beyond them the client is not read. 3.1.1 has no receive
/// maximum.
const ANSWERS_MAX: usize = 1_024;
/// A 3.1.1 client, which cannot be told that the card fails, goes on unanswered for so long before
/// it is cut: until then it still hears its orders.
const UNANSWERED: Duration = Duration::from_secs(30);
/// QoS 2 messages that a session may leave unreleased, over all its connections.
const UNRELEASED_MAX: usize = 1_024;

/// Why it is cut then.
pub(super) const UNKEPT: &str = "the card does not take what must be kept";

/// An answer that may have to wait.
pub(super) struct Answer {
    receipt: Option<Arc<Receipt>>,
    what: What,
}

enum What {
    /// PUBACK (4), PUBREC (5) or PUBCOMP (7).
    Ack { kind: u8, id: u16, reason: u8 },
    /// SUBACK (9) or UNSUBACK (11).
    Codes { kind: u8, id: u16, codes: Vec<u8> },
}

impl<S> Client<S> {
    /// True while too many answers wait for the card.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= ANSWERS_MAX
    }

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

    /// The topic of a publish, through its alias if it has one.
    fn topic(&mut self, p: &Publish) -> Result<Box<str>, Stop> {
        let Some(alias) = p.properties.topic_alias else {
            return Ok(p.topic.as_str().into());
        };
        if alias > self.guard.limits.aliases {
            return Err(Stop::Cut(0x94, "a topic alias beyond the agreed number"));
        }
        if p.topic.is_empty() {
            return self
                .aliases_in
                .get(&alias)
                .cloned()
                .ok_or(Stop::Cut(0x82, "a topic alias that stands for nothing"));
        }
        if !fits(
            &p.topic,
            self.guard.limits.topic_bytes,
            self.guard.limits.topic_levels,
        ) {
            return Err(Stop::Cut(0x90, "a topic longer or deeper than allowed"));
        }
        self.aliases_in.insert(alias, p.topic.as_str().into());
        Ok(p.topic.as_str().into())
    }

    fn publish(&mut self, p: Publish, now: Instant) -> Result<(), Stop> {
        let v5 = self.with.version == Version::V5;
        let topic = self.topic(&p)?;
        let unanswered = || {
            self.answers
                .iter()
                .filter(|a| matches!(a.what, What::Ack { kind: 4, .. }))
                .count()
        };
        if p.qos > 0
            && v5
            && !self.unreleased.contains(&p.id)
            && self.unreleased.len() + unanswered()
                >= usize::from(self.guard.limits.receive_maximum)
        {
            return Err(Stop::Cut(
                0x93,
                "it leaves more messages unfinished than agreed",
            ));
        }
        if p.properties.is_text && std::str::from_utf8(&p.payload).is_err() {
            return match p.qos {
                0 => Err(Stop::Cut(
                    0x99,
                    "a payload says that it is text, and is not UTF-8",
                )),
                qos => {
                    self.say(
                        What::Ack {
                            kind: 3 + qos,
                            id: p.id,
                            reason: 0x99,
                        },
                        None,
                    );
                    Ok(())
                }
            };
        }
        let expires = p
            .properties
            .message_expiry
            .map(|s| now + Duration::from_secs(u64::from(s)));
        let message = Message {
            topic,
            payload: p.payload.as_ref().into(),
            qos: p.qos,
            retain: p.retain,
            forward: p.properties.forward,
            expires,
        };
        let guard = self.guard.clone();
        let mut core = guard.lock();
        let slot = self.with.attached.slot;
        if p.qos == 2 {
            if core.leaves_too_much(slot, p.id, UNRELEASED_MAX) {
                return Err(Stop::Cut(0x93, "it leaves too many messages unreleased"));
            }
            let held = core
                .session(slot)
                .and_then(|s| s.received.get(&p.id).cloned());
            // Known: its sender did not hear PUBREC [MQTT-4.3.3]. Without DUP it is another message
            // whose predecessor's end the disk did not see.
            // Released already: its successor.
            if let Some(held) = held
                .filter(|held| held.hold != Hold::Over && (held.hold != Hold::FromDisk || p.dup))
            {
                // What the first PUBREC waits for, this one waits for too; what the card refused is
                // tried again.
                let mut receipt = held.receipt.filter(|r| r.outcome() != Some(true));
                if receipt.as_ref().is_some_and(|r| r.outcome() == Some(false)) {
                    receipt = core.hold_again(slot, p.id, &self.with.attached.wake);
                }
                drop(core);
                self.unreleased.insert(p.id);
                self.say(
                    What::Ack {
                        kind: 5,
                        id: p.id,
                        reason: 0,
                    },
                    receipt,
                );
                return Ok(());
            }
        }
        let asker = Asker {
            wake: &self.with.attached.wake,
            inbound: (p.qos == 2).then_some(p.id),
        };
        let taken = core.publish(
            &self.with.who,
            &self.owner,
            Some(slot),
            message,
            Some(&asker),
            now,
        );
        let reason = match taken.what {
            Published::Taken => 0,
            Published::Unheard => 0x10,
            Published::Forbidden => 0x87,
            Published::Unfit => 0x90,
            Published::NotKept | Published::Indebted => 0x97,
        };
        if taken.what == Published::Indebted && !v5 {
            return Err(Stop::Cut(
                0x97,
                "the card has so much of this account to write that it must wait",
            ));
        }
        if p.qos == 2 {
            match taken.what {
                // A 3.1.1 client cannot be told: it goes on as if it had been taken.
                Published::Forbidden | Published::Unfit if !v5 => {
                    if let Some(session) = core.session(slot) {
                        session.received.insert(
                            p.id,
                            Held {
                                hold: Hold::Memory,
                                receipt: None,
                            },
                        );
                    }
                }
                Published::NotKept if v5 => core.unhold(slot, p.id),
                _ => {}
            }
            if !v5 || reason < 0x80 {
                self.unreleased.insert(p.id);
            }
        }
        drop(core);
        self.pressed |= taken.pressed;
        self.spoke |= p.qos > 0 && taken.what == Published::Taken;
        match taken.what {
            Published::Forbidden | Published::Unfit => {
                self.forbidden += 1;
                if self.forbidden == 1 {
                    let (who, topic) = (self.with.who.name(), words::line(&p.topic, 100));
                    let why = if taken.what == Published::Unfit {
                        "a topic or an announcement longer or deeper than allowed"
                    } else {
                        "it published outside of its permission"
                    };
                    self.guard.refused(
                        self.with.who.remembered(),
                        &self.with.address,
                        &format!("{why}: {topic}"),
                    );
                    if self.guard.may_log() {
                        tracing::warn!(
                            who,
                            topic,
                            why,
                            "a publish was dropped; further ones are only counted"
                        );
                    }
                }
                if taken.what == Published::Unfit && v5 && p.qos == 0 {
                    return Err(Stop::Cut(0x90, "a topic longer or deeper than allowed"));
                }
            }
            Published::Indebted => self.guard.refused(
                self.with.who.remembered(),
                &self.with.address,
                "the card has so much of this account to write that it must wait",
            ),
            Published::NotKept => self.guard.refused(
                self.with.who.remembered(),
                &self.with.address,
                "a bound of retained messages or of a queue was reached",
            ),
            _ => {}
        }
        if p.qos > 0 {
            self.say(
                What::Ack {
                    kind: 3 + p.qos,
                    id: p.id,
                    reason,
                },
                taken.receipt,
            );
        }
        Ok(())
    }

    fn say(&mut self, what: What, receipt: Option<Arc<Receipt>>) {
        if self.answers.is_empty() && receipt.is_none() {
            // A failure of an answer without a receipt is already in its code.
            let _ = self.put(what, true);
        } else {
            self.answers.push_back(Answer { receipt, what });
        }
    }

    /// True while a SUBACK waits for the card.
    pub(super) fn owes_suback(&self) -> bool {
        self.answers
            .iter()
            .any(|a| matches!(a.what, What::Codes { .. }))
    }

    /// Says the answers whose promise is kept.
    pub(super) fn answer(&mut self) -> Result<(), Stop> {
        while let Some(front) = self.answers.front() {
            let safe = match front.receipt.as_ref().map(|r| r.outcome()) {
                Some(None) => break,
                Some(Some(safe)) => safe,
                None => true,
            };
            if let Some(answer) = self.answers.pop_front() {
                self.put(answer.what, safe)?;
            }
        }
        Ok(())
    }

    /// The card does not take what a 3.1.1 client said: it says it again when it comes again.
    fn leave_unanswered(&mut self) {
        if self.cut_at.is_none() {
            self.cut_at = Some(Instant::now() + UNANSWERED);
            self.guard
                .refused(self.with.who.remembered(), &self.with.address, UNKEPT);
        }
    }

    fn put(&mut self, what: What, safe: bool) -> Result<(), Stop> {
        let version = self.with.version;
        match what {
            What::Ack {
                kind,
                id,
                mut reason,
            } => {
                if !safe && kind != 7 {
                    if version != Version::V5 {
                        self.leave_unanswered();
                        return Ok(());
                    }
                    if kind == 5 {
                        self.unreleased.remove(&id);
                        self.guard.lock().unhold(self.with.attached.slot, id);
                    }
                    reason = 0x97;
                }
                // A 3.1.1 client knows no reasons.
                say::ack(&mut self.output, version, kind, id, reason);
            }
            // UNSUBACK of 3.1.1 has no codes to say it with.
            What::Codes { kind: 11, .. } if !safe && version != Version::V5 => {
                self.leave_unanswered();
                return Ok(());
            }
            What::Codes {
                kind,
                id,
                mut codes,
            } => {
                if !safe {
                    codes
                        .iter_mut()
                        .filter(|c| **c < 0x80)
                        .for_each(|c| *c = 0x80);
                }
                if version != Version::V5 {
                    codes.iter_mut().filter(|c| **c > 2).for_each(|c| *c = 0x80);
                }
                say::suback(&mut self.output, version, kind, id, &codes);
            }
        }
        self.traffic.packets_out += 1;
        Ok(())
    }
}
