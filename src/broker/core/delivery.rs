//! Delivery: which sessions receive a message, and into which queues it goes.
//!
//! Invariants: a session with overlapping filters receives a message once, at the best QoS, with
//! the identifiers of all its matching subscriptions. Of a shared subscription one member receives
//! it, in turn; a connected member goes before a disconnected one. A message that a queue has no
//! room for is counted.
//!
//! Deliberately absent: what must be on disk first. `publish` decides that from what
//! [`BrokerState::enqueue_for`] returns.

use std::sync::Arc;

use tokio::time::Instant;

use super::acl::Identity;
use super::message::{Message, QueuedMessage};
use super::session_table::SessionTable;
use super::state::BrokerState;
use super::subscriptions::{SharedSubscription, Slot, SubscriptionOptions};
use crate::broker::persistence::LogNumber;
use crate::broker::persistence::record::Target;
use crate::protocol::broker::DurabilityClass;
use crate::protocol::mqtt::QoS;

/// A session that is to receive a message.
pub(super) struct Recipient {
    pub(super) slot: Slot,
    options: SubscriptionOptions,
    shared_name: Option<Arc<str>>,
}

/// The next member of a shared subscription. A connected member that can follow goes first, then
/// any connected member, then a persistent session whose client may reconnect.
fn choose_member(
    group: &mut SharedSubscription,
    sessions: &SessionTable,
    qos: QoS,
) -> Option<(Slot, SubscriptionOptions)> {
    let count = group.members.len();
    let rank = |slot: Slot| match sessions.get(slot) {
        Some(s) if s.is_disconnected() => (s.is_persistent() && qos.is_acknowledged()).then_some(2),
        Some(s) => Some(u8::from(s.queue().is_half_full())),
        None => None,
    };
    let turn = |n: usize| (group.next_member + n) % count.max(1);
    let (_, n) = (0..count)
        .filter_map(|n| Some((rank(group.members.get(turn(n))?.0)?, n)))
        .min()?;
    let at = turn(n);
    group.next_member = (at + 1) % count;
    group.members.get(at).copied()
}

impl BrokerState {
    /// Delivers one of the broker's own messages to its subscribers.
    pub fn publish_internal(&mut self, message: &Arc<Message>, now: Instant) {
        for (recipient, identifiers) in self.matching_recipients(message, None) {
            self.enqueue_for(message, &recipient, identifiers, None, now);
        }
    }

    /// The recipients of a message, each session once.
    pub(super) fn matching_recipients(
        &mut self,
        message: &Message,
        from: Option<Slot>,
    ) -> Vec<(Recipient, Box<[u32]>)> {
        let Self {
            subscription_tree,
            sessions,
            ..
        } = self;
        let mut found: Vec<(Slot, SubscriptionOptions)> = Vec::new();
        let mut lists = 0;
        let mut groups: Vec<Recipient> = Vec::new();
        subscription_tree.for_each_match(
            &message.topic,
            &mut |here| {
                lists += 1;
                found.extend(
                    here.iter()
                        .filter(|(slot, options)| !(options.no_local && Some(*slot) == from)),
                );
            },
            &mut |group| {
                if let Some((slot, options)) = choose_member(group, sessions, message.qos) {
                    groups.push(Recipient {
                        slot,
                        options,
                        shared_name: Some(group.name.clone()),
                    });
                }
            },
        );
        let single = |h: Recipient| {
            let identifiers = h.options.subscription_id.into_iter().collect();
            (h, identifiers)
        };
        if lists > 1 {
            found.sort_by_key(|(slot, options)| (*slot, std::cmp::Reverse(options.qos)));
            let mut merged: Vec<(Recipient, Box<[u32]>)> = Vec::with_capacity(found.len());
            for same in found.chunk_by(|a, b| a.0 == b.0) {
                if let Some((slot, best)) = same.first() {
                    let identifiers = same.iter().filter_map(|(_, h)| h.subscription_id).collect();
                    let options = SubscriptionOptions {
                        retain_as_published: same.iter().any(|(_, h)| h.retain_as_published),
                        ..*best
                    };
                    merged.push((
                        Recipient {
                            slot: *slot,
                            options,
                            shared_name: None,
                        },
                        identifiers,
                    ));
                }
            }
            merged.extend(groups.into_iter().map(single));
            return merged;
        }
        found
            .into_iter()
            .map(|(slot, options)| Recipient {
                slot,
                options,
                shared_name: None,
            })
            .chain(groups)
            .map(single)
            .collect()
    }

