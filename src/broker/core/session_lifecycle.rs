//! Connecting and disconnecting: a connection gets its session and leaves it again.
//!
//! Invariants: a client identifier belongs to its account, so nobody takes over a session of
//! another account. A new session makes room by ending the one that is disconnected longest, never
//! a connected one; only an unprovisioned device may be disconnected for it, because it has no
//! right to a lasting place. A will is published once or not at all.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::acl::Identity;
use super::queue::Queue;
use super::session::{ConnectRequest, ConnectionHandle, Session, SessionHandle};
use super::state::BrokerState;
use super::subscriptions::Slot;
use super::will_schedule::ScheduledWill;
use super::wills::will_record;
use crate::broker::persistence::record::PersistedChange;
use crate::broker::persistence::restore::WILL_GRACE;
use crate::protocol::broker::RefusalReason;
use crate::protocol::mqtt::connect::Will;
use crate::supervisor::admission::source_network;

/// Of these sessions, the one that is disconnected longest.
fn longest_disconnected<'a>(sessions: impl Iterator<Item = (Slot, &'a Session)>) -> Option<Slot> {
    sessions
        .filter(|(_, s)| s.is_disconnected())
        .map(|(slot, s)| (s.state_since, slot))
        .min()
        .map(|(_, slot)| slot)
}

impl BrokerState {
    /// Gives a connection its session. The caller has made sure that this client has no open
    /// connection. The error is a CONNACK reason code and a sentence.
    pub fn connect(
        &mut self,
        request: ConnectRequest,
        now: Instant,
    ) -> Result<SessionHandle, RefusalReason> {
        self.check_admission(&request)?;
        let key = (request.identity.clone(), request.client_id.clone());
        let known = self.sessions.slot_of(&key);
        let ended = known.filter(|slot| {
            request.clean_start
                || self
                    .session(*slot)
                    .is_none_or(|s| !s.is_persistent() || s.credential != request.credential)
        });
        if (known.is_none() || ended.is_some())
            && !request.expiry_interval.is_zero()
            && self.persistence.over_quota(request.identity.quota_owner())
        {
            return Err(RefusalReason::WriteQuotaExceeded);
        }
        if let Some(slot) = ended {
            // A will that waits only because the broker restarted is cancelled: its client
            // reconnected in time. So it is even if its session ends here, which would publish
            // the will otherwise.
            self.cancel_wills(&request.identity, &request.client_id, |due| {
                due.from_broker_restart
            });
            self.remove_session(slot, now);
        }
        self.last_connection_number += 1;
        let connection_number = self.last_connection_number;
        let known = self.sessions.slot_of(&key);
        let slot = match known {
            Some(slot) => slot,
            None => {
                self.ensure_capacity(&request.identity, now)?;
                let queue = self.new_queue_for(&request.identity);
                self.sessions
                    .create(key.clone(), request.credential, queue, now)
            }
        };
        let wall = self.wall_s();
        self.cancel_wills(&key.0, &key.1, |_| true);
        let Some(session) = self.sessions.get_mut(slot) else {
            return Err(RefusalReason::SessionGone);
        };
        session.with_queue(&mut self.queue_quota, |queue| {
            queue.resume(request.receive_maximum);
        });
        let connection = ConnectionHandle::new(connection_number, session.wake.clone());
        session.connection = Some(connection.clone());
        session.state_since = now;
        session.expiry_interval = request.expiry_interval;
        session.peer = request.peer;
        // A payload of its own: as a part of CONNECT it would keep the whole packet in memory.
        session.will = request.will.map(|will| {
            Box::new(Will {
                payload: Bytes::copy_from_slice(&will.payload),
                ..will
            })
        });
        if session.is_persistent() || session.persisted {
            session.persisted = true;
            let head = session.header_record(now, wall);
            self.persistence.record(session.owner(), head, None);
        }
        if let Some(will) = &session.will {
            let record = will_record(
                session.number(),
                (session.owner(), session.client_id()),
                will,
                None,
                now,
                wall,
            );
            self.persistence
                .record(session.owner(), PersistedChange::Will(record), None);
        }
        let counters = &mut self.counters;
        counters.connected += 1;
        counters.connected_max = counters.connected_max.max(counters.connected);
        Ok(SessionHandle::new(
            slot,
            session,
            &connection,
            known.is_some(),
        ))
    }

    /// Checks what may have changed since the client was authenticated.
    fn check_admission(&self, request: &ConnectRequest) -> Result<(), RefusalReason> {
        // Nothing would be written any more: the client is to connect to the restarted broker.
        if self.shutting_down {
            return Err(RefusalReason::ConnectDuringShutdown);
        }
        // While the connection waited (for its rate, or for an older connection to end), its
        // account may have changed.
        if self.access.credential(&request.identity).as_ref() != Some(&request.credential) {
            return Err(RefusalReason::AccountChanged);
        }
        if !self
            .access
            .admits_certificate(&request.identity, &request.peer.proof)
        {
            return Err(RefusalReason::CertificateReplaced);
        }
        Ok(())
    }

