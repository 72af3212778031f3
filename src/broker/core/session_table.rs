//! All sessions, and the ways to find one: by its slot, by its number, by its client.
//!
//! Invariants:
//!
//! - A session is in the table under all three at once, or not at all. So its number and its client
//!   never change while it is here ([`Session`] lets nobody change them).
//! - A number is given out once, also across restarts ([`SessionTable::resume_numbers_after`]). A
//!   slot is given out again after its session's end.
//! - A client identifier belongs to an identity: two identities may use the same one.
//!
//! Deliberately absent: what a session's beginning or end does to subscriptions, queues and wills
//! (`session_lifecycle`, `state`).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::acl::Identity;
use super::queue::Queue;
use super::session::{ClientKey, Session};
use super::subscriptions::Slot;

/// All sessions.
#[derive(Default)]
pub struct SessionTable {
    slots: Vec<Option<Session>>,
    free: Vec<Slot>,
    by_client: BTreeMap<ClientKey, Slot>,
    by_number: BTreeMap<u64, Slot>,
    last_number: u64,
}

impl SessionTable {
    pub fn len(&self) -> usize {
        self.by_client.len()
    }

    pub fn get(&self, slot: Slot) -> Option<&Session> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Session> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The session with that number.
    pub fn by_number_mut(&mut self, number: u64) -> Option<&mut Session> {
        let slot = *self.by_number.get(&number)?;
        self.get_mut(slot)
    }

    /// The slot of a client's session.
    pub fn slot_of(&self, client: &ClientKey) -> Option<Slot> {
        self.by_client.get(client).copied()
    }

    /// All sessions, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Session)> {
        (0..)
            .zip(&self.slots)
            .filter_map(|(slot, session)| Some((slot, session.as_ref()?)))
    }

    /// As [`SessionTable::iter`].
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Session)> {
        (0..)
            .zip(&mut self.slots)
            .filter_map(|(slot, session)| Some((slot, session.as_mut()?)))
    }

    /// All sessions, in the order of their clients.
    pub fn in_client_order(&self) -> impl Iterator<Item = (Slot, &Session)> {
        self.by_client
            .values()
            .filter_map(|slot| Some((*slot, self.get(*slot)?)))
    }

    /// The sessions of an identity, in the order of their client identifiers.
    pub fn of_identity<'a>(
        &'a self,
        who: &'a Identity,
    ) -> impl Iterator<Item = (Slot, &'a Session)> {
        self.by_client
            .range((who.clone(), String::new())..)
            .take_while(move |((identity, _), _)| identity == who)
            .filter_map(|(_, slot)| Some((*slot, self.get(*slot)?)))
    }

    /// Begins a session under a new number. Its client has none yet.
    pub fn create(
        &mut self,
        client: ClientKey,
        credential: Arc<str>,
        queue: Queue,
        now: Instant,
    ) -> Slot {
        let number = self.last_number + 1;
        self.insert(Session::new(number, client, credential, queue, now))
    }

    /// Puts a session into a free slot, under the number that it has.
    pub fn insert(&mut self, session: Session) -> Slot {
        self.last_number = self.last_number.max(session.number());
        let (number, client) = (session.number(), session.client_key());
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(session);
                slot
            }
            None => {
                self.slots.push(Some(session));
                Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        self.by_client.insert(client, slot);
        self.by_number.insert(number, slot);
        slot
    }

    /// Takes a session out of the table.
    pub fn remove(&mut self, slot: Slot) -> Option<Session> {
        let session = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.by_number.remove(&session.number());
        self.by_client.remove(&session.client_key());
        Some(session)
    }

    /// Numbers up to `last` were given out before a restart.
    pub fn resume_numbers_after(&mut self, last: u64) {
        self.last_number = self.last_number.max(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_found_in_every_way_or_in_none_and_its_number_is_never_given_again() {
        let now = Instant::now();
        let client = |n: usize| (Identity::Account(format!("den-{}", n % 3)), format!("{n}"));
        let mut table = SessionTable::default();
        table.resume_numbers_after(7);
        let mut numbers = std::collections::BTreeSet::from([7]);
        let mut there: BTreeMap<usize, (Slot, u64)> = BTreeMap::new();
        // Every client comes and goes, at a step of its own.
        for step in 0..200_usize {
            let n = step * 7 % 11;
            match there.remove(&n) {
                Some((slot, number)) => {
                    let gone = table.remove(slot).expect("it was there");
                    assert_eq!(gone.number(), number);
                    assert!(table.remove(slot).is_none(), "gone once");
                    assert!(table.by_number_mut(number).is_none());
                }
                None => {
                    let slot = table.create(client(n), Arc::default(), Queue::new(1, 1), now);
                    let number = table.get(slot).expect("in its slot").number();
                    assert!(numbers.insert(number), "a new number");
                    there.insert(n, (slot, number));
                }
            }
            for n in 0..11 {
                let slot = there.get(&n).map(|(slot, _)| *slot);
                assert_eq!(table.slot_of(&client(n)), slot);
                assert_eq!(slot.is_some(), slot.is_some_and(|s| table.get(s).is_some()));
            }
            for (_, number) in there.values() {
                assert_eq!(
                    table.by_number_mut(*number).map(|s| s.number()),
                    Some(*number)
                );
            }
            let who = Identity::Account("den-1".into());
            assert_eq!(
                table.of_identity(&who).count(),
                there.keys().filter(|n| *n % 3 == 1).count()
            );
            assert_eq!(
                (table.len(), table.iter().count()),
                (there.len(), there.len())
            );
        }
    }
}
