//! Subscribing, and what a change of permissions does to subscriptions.
//!
//! Invariants: a filter may match only what its account may subscribe to, also within a shared
//! subscription. An acknowledged subscription of a persistent session is on disk. Retained messages
//! of a subscription go before messages that are published after it, and are sent as they are at
//! that moment; one that changed meanwhile is delivered again as a live message.

use std::sync::Arc;

use tokio::time::Instant;

use super::acl::{AccessControl, Identity};
use super::session::SessionHandle;
use super::state::BrokerState;
use super::subscriptions::{SubscriptionOptions, add_subscription, remove_subscription};
use crate::broker::persistence::DurabilityTicket;
use crate::broker::persistence::record::PersistedChange;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::ReasonCode;
use crate::protocol::mqtt::packet::{RetainHandling, SubscriptionRequest};
use crate::protocol::mqtt::topic::{is_topic_filter, is_within_bounds, matches, parse_shared};

/// The bits of the subscription options on disk.
pub fn encode_options(options: &SubscriptionOptions) -> u8 {
    options.qos.bits()
        | u8::from(options.no_local) << 2
        | u8::from(options.retain_as_published) << 3
}

impl BrokerState {
    /// Subscribes; returns a SUBACK code per request, and the ticket to wait for before SUBACK.
    pub fn subscribe(
        &mut self,
        attached: &SessionHandle,
        requests: &[SubscriptionRequest],
        subscription_id: Option<u32>,
        now: Instant,
    ) -> (Vec<ReasonCode>, Option<Arc<DurabilityTicket>>) {
        let mut ticket = None;
        // Filters beyond the number that a client may have are refused without being checked.
        let is_gateway = self
            .session(attached.slot)
            .is_some_and(|s| *s.identity() == Identity::Gateway);
        let most = if is_gateway {
            usize::MAX
        } else {
            self.limits.filters
        };
        let codes = requests
            .iter()
            .enumerate()
            .map(|(n, request)| {
                if n < most {
                    self.subscribe_one(attached, request, subscription_id, &mut ticket, now)
                } else {
                    ReasonCode::QUOTA_EXCEEDED
                }
            })
            .collect();
        (codes, ticket)
    }

    fn subscribe_one(
        &mut self,
        attached: &SessionHandle,
        request: &SubscriptionRequest,
        identifier: Option<u32>,
        ticket: &mut Option<Arc<DurabilityTicket>>,
        now: Instant,
    ) -> ReasonCode {
        let slot = attached.slot;
        let inner = match request.filter.strip_prefix("$share/") {
            None => &*request.filter,
            Some(_) => match parse_shared(&request.filter) {
                Some((_, inner)) => inner,
                None => return ReasonCode::TOPIC_FILTER_INVALID,
            },
        };
        if !is_topic_filter(inner)
            || request.filter.len() > self.limits.topic_bytes
            || !is_within_bounds(inner, self.limits.topic_bytes, self.limits.topic_levels)
        {
            return ReasonCode::TOPIC_FILTER_INVALID;
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return ReasonCode::UNSPECIFIED_ERROR;
        };
        if !self.access.may_subscribe(session.identity(), inner) {
            return ReasonCode::NOT_AUTHORIZED;
        }
        // Each subscription of a persistent session is a change that waits for storage.
        if session.is_persistent() && self.persistence.over_quota(session.owner()) {
            return ReasonCode::QUOTA_EXCEEDED;
        }
        let is_new = !session.subscriptions.contains(&request.filter);
        if is_new
            && *session.identity() != Identity::Gateway
            && session.subscriptions.len() >= self.limits.filters
        {
            return ReasonCode::QUOTA_EXCEEDED;
        }
        let subscription_options = SubscriptionOptions {
            qos: request.qos,
            no_local: request.no_local,
            retain_as_published: request.retain_as_published,
            subscription_id: identifier,
        };
        let is_unchanged = session
            .subscriptions
            .insert(&request.filter, subscription_options)
            == Some(subscription_options);
        add_subscription(
            &mut self.subscription_tree,
            &request.filter,
            slot,
            subscription_options,
        );
        // A subscription that did not change is written again only when the disk may not have it
        // yet.
        if session.is_persistent()
            && (!is_unchanged
                || self
                    .persistence
                    .is_filter_dirty(session.number(), &request.filter))
        {
            let ticket = ticket.get_or_insert_with(|| DurabilityTicket::new(attached.wake.clone()));
            let record = PersistedChange::Subscribed {
                session: session.number(),
                filter: request.filter.clone(),
                options: encode_options(&subscription_options),
                identifier,
            };
            self.persistence
                .record(session.owner(), record, Some(ticket));
        }
        let is_unshared = inner.len() == request.filter.len();
        let wants_retained = match request.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if is_unshared && wants_retained {
            let identifiers: Box<[u32]> = identifier.into_iter().collect();
            let sys = self
                .sys_topics
                .values()
                .filter(|m| inner.starts_with('$') && matches(inner, &m.topic));
            let most = self.limits.retained + 100;
            let retained = self.retained.matching(inner, now).map(|(_, m)| m);
            session.with_queue(&mut self.queue_quota, |queue| {
                for message in retained.chain(sys) {
                    if !queue.request_retained(&message.topic, request.qos, &identifiers, most) {
                        break;
                    }
                }
            });
            session.wake.notify_one();
        }
        ReasonCode::granted(request.qos)
    }