    /// Makes room for one more session of `who` by ending the ones that are disconnected longest.
    fn ensure_capacity(&mut self, who: &Identity, now: Instant) -> Result<(), RefusalReason> {
        if matches!(who, Identity::Unprovisioned(_))
            && self.unprovisioned_sessions().count() >= self.limits.quarantined
        {
            // No unprovisioned device has a lasting place: of the address that has the most of
            // them, the one that connected first is disconnected. There is room at the next try.
            let network = |s: &Session| s.peer.address.parse().map(source_network).ok();
            let crowd = |of: &Session| {
                self.unprovisioned_sessions()
                    .filter(|s| network(s) == network(of))
                    .count()
            };
            if let Some(connection) = self
                .unprovisioned_sessions()
                .min_by_key(|s| (std::cmp::Reverse(crowd(s)), s.number()))
                .and_then(|s| s.connection.as_ref())
            {
                connection.signal.disconnect(RefusalReason::QuarantineFull);
            }
            return Err(RefusalReason::QuarantineFull);
        }
        if *who != Identity::Gateway
            && self.sessions.of_identity(who).count() >= self.limits.per_account
        {
            let away = longest_disconnected(self.sessions.of_identity(who))
                .ok_or(RefusalReason::AccountConnectionsExceeded)?;
            self.evict_session(away, now);
        }
        let away = self
            .sessions
            .len()
            .saturating_sub(usize::try_from(self.counters.connected).unwrap_or(usize::MAX));
        if away >= self.limits.sessions
            && let Some(away) = longest_disconnected(self.sessions.iter())
        {
            self.evict_session(away, now);
        }
        Ok(())
    }

    /// Ends a session to make room for another; the messages in its queue are counted as dropped.
    fn evict_session(&mut self, slot: Slot, now: Instant) {
        let waiting = self
            .session(slot)
            .map_or(0, |s| s.queue().len().0 + s.queue().len().1);
        self.counters.dropped += waiting as u64;
        self.remove_session(slot, now);
    }

    /// The connection ended. `is_normal` = its will is not published.
    pub fn disconnect(&mut self, attached: &SessionHandle, is_normal: bool, now: Instant) {
        self.counters.connected = self.counters.connected.saturating_sub(1);
        let (wall, slot, ending) = (self.wall_s(), attached.slot, self.shutting_down);
        let known = self
            .sessions
            .get(slot)
            .is_some_and(|s| self.access.is_known(s.identity()));
        let Some(session) = self.sessions.get_mut(slot).filter(|s| {
            s.connection
                .as_ref()
                .is_some_and(|c| c.number == attached.connection_number)
        }) else {
            return;
        };
        session.state_since = now;
        // The will is handled under the same lock: a new connection comes after it.
        session.connection = None;
        session.with_queue(&mut self.queue_quota, Queue::drop_qos0);
        let (number, owner, (who, client_id)) = (
            session.number(),
            session.owner().clone(),
            session.client_key(),
        );
        let over = !session.is_persistent() || !known;
        // In a planned shutdown no will is published; it stays on disk for the restarted broker. A
        // client that sends a normal DISCONNECT meanwhile has no will any more.
        let (will, deferred_will) = if ending && !is_normal {
            (None, session.will.take())
        } else {
            (session.will.take(), None)
        };
        let had_will = will.is_some();
        let delay = Duration::from_secs(u64::from(
            will.as_ref()
                .and_then(|w| w.properties.will_delay)
                .unwrap_or(0),
        ))
        .min(session.expiry_interval);
        match will {
            Some(will) if !is_normal && delay.is_zero() => {
                self.publish_will(&who, (number, Some(attached.connection_number)), &will, now);
            }
            Some(will) if !is_normal => {
                let at = now + delay;
                let record = will_record(
                    number,
                    (&owner, &client_id),
                    &will,
                    Some(wall + delay.as_secs()),
                    now,
                    wall,
                );
                self.persistence
                    .record(&owner, PersistedChange::Will(record), None);
                self.will_schedule.insert(
                    number,
                    ScheduledWill {
                        due_at: at,
                        identity: who.clone(),
                        client_id: client_id.clone(),
                        will,
                        connection_number: Some(attached.connection_number),
                        from_broker_restart: false,
                    },
                );
            }
            _ if had_will => {
                self.persistence
                    .record(&owner, PersistedChange::WillCleared(number), None);
            }
            _ => {}
        }
        if over {
            self.remove_session(slot, now);
        } else if let Some(session) = self.session(slot) {
            let head = session.header_record(now, wall);
            self.persistence.record(&owner, head, None);
        }
        if let Some(will) = deferred_will {
            // A snapshot that is written in the last moment must hold the will too.
            self.will_schedule.insert(
                number,
                ScheduledWill {
                    due_at: now + WILL_GRACE,
                    identity: who,
                    client_id,
                    will,
                    connection_number: Some(attached.connection_number),
                    from_broker_restart: true,
                },
            );
        }
    }

    /// The client that still holds `attached` asks for another session expiry interval, in seconds.
    pub fn set_session_expiry(&mut self, attached: &SessionHandle, seconds: u32) {
        let most = Duration::from_secs(u64::from(self.limits.session_s));
        // A session that was not persistent does not become persistent now; an unprovisioned
        // device's never is.
        if let Some(session) = self.session(attached.slot).filter(|s| s.is_persistent()) {
            session.expiry_interval = Duration::from_secs(u64::from(seconds)).min(most);
        }
    }
}