    /// Puts a message into one queue. None = the queue had no room. Otherwise: the target that the
    /// persistence log must store, if any, and whether the queue wants backpressure.
    pub(super) fn enqueue_for(
        &mut self,
        message: &Arc<Message>,
        recipient: &Recipient,
        identifiers: Box<[u32]>,
        pending: Option<(LogNumber, DurabilityClass)>,
        now: Instant,
    ) -> Option<(Option<Target>, bool)> {
        let session = self.sessions.get_mut(recipient.slot)?;
        let qos = message.qos.min(recipient.options.qos);
        if session.is_disconnected() && (qos == QoS::AtMostOnce || !session.is_persistent()) {
            return Some((None, false));
        }
        let retain = message.retain && recipient.options.retain_as_published;
        let item = QueuedMessage {
            message: message.clone(),
            qos,
            retain,
            subscription_ids: identifiers,
            shared_name: recipient.shared_name.clone(),
        };
        // A session with nothing queued may always take one message. The gateway's own client is
        // bounded only by its own queue.
        let is_within_quota = *session.identity() == Identity::Gateway
            || self.queue_quota.has_room(session.owner(), item.size())
            || session.queue().len().0 == 0;
        let dropped = session.queue().dropped;
        let has_room = session.with_queue(&mut self.queue_quota, |queue| {
            let has_room = is_within_quota && queue.make_room(&item);
            if !has_room && queue.dropped == dropped {
                queue.dropped += 1;
            }
            has_room
        });
        self.counters.dropped += session.queue().dropped - dropped;
        if !has_room {
            session.wake.notify_one();
            return None;
        }
        let persisted = pending.filter(|_| qos.is_acknowledged() && session.is_persistent());
        let subscription_ids = persisted.map(|_| item.subscription_ids.to_vec());
        // Exactly-once delivery that outlives a crash of the broker must be on disk before it is
        // sent.
        let held = qos == QoS::ExactlyOnce
            && persisted.is_some_and(|(_, class)| class == DurabilityClass::Durable);
        let id = session.with_queue(&mut self.queue_quota, |queue| {
            queue.push(item, persisted.map(|(number, _)| number), held)
        });
        let target = id
            .zip(subscription_ids)
            .map(|(id, subscription_ids)| Target {
                session: session.number(),
                id,
                qos,
                retain,
                subscription_ids,
                shared_name: recipient.shared_name.as_deref().map(str::to_owned),
            });
        session.wake.notify_one();
        Some((target, session.queue().wants_backpressure(now)))
    }

    /// A message that a member of a shared subscription left unacknowledged goes to another member.
    /// It keeps its number in the persistence log while it is still pending there.
    pub(super) fn redeliver_shared(
        &mut self,
        owner: &Arc<str>,
        pending: Option<LogNumber>,
        item: QueuedMessage,
        now: Instant,
    ) {
        let Some(name) = item.shared_name else { return };
        let Some((group, filter)) = crate::protocol::mqtt::topic::parse_shared(&name) else {
            return;
        };
        if item.message.is_expired(now) {
            return;
        }
        let Self {
            subscription_tree,
            sessions,
            ..
        } = self;
        let Some((slot, options)) = subscription_tree
            .shared_subscription(group, filter)
            .and_then(|g| choose_member(g, sessions, item.message.qos))
        else {
            return;
        };
        let waits = pending.filter(|number| self.persistence.has_pending_message(*number));
        let number = waits.unwrap_or_else(|| self.persistence.next_number());
        let identifiers = options.subscription_id.into_iter().collect();
        let class = self.durability_rules.class_of(&item.message.topic);
        let recipient = Recipient {
            slot,
            options,
            shared_name: Some(name),
        };
        if let Some((Some(target), _)) = self.enqueue_for(
            &item.message,
            &recipient,
            identifiers,
            (class != DurabilityClass::Memory).then_some((number, class)),
            now,
        ) && !self.persistence.add_target(number, &target)
        {
            self.persistence.enqueue_message(
                (number, owner),
                item.message,
                vec![target],
                None,
                class == DurabilityClass::Durable,
                None,
            );
        }
    }
}
