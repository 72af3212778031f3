//! Admission to a listener: a bounded number of permits, granted so that no early client keeps
//! others out.
//!
//! Invariants: a newcomer gets a permit though all are taken, unless its own address (or session)
//! has its share. Within one network that counts as one address, the member with the most permits
//! loses one to a neighbour that holds fewer. Otherwise only an address that holds more of its
//! share than the newcomer would can lose a permit, so a crowd displaces itself; of those permits,
//! first the oldest occupant that is not identified (it has not shown who it is or what it wants),
//! and only then the identified one that has been idle the longest. Each listener has an admission
//! control of its own: what happens at one closes no other. Dropping a permit gives it back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::meter::Meter;

/// For so long no occupant of an address that has its share is evicted for another of the same
/// address: they come in at once after a power cut.
const EVICTION_GRACE: Duration = Duration::from_secs(1);

/// The key under which a peer's permits are counted: the owner of an IPv6 network has 2^64
/// addresses of it. Link-local addresses are counted each, because all neighbours share that
/// network.
#[must_use]
pub fn source_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local() => {
            Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

#[derive(Debug)]
struct Occupant<K> {
    key: K,
    /// Which member it is of those that share the key.
    member: K,
    since: Instant,
    /// It has shown who it is or what it wants.
    identified: bool,
    evict_token: CancellationToken,
    meter: Arc<Meter>,
}

/// The occupants of one key, by number, and how many there may be.
#[derive(Debug)]
struct Occupants {
    quota: usize,
    occupants: BTreeSet<u64>,
}

#[derive(Debug)]
struct AdmissionState<K> {
    capacity: usize,
    last_number: u64,
    /// By the order in which they came.
    guests: BTreeMap<u64, Occupant<K>>,
    groups: BTreeMap<K, Occupants>,
}

/// The admission control of a listener; clones are the same.
#[derive(Debug)]
pub struct AdmissionControl<K: Ord>(Arc<Mutex<AdmissionState<K>>>);

impl<K: Ord> Clone for AdmissionControl<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The permit of one occupant; dropping it gives it back.
#[derive(Debug)]
pub struct AdmissionPermit<K: Ord> {
    admission: AdmissionControl<K>,
    number: u64,
    evict_token: CancellationToken,
}

impl<K: Ord + Clone> AdmissionControl<K> {
    /// An admission control with so many permits.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(AdmissionState {
            capacity: most.max(1),
            last_number: 0,
            guests: BTreeMap::new(),
            groups: BTreeMap::new(),
        })))
    }

    /// A permit for one more of `key`, which may hold `share`; none = the key holds its share, and
    /// every one of its occupants is recent or identified.
    #[must_use]
    pub fn acquire(&self, key: K, share: usize, meter: &Arc<Meter>) -> Option<AdmissionPermit<K>> {
        self.acquire_as(key.clone(), key, share, meter)
    }

    /// The same for one of several members that share a key: the neighbours of an IPv6 network.
    #[must_use]
    pub fn acquire_as(
        &self,
        key: K,
        member: K,
        share: usize,
        meter: &Arc<Meter>,
    ) -> Option<AdmissionPermit<K>> {
        let now = Instant::now();
        let mut inner = self.lock();
        let own = inner.groups.get(&key).map_or(0, |g| g.occupants.len());
        if own >= share {
            let group = inner.groups.get(&key)?;
            let greedy = inner.heaviest_member(group, &member);
            let first = greedy.or_else(|| inner.oldest_unidentified(group))?;
            let stale = inner
                .guests
                .get(&first)
                .is_some_and(|g| now.saturating_duration_since(g.since) >= EVICTION_GRACE);
            inner.remove(if greedy.is_some() || stale {
                first
            } else {
                return None;
            });
        } else if inner.guests.len() >= inner.capacity
            && let Some(number) = inner.eviction_candidate(&key, own, share)
        {
            inner.remove(number);
        }
        inner.last_number += 1;
        let (number, out) = (inner.last_number, CancellationToken::new());
        inner
            .groups
            .entry(key.clone())
            .or_insert_with(|| Occupants {
                quota: share,
                occupants: BTreeSet::new(),
            })
            .occupants
            .insert(number);
        inner.guests.insert(
            number,
            Occupant {
                key,
                member,
                since: now,
                identified: false,
                evict_token: out.clone(),
                meter: meter.clone(),
            },
        );
        drop(inner);
        Some(AdmissionPermit {
            admission: self.clone(),
            number,
            evict_token: out,
        })
    }
}

