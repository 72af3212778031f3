//! Subscribing, and what a change of permissions does to it.
//!
//! Invariants: a filter is bounded by what its account may hear, also within a shared subscription;
//! an answered subscription of a kept session is on disk; retained messages of a subscription go
//! before what is said after it, as they are when they are sent (one that changed meanwhile comes
//! again, live).

use std::sync::Arc;

use tokio::time::Instant;

use super::access::{Identity, Table};
use super::core::Core;
use super::ledger::Receipt;
use super::ledger::record::Record;
use super::matcher::{Hearing, listen, unlisten};
use super::quota::count_bytes;
use super::session::{Attached, Session};
use crate::protocol::mqtt::packet::Ask;
use crate::protocol::mqtt::topic::{fits, is_filter, matches, shared};

/// The bits of a subscription on disk.
pub fn options(hearing: &Hearing) -> u8 {
    hearing.qos | u8::from(hearing.no_local) << 2 | u8::from(hearing.retain_as_published) << 3
}

impl Core {
    /// Subscribes; gives a SUBACK code per ask, and the card to wait for before they are said.
    pub fn subscribe(
        &mut self,
        attached: &Attached,
        asks: &[Ask],
        identifier: Option<u32>,
        now: Instant,
    ) -> (Vec<u8>, Option<Arc<Receipt>>) {
        let mut receipt = None;
        // More filters in one packet than a client may have are not looked at.
        let house = self
            .session(attached.slot)
            .is_some_and(|s| s.who == Identity::House);
        let most = if house {
            usize::MAX
        } else {
            self.limits.filters
        };
        let codes = asks
            .iter()
            .enumerate()
            .map(|(n, ask)| {
                if n < most {
                    self.subscribe_one(attached, ask, identifier, &mut receipt, now)
                } else {
                    0x97
                }
            })
            .collect();
        (codes, receipt)
    }

    fn subscribe_one(
        &mut self,
        attached: &Attached,
        ask: &Ask,
        identifier: Option<u32>,
        receipt: &mut Option<Arc<Receipt>>,
        now: Instant,
    ) -> u8 {
        let slot = attached.slot;
        let inner = match ask.filter.strip_prefix("$share/") {
            None => &*ask.filter,
            Some(_) => match shared(&ask.filter) {
                Some((_, inner)) => inner,
                None => return 0x8f,
            },
        };
        if !is_filter(inner)
            || ask.filter.len() > self.limits.topic_bytes
            || !fits(inner, self.limits.topic_bytes, self.limits.topic_levels)
        {
            return 0x8f;
        }
        let Self {
            sessions,
            table,
            limits,
            matcher,
            retained,
            ledger,
            sys,
            ..
        } = self;
        let Some(session) = sessions.get_mut(slot as usize).and_then(Option::as_mut) else {
            return 0x80;
        };
        if !table.may_subscribe(&session.who, inner) {
            return 0x87;
        }
        // Each is a change that waits for the card.
        if session.is_kept() && ledger.is_full(&session.owner) {
            return 0x97;
        }
        let fresh = !session.subscriptions.contains_key(&ask.filter);
        if fresh && session.who != Identity::House && session.subscriptions.len() >= limits.filters
        {
            return 0x97;
        }
        let hearing = Hearing {
            qos: ask.qos,
            no_local: ask.no_local,
            retain_as_published: ask.retain_as_published,
            identifier,
        };
        let same = session.subscriptions.insert(ask.filter.clone(), hearing) == Some(hearing);
        listen(matcher, &ask.filter, slot, hearing);
        // Asked for again, it is written again only when the disk may not have it yet.
        if session.is_kept() && (!same || ledger.is_unsure_of_filter(session.number, &ask.filter)) {
            let receipt = receipt.get_or_insert_with(|| Receipt::new(attached.wake.clone()));
            let record = Record::Filter {
                session: session.number,
                filter: ask.filter.clone(),
                options: options(&hearing),
                identifier: identifier.unwrap_or(0),
            };
            ledger.note(&session.owner.clone(), record, Some(receipt));
        }
        let alone = inner.len() == ask.filter.len();
        if alone && (ask.retain_handling == 0 || ask.retain_handling == 1 && fresh) {
            let identifiers: Box<[u32]> = identifier.into_iter().collect();
            let sys = sys
                .values()
                .filter(|m| inner.starts_with('$') && matches(inner, &m.topic));
            let most = limits.retained + 100;
            for message in retained.matching(inner, now).map(|(_, m)| m).chain(sys) {
                if !session
                    .queue
                    .ask_retained(&message.topic, ask.qos, &identifiers, most)
                {
                    break;
                }
            }
            session.wake.notify_one();
        }
        ask.qos
    }

