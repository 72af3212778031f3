//! PUBLISH of a client: its topic, how often it was said before, what it is answered.
//!
//! Invariants: QoS 2 is taken once; who leaves more unfinished than agreed is cut; a publish that
//! is dropped is refused in the client's own version of the protocol, and told to the technician.

use std::time::Duration;

use tokio::time::Instant;

use super::client::{Client, Stop, What};
use super::message::Message;
use super::publish::{Asker, Published};
use super::queue::{Held, Hold};
use crate::domain::words;
use crate::protocol::mqtt::Version;
use crate::protocol::mqtt::packet::Publish;
use crate::protocol::mqtt::topic::fits;

/// QoS 2 messages that a session may leave unreleased, over all its connections.
const UNRELEASED_MAX: usize = 1_024;

impl<S> Client<S> {
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

    pub(super) fn publish(&mut self, p: Publish, now: Instant) -> Result<(), Stop> {
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
}