impl<K: Ord> AdmissionControl<K> {
    fn lock(&self) -> MutexGuard<'_, AdmissionState<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> AdmissionState<K> {
    /// Removes an occupant, and tells it so if it is still there.
    fn remove(&mut self, number: u64) {
        let Some(guest) = self.guests.remove(&number) else {
            return;
        };
        guest.evict_token.cancel();
        if let Some(group) = self.groups.get_mut(&guest.key) {
            group.occupants.remove(&number);
            if group.occupants.is_empty() {
                self.groups.remove(&guest.key);
            }
        }
    }

    /// Of a group, the oldest occupant that is not identified.
    fn oldest_unidentified(&self, group: &Occupants) -> Option<u64> {
        group
            .occupants
            .iter()
            .copied()
            .find(|n| self.guests.get(n).is_some_and(|g| !g.identified))
    }

    /// Of a group, the oldest unidentified occupant of the member that holds the most, when that is
    /// more than the newcomer would hold.
    fn heaviest_member(&self, group: &Occupants, newcomer: &K) -> Option<u64> {
        let mut held: BTreeMap<&K, (usize, Option<u64>)> = BTreeMap::new();
        for (number, guest) in group
            .occupants
            .iter()
            .filter_map(|n| Some((*n, self.guests.get(n)?)))
        {
            let (count, first) = held.entry(&guest.member).or_default();
            *count += 1;
            *first = first.or_else(|| (!guest.identified).then_some(number));
        }
        let own = held.get(newcomer).map_or(0, |(count, _)| *count);
        held.into_values()
            .filter(|(count, _)| *count > own + 1)
            .filter_map(|(count, first)| Some((count, std::cmp::Reverse(first?))))
            .max()
            .map(|(_, first)| first.0)
    }

    /// The occupant that is evicted for a newcomer of `key`, which holds `own` of `share`.
    fn eviction_candidate(&self, key: &K, own: usize, share: usize) -> Option<u64> {
        // Compared as parts of their shares: a program on this machine may hold more than a phone.
        let crowds = self
            .groups
            .values()
            .filter(|g| (g.occupants.len() - 1) * share > own * g.quota);
        let most = crowds
            .max_by(|a, b| (a.occupants.len() * b.quota).cmp(&(b.occupants.len() * a.quota)))
            .map(|g| (g.occupants.len(), g.quota));
        let crowded = || {
            self.groups.iter().filter(move |(_, g)| {
                most.is_none_or(|(n, of)| g.occupants.len() * of >= n * g.quota)
            })
        };
        // Two occupants of one key that come together do not displace each other.
        let stranger = crowded()
            .filter(|(k, _)| *k != key)
            .filter_map(|(_, g)| self.oldest_unidentified(g))
            .min();
        let guests = || {
            crowded()
                .flat_map(|(_, g)| g.occupants.iter())
                .filter_map(|n| Some((*n, self.guests.get(n)?)))
        };
        stranger
            .or_else(|| {
                guests()
                    .filter(|(_, g)| g.identified)
                    .min_by_key(|(n, g)| (g.meter.last_activity_at(), *n))
                    .map(|(n, _)| n)
            })
            .or_else(|| guests().map(|(n, _)| n).min())
    }
}

impl<K: Ord> AdmissionPermit<K> {
    /// Waits until the permit is needed for another.
    pub async fn evicted(&self) {
        self.evict_token.cancelled().await;
    }

    /// True when the permit is needed for another.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        self.evict_token.is_cancelled()
    }

    /// Marks the occupant as identified: it has shown who it is or what it wants.
    pub fn mark_identified(&self) {
        if let Some(guest) = self.admission.lock().guests.get_mut(&self.number) {
            guest.identified = true;
        }
    }
}

impl<K: Ord> Drop for AdmissionPermit<K> {
    fn drop(&mut self) {
        self.admission.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        source_network(text.parse().expect("an address"))
    }