    /// Unsubscribes; returns an UNSUBACK code per filter, and the ticket to wait for before
    /// UNSUBACK.
    pub fn unsubscribe(
        &mut self,
        attached: &SessionHandle,
        filters: &[String],
    ) -> (Vec<ReasonCode>, Option<Arc<DurabilityTicket>>) {
        let mut ticket = None;
        let Some(session) = self.sessions.get_mut(attached.slot) else {
            return (vec![ReasonCode::UNSPECIFIED_ERROR; filters.len()], None);
        };
        let codes = filters
            .iter()
            .map(|filter| {
                let was = session.subscriptions.remove(filter);
                if was {
                    remove_subscription(&mut self.subscription_tree, filter, attached.slot);
                }
                // An earlier UNSUBSCRIBE of this filter may not be on disk yet; this one must wait
                // for it.
                if session.is_persistent()
                    && (was || self.persistence.is_filter_dirty(session.number(), filter))
                {
                    let ticket =
                        ticket.get_or_insert_with(|| DurabilityTicket::new(attached.wake.clone()));
                    if !was
                        && self
                            .persistence
                            .join_unsubscribe(session.number(), filter, ticket)
                    {
                        return ReasonCode::NO_SUBSCRIPTION_EXISTED;
                    }
                    self.persistence.record(
                        session.owner(),
                        PersistedChange::Unsubscribed {
                            session: session.number(),
                            filter: filter.clone(),
                        },
                        Some(ticket),
                    );
                }
                match (
                    was,
                    is_topic_filter(filter)
                        && (!filter.starts_with("$share/") || parse_shared(filter).is_some()),
                ) {
                    (true, _) => ReasonCode::SUCCESS,
                    (false, true) => ReasonCode::NO_SUBSCRIPTION_EXISTED,
                    (false, false) => ReasonCode::TOPIC_FILTER_INVALID,
                }
            })
            .collect();
        (codes, ticket)
    }

    /// Puts a new access table in force, also on open connections.
    pub fn set_access(&mut self, table: AccessControl, now: Instant) {
        self.access = table;
        let access = &self.access;
        let (mut over, mut revoked) = (Vec::new(), Vec::new());
        for (slot, session) in self.sessions.iter_mut() {
            session.permitted_topic.clear();
            let credential = access
                .credential(session.identity())
                .filter(|now| *now == session.credential)
                .filter(|_| access.admits_certificate(session.identity(), &session.peer.proof));
            let Some(credential) = credential else {
                match &session.connection {
                    Some(connection) => connection.signal.disconnect(RefusalReason::AccountChanged),
                    None => over.push(slot),
                }
                continue;
            };
            // The same one, in the memory of the table in force.
            session.credential = credential;
            let who = session.identity().clone();
            let may_subscribe = |filter: &str| {
                let inner = parse_shared(filter).map_or(filter, |(_, inner)| inner);
                access.may_subscribe(&who, inner)
            };
            let forbidden = session.subscriptions.remove_forbidden(may_subscribe);
            if forbidden.is_empty() {
                continue;
            }
            for filter in forbidden {
                remove_subscription(&mut self.subscription_tree, &filter, slot);
                if session.is_persistent() {
                    let record = PersistedChange::Unsubscribed {
                        session: session.number(),
                        filter: filter.into(),
                    };
                    self.persistence.record(session.owner(), record, None);
                }
            }
            // Queued messages and requested retained messages that the client may not receive any
            // more are dropped.
            let dropped = session.queue().dropped;
            let gone = session.with_queue(&mut self.queue_quota, |queue| {
                queue.retain_permitted(&|topic| {
                    topic.starts_with('$') || access.may_subscribe(&who, topic)
                })
            });
            self.counters.dropped += session.queue().dropped - dropped;
            let (owner, number) = (session.owner().clone(), session.number());
            revoked.extend(
                gone.into_iter()
                    .map(|(finished, item)| (owner.clone(), number, finished, item)),
            );
        }
        // Another member of a shared subscription may get the message, before the log learns that
        // this one does not.
        for (owner, number, finished, item) in revoked {
            if item.shared_name.is_some() {
                self.redeliver_shared(&owner, finished.and_then(|f| f.log_number), item, now);
            }
            if let Some(finished) = finished {
                self.persistence.record_delivered(number, finished);
            }
        }
        for slot in over {
            self.remove_session(slot, now);
        }
    }
}