    /// Unsubscribes; gives an UNSUBACK code per filter, and the card to wait for before they are
    /// said.
    pub fn unsubscribe(
        &mut self,
        attached: &Attached,
        filters: &[String],
    ) -> (Vec<u8>, Option<Arc<Receipt>>) {
        let mut receipt = None;
        let Self {
            sessions,
            matcher,
            ledger,
            ..
        } = self;
        let Some(session) = sessions
            .get_mut(attached.slot as usize)
            .and_then(Option::as_mut)
        else {
            return (vec![0x80; filters.len()], None);
        };
        let codes = filters
            .iter()
            .map(|filter| {
                let was = session.subscriptions.remove(filter).is_some();
                if was {
                    unlisten(matcher, filter, attached.slot);
                }
                // Said before, it may not be on disk yet.
                if session.is_kept() && (was || ledger.is_unsure_of_filter(session.number, filter))
                {
                    let receipt =
                        receipt.get_or_insert_with(|| Receipt::new(attached.wake.clone()));
                    if !was && ledger.also_unfilter(session.number, filter, receipt) {
                        return 0x11;
                    }
                    ledger.note(
                        &session.owner.clone(),
                        Record::Unfilter {
                            session: session.number,
                            filter: filter.clone(),
                        },
                        Some(receipt),
                    );
                }
                match (
                    was,
                    is_filter(filter)
                        && (!filter.starts_with("$share/") || shared(filter).is_some()),
                ) {
                    (true, _) => 0,
                    (false, true) => 0x11,
                    (false, false) => 0x8f,
                }
            })
            .collect();
        (codes, receipt)
    }

    /// Puts a new table in force, also on open connections.
    pub fn set_table(&mut self, table: Table, now: Instant) {
        self.table = table;
        let Self {
            sessions,
            matcher,
            ledger,
            table,
            counters,
            queued_bytes,
            per_account,
            ..
        } = self;
        let (mut over, mut revoked) = (Vec::new(), Vec::new());
        for (slot, session) in (0..)
            .zip(sessions.iter_mut())
            .filter_map(|(n, s)| Some((n, s.as_mut()?)))
        {
            let (kept, before) = (session.is_kept(), session.subscriptions.len());
            let Session {
                who,
                credential,
                line,
                subscriptions,
                owner,
                number,
                queue,
                peer,
                ..
            } = session;
            if table.credential(who).as_deref() != Some(credential)
                || !table.holds(who, &peer.proof)
            {
                match line {
                    Some(line) => line.cut.now(0x87, "its account changed"),
                    None => over.push(slot),
                }
                continue;
            }
            subscriptions.retain(|filter, _| {
                let stays =
                    table.may_subscribe(who, shared(filter).map_or(filter, |(_, inner)| inner));
                if !stays {
                    unlisten(matcher, filter, slot);
                    if kept {
                        ledger.note(
                            owner,
                            Record::Unfilter {
                                session: *number,
                                filter: filter.clone(),
                            },
                            None,
                        );
                    }
                }
                stays
            });
            if subscriptions.len() == before {
                continue;
            }
            // What it had asked for and was not sent yet goes with the permission.
            let (bytes, dropped) = (queue.bytes, queue.dropped);
            let gone =
                queue.keep_only(&|topic| topic.starts_with('$') || table.may_subscribe(who, topic));
            counters.dropped += queue.dropped - dropped;
            revoked.extend(
                gone.into_iter()
                    .map(|(done, item)| (owner.clone(), *number, done, item)),
            );
            count_bytes(queued_bytes, per_account, session, bytes);
        }
        // Another member of a group may have it, before the ledger hears that this one does not.
        for (owner, number, done, item) in revoked {
            if item.group.is_some() {
                self.deliver_again(&owner, done.owed, item, now);
            }
            self.ledger.finished(number, done);
        }
        for slot in over {
            self.remove(slot, now);
        }
    }
}