    #[test]
    fn an_ipv6_network_counts_once_and_neighbours_on_a_link_each() {
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_ne!(ip("fe80::1"), ip("fe80::2"));
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
        assert_ne!(ip("::1"), ip("::2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_displaces_itself_and_lets_everybody_else_in() {
        let (lobby, meter) = (AdmissionControl::new(8), Meter::start());
        let calm = lobby.acquire("calm", 4, &meter).expect("room");
        let noisy: Vec<_> = (0..4)
            .map(|_| lobby.acquire("noisy", 4, &meter).expect("its share"))
            .collect();
        assert!(
            lobby.acquire("noisy", 4, &meter).is_none(),
            "it has its share, and that is fresh"
        );
        let other: Vec<_> = (0..3)
            .map(|_| lobby.acquire("other", 4, &meter).expect("room"))
            .collect();
        // Full. A newcomer takes the place of the first of the largest crowd, then of the next;
        // never of one that is alone.
        let late = lobby.acquire("late", 4, &meter).expect("there is a place");
        assert_eq!(
            noisy
                .iter()
                .map(AdmissionPermit::is_evicted)
                .collect::<Vec<_>>(),
            [true, false, false, false]
        );
        let later = lobby.acquire("later", 4, &meter).expect("there is a place");
        assert!(
            other[0].is_evicted() != noisy[1].is_evicted(),
            "of two crowds of three, one"
        );
        assert!(
            ![&calm, &late, &later]
                .into_iter()
                .any(AdmissionPermit::is_evicted)
        );
        // Identified occupants are evicted after unidentified ones.
        noisy.iter().for_each(AdmissionPermit::mark_identified);
        tokio::time::advance(EVICTION_GRACE).await;
        let again = lobby.acquire("noisy", 4, &meter);
        assert!(
            again.is_some(),
            "a crowd that is known keeps to its share, and may hold it"
        );
        drop((calm, noisy, other, late, later, again));
        assert!(lobby.lock().groups.is_empty(), "who left costs nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_network_that_counts_as_one_a_crowd_keeps_no_neighbour_out() {
        let lobby = AdmissionControl::new(100);
        let come = |member: u32| lobby.acquire_as(0, member, 4, &Meter::start());
        let lamp = come(1).expect("room");
        let crowd: Vec<_> = (0..3).map(|_| come(2).expect("room")).collect();
        assert!(
            come(2).is_none(),
            "the share is full, and all of it is fresh"
        );
        let other = come(3).expect("a neighbour comes in at once");
        let after: Vec<bool> = crowd.iter().map(AdmissionPermit::is_evicted).collect();
        assert_eq!(after, [true, false, false]);
        assert!(!lamp.is_evicted() && !other.is_evicted());
        crowd.iter().for_each(AdmissionPermit::mark_identified);
        assert!(come(4).is_none(), "who has shown who it is keeps its place");
    }

    #[tokio::test(start_paused = true)]
    async fn where_each_has_one_place_the_oldest_stranger_makes_room_then_who_is_still_longest() {
        let lobby = AdmissionControl::new(3);
        let come = |key: u32| {
            lobby
                .acquire(key, 2, &Meter::start())
                .expect("there is always a place")
        };
        let seats: Vec<_> = (0..3).map(come).collect();
        seats[0].mark_identified();
        let fourth = come(3);
        assert_eq!(
            seats
                .iter()
                .map(AdmissionPermit::is_evicted)
                .collect::<Vec<_>>(),
            [false, true, false]
        );
        fourth.mark_identified();
        seats[2].mark_identified();
        let fifth = come(4);
        assert!(
            seats[0].is_evicted() && !fifth.is_evicted(),
            "all are known: who has been still the longest"
        );
        // The same address again and again keeps its share; the connections that it abandoned make
        // room for it.
        let twins = [come(9), come(9)];
        assert!(
            !twins.iter().any(AdmissionPermit::is_evicted),
            "two that come together do not displace each other"
        );
        assert!(lobby.acquire(9, 2, &Meter::start()).is_none());
        tokio::time::advance(EVICTION_GRACE).await;
        let third = come(9);
        assert_eq!(
            twins
                .iter()
                .chain([&third])
                .map(AdmissionPermit::is_evicted)
                .collect::<Vec<_>>(),
            [true, false, false]
        );
    }
}
