//! Wills: published when a connection breaks, after their delay, or by the restarted broker; not if
//! the client reconnects in time.
//!
//! Invariants: a will and the record that it was published go to the disk together, whatever the
//! quota of its account: it is neither lost nor published twice.
//!
//! A device that reconnects under another client identifier may be connected before its old
//! connection is known to be dead. The old connection's will is then published to everybody, as the
//! standard asks, but it must not be the last message about a device that is alive. So the
//! gateway's own client does not receive it, and the retained message of the newer connection is
//! published again after it and stays retained.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::acl::Identity;
use super::message::Message;
use super::publish::PublishOrigin;
use super::retained::RetainedMessage;
use super::state::BrokerState;
use super::will_schedule::ScheduledWill;
use crate::broker::persistence::record::{PersistedChange, StoredWill};
use crate::broker::persistence::stored_message::stored_message;
use crate::domain::topics::DeviceTopic;
use crate::protocol::mqtt::connect::Will;

impl BrokerState {
    /// A client reconnected before its will was due: cancels those of its wills that `which`
    /// selects.
    pub(super) fn cancel_wills(
        &mut self,
        who: &Identity,
        client_id: &str,
        which: impl Fn(&ScheduledWill) -> bool,
    ) {
        let owner: Arc<str> = who.quota_owner().into();
        for number in self.will_schedule.cancel(who, client_id, which) {
            self.persistence
                .record(&owner, PersistedChange::WillCleared(number), None);
        }
    }

    /// True when the device has a newer connection that is open and covers this topic of the
    /// device's own too: with its own will, or with the retained message.
    fn has_successor(&self, who: &Identity, connection_number: Option<u64>, topic: &str) -> bool {
        let is_own = DeviceTopic::parse(topic)
            .is_some_and(|t| t.device.as_str() == who.name() && !t.subtopic.is_empty());
        if !is_own {
            return false;
        }
        let retained_by = self.retained.entry(topic).and_then(|w| w.connection_number);
        self.sessions.of_identity(who).any(|(_, s)| {
            let newer = s
                .connection
                .as_ref()
                .is_some_and(|l| Some(l.number) > connection_number);
            newer
                && (s
                    .connection
                    .as_ref()
                    .is_some_and(|l| Some(l.number) == retained_by)
                    || s.will.as_ref().is_some_and(|w| w.topic == topic))
        })
    }

    /// Publishes a will that has left the schedule.
    pub(super) fn publish_scheduled_will(
        &mut self,
        session: u64,
        due: &ScheduledWill,
        now: Instant,
    ) {
        self.publish_will(
            &due.identity,
            (session, due.connection_number),
            &due.will,
            now,
        );
    }

    /// Publishes the will of that session and connection now.
    pub(super) fn publish_will(
        &mut self,
        who: &Identity,
        (session, connection_number): (u64, Option<u64>),
        will: &Will,
        now: Instant,
    ) {
        let owner: Arc<str> = who.quota_owner().into();
        let message = message_of_will(will, now);
        let superseded = self.has_successor(who, connection_number, &will.topic);
        let current = self
            .retained
            .entry(&will.topic)
            .filter(|w| superseded && will.retain && w.owner == owner && !w.message.is_expired(now))
            .cloned();
        // The will and its record are written together, whatever the account's quota: a will is
        // neither lost nor published twice.
        self.persistence.exempt_from_quota = true;
        self.publish_with_origin(
            who,
            &owner,
            PublishOrigin {
                superseded,
                ..PublishOrigin::default()
            },
            message,
            None,
            now,
        );
        if let Some(RetainedMessage {
            message,
            connection_number,
            ..
        }) = current.filter(|w| w.message.payload[..] != will.payload[..])
        {
            self.publish_with_origin(
                who,
                &owner,
                PublishOrigin {
                    connection_number,
                    ..PublishOrigin::default()
                },
                Message::clone(&message),
                None,
                now,
            );
        }
        self.persistence
            .record(&owner, PersistedChange::WillCleared(session), None);
        self.persistence.exempt_from_quota = false;
    }
}

/// The message of a will.
pub fn message_of_will(will: &Will, now: Instant) -> Message {
    let expires = will
        .properties
        .message_expiry
        .map(|s| now + Duration::from_secs(u64::from(s)));
    Message {
        topic: will.topic.as_str().into(),
        payload: will.payload.as_ref().into(),
        qos: will.qos,
        retain: will.retain,
        forwarded_properties: will.properties.forwarded.clone(),
        expires_at: expires,
    }
}

pub fn will_record(
    session: u64,
    (account, client_id): (&str, &str),
    will: &Will,
    due: Option<u64>,
    now: Instant,
    wall: u64,
) -> StoredWill {
    let message = stored_message(&message_of_will(will, now), now, wall);
    StoredWill {
        session,
        account: account.to_owned(),
        client_id: client_id.to_owned(),
        message,
        delay_s: will.properties.will_delay.unwrap_or(0),
        due_at: due,
    }
}
