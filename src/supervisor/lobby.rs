//! A door's places, so given that nobody who came first keeps others out.
//!
//! Invariants: a newcomer finds a place though all are taken, unless its own address (or session)
//! has its share; in a network that counts as one, whoever of it holds the most makes room for a
//! neighbour that holds less; else who makes room is of those that hold more of their share than
//! the newcomer would, so a crowd displaces itself; of them the one that came first and has shown
//! nothing yet (who it is, what it wants), and only then one that has, who has been still the
//! longest. Each door has a lobby of its own: what happens at one closes no other. A place comes
//! back when it is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::meter::Meter;

/// So long nobody of an address that has its share makes room for another of it: they come in at
/// once after a power cut.
const FRESH: Duration = Duration::from_secs(1);

/// Under which a peer's places are counted: whoever has an IPv6 network has 2^64 addresses of it.
/// Addresses of one link are counted each, all neighbours share that network.
#[must_use]
pub fn neighbour(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local() => {
            Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

#[derive(Debug)]
struct Guest<K> {
    key: K,
    /// Who it is among those of one key.
    member: K,
    came: Instant,
    /// It has shown who it is or what it wants.
    known: bool,
    out: CancellationToken,
    meter: Arc<Meter>,
}

/// Those of one key, by number, and how many they may be.
#[derive(Debug)]
struct Group {
    share: usize,
    guests: BTreeSet<u64>,
}

#[derive(Debug)]
struct Inner<K> {
    most: usize,
    last: u64,
    /// By the order in which they came.
    guests: BTreeMap<u64, Guest<K>>,
    groups: BTreeMap<K, Group>,
}

/// The lobby of a door; clones are the same.
#[derive(Debug)]
pub struct Lobby<K: Ord>(Arc<Mutex<Inner<K>>>);

impl<K: Ord> Clone for Lobby<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A place.
#[derive(Debug)]
pub struct Seat<K: Ord> {
    lobby: Lobby<K>,
    number: u64,
    out: CancellationToken,
}

impl<K: Ord + Clone> Lobby<K> {
    /// A lobby with so many places.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            most: most.max(1),
            last: 0,
            guests: BTreeMap::new(),
            groups: BTreeMap::new(),
        })))
    }

    /// A place for one more of `key`, which may hold `share`; none = it holds its share, and all of
    /// it is fresh or known.
    #[must_use]
    pub fn enter(&self, key: K, share: usize, meter: &Arc<Meter>) -> Option<Seat<K>> {
        self.enter_as(key.clone(), key, share, meter)
    }

    /// The same for one of several that share a key: the neighbours of an IPv6 network.
    #[must_use]
    pub fn enter_as(&self, key: K, member: K, share: usize, meter: &Arc<Meter>) -> Option<Seat<K>> {
        let now = Instant::now();
        let mut inner = self.lock();
        let own = inner.groups.get(&key).map_or(0, |g| g.guests.len());
        if own >= share {
            let group = inner.groups.get(&key)?;
            let greedy = inner.greedy_of(group, &member);
            let first = greedy.or_else(|| inner.stranger_of(group))?;
            let stale = inner
                .guests
                .get(&first)
                .is_some_and(|g| now.saturating_duration_since(g.came) >= FRESH);
            inner.leave(if greedy.is_some() || stale {
                first
            } else {
                return None;
            });
        } else if inner.guests.len() >= inner.most
            && let Some(number) = inner.displaced(&key, own, share)
        {
            inner.leave(number);
        }
        inner.last += 1;
        let (number, out) = (inner.last, CancellationToken::new());
        inner
            .groups
            .entry(key.clone())
            .or_insert_with(|| Group {
                share,
                guests: BTreeSet::new(),
            })
            .guests
            .insert(number);
        inner.guests.insert(
            number,
            Guest {
                key,
                member,
                came: now,
                known: false,
                out: out.clone(),
                meter: meter.clone(),
            },
        );
        drop(inner);
        Some(Seat {
            lobby: self.clone(),
            number,
            out,
        })
    }
}

impl<K: Ord> Lobby<K> {
    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> Inner<K> {
    /// Takes a guest out, and tells it if it is still there.
    fn leave(&mut self, number: u64) {
        let Some(guest) = self.guests.remove(&number) else {
            return;
        };
        guest.out.cancel();
        if let Some(group) = self.groups.get_mut(&guest.key) {
            group.guests.remove(&number);
            if group.guests.is_empty() {
                self.groups.remove(&guest.key);
            }
        }
    }

    /// Of a group, who came first and has shown nothing.
    fn stranger_of(&self, group: &Group) -> Option<u64> {
        group
            .guests
            .iter()
            .copied()
            .find(|n| self.guests.get(n).is_some_and(|g| !g.known))
    }

    /// Of a group, the first stranger of the member that holds the most, when that is more than the
    /// newcomer would.
    fn greedy_of(&self, group: &Group, newcomer: &K) -> Option<u64> {
        let mut held: BTreeMap<&K, (usize, Option<u64>)> = BTreeMap::new();
        for (number, guest) in group
            .guests
            .iter()
            .filter_map(|n| Some((*n, self.guests.get(n)?)))
        {
            let (count, first) = held.entry(&guest.member).or_default();
            *count += 1;
            *first = first.or_else(|| (!guest.known).then_some(number));
        }
        let own = held.get(newcomer).map_or(0, |(count, _)| *count);
        held.into_values()
            .filter(|(count, _)| *count > own + 1)
            .filter_map(|(count, first)| Some((count, std::cmp::Reverse(first?))))
            .max()
            .map(|(_, first)| first.0)
    }

    /// Who makes room for a newcomer of `key`, which holds `own` of `share`.
    fn displaced(&self, key: &K, own: usize, share: usize) -> Option<u64> {
        // Compared as parts of their shares: a program on this machine may hold more than a phone.
        let crowds = self
            .groups
            .values()
            .filter(|g| (g.guests.len() - 1) * share > own * g.share);
        let most = crowds
            .max_by(|a, b| (a.guests.len() * b.share).cmp(&(b.guests.len() * a.share)))
            .map(|g| (g.guests.len(), g.share));
        let crowded = || {
            self.groups
                .iter()
                .filter(move |(_, g)| most.is_none_or(|(n, of)| g.guests.len() * of >= n * g.share))
        };
        // Two that come together do not displace each other.
        let stranger = crowded()
            .filter(|(k, _)| *k != key)
            .filter_map(|(_, g)| self.stranger_of(g))
            .min();
        let guests = || {
            crowded()
                .flat_map(|(_, g)| g.guests.iter())
                .filter_map(|n| Some((*n, self.guests.get(n)?)))
        };
        stranger
            .or_else(|| {
                guests()
                    .filter(|(_, g)| g.known)
                    .min_by_key(|(n, g)| (g.meter.moved_at(), *n))
                    .map(|(n, _)| n)
            })
            .or_else(|| guests().map(|(n, _)| n).min())
    }
}

impl<K: Ord> Seat<K> {
    /// Waits until the place is needed for another.
    pub async fn needed(&self) {
        self.out.cancelled().await;
    }

    /// True when the place is needed for another.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.out.is_cancelled()
    }

    /// It has shown who it is or what it wants.
    pub fn is_known(&self) {
        if let Some(guest) = self.lobby.lock().guests.get_mut(&self.number) {
            guest.known = true;
        }
    }
}

impl<K: Ord> Drop for Seat<K> {
    fn drop(&mut self) {
        self.lobby.lock().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        neighbour(text.parse().expect("an address"))
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
        let (lobby, meter) = (Lobby::new(8), Meter::begun());
        let calm = lobby.enter("calm", 4, &meter).expect("room");
        let noisy: Vec<_> = (0..4)
            .map(|_| lobby.enter("noisy", 4, &meter).expect("its share"))
            .collect();
        assert!(
            lobby.enter("noisy", 4, &meter).is_none(),
            "it has its share, and that is fresh"
        );
        let other: Vec<_> = (0..3)
            .map(|_| lobby.enter("other", 4, &meter).expect("room"))
            .collect();
        // Full. A newcomer takes the place of the first of the largest crowd, then of the next;
        // never of one that is alone.
        let late = lobby.enter("late", 4, &meter).expect("there is a place");
        assert_eq!(
            noisy.iter().map(Seat::is_needed).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        let later = lobby.enter("later", 4, &meter).expect("there is a place");
        assert!(
            other[0].is_needed() != noisy[1].is_needed(),
            "of two crowds of three, one"
        );
        assert!(![&calm, &late, &later].into_iter().any(Seat::is_needed));
        // Who has shown who it is goes after who has not.
        noisy.iter().for_each(Seat::is_known);
        tokio::time::advance(FRESH).await;
        let again = lobby.enter("noisy", 4, &meter);
        assert!(
            again.is_some(),
            "a crowd that is known keeps to its share, and may hold it"
        );
        drop((calm, noisy, other, late, later, again));
        assert!(lobby.lock().groups.is_empty(), "who left costs nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_network_that_counts_as_one_a_crowd_keeps_no_neighbour_out() {
        let lobby = Lobby::new(100);
        let come = |member: u32| lobby.enter_as(0, member, 4, &Meter::begun());
        let lamp = come(1).expect("room");
        let crowd: Vec<_> = (0..3).map(|_| come(2).expect("room")).collect();
        assert!(
            come(2).is_none(),
            "the share is full, and all of it is fresh"
        );
        let other = come(3).expect("a neighbour comes in at once");
        let after: Vec<bool> = crowd.iter().map(Seat::is_needed).collect();
        assert_eq!(after, [true, false, false]);
        assert!(!lamp.is_needed() && !other.is_needed());
        crowd.iter().for_each(Seat::is_known);
        assert!(come(4).is_none(), "who has shown who it is keeps its place");
    }

    #[tokio::test(start_paused = true)]
    async fn where_everybody_has_one_place_the_oldest_stranger_makes_room_then_who_is_still_longest()
     {
        let lobby = Lobby::new(3);
        let come = |key: u32| {
            lobby
                .enter(key, 2, &Meter::begun())
                .expect("there is always a place")
        };
        let seats: Vec<_> = (0..3).map(come).collect();
        seats[0].is_known();
        let fourth = come(3);
        assert_eq!(
            seats.iter().map(Seat::is_needed).collect::<Vec<_>>(),
            [false, true, false]
        );
        fourth.is_known();
        seats[2].is_known();
        let fifth = come(4);
        assert!(
            seats[0].is_needed() && !fifth.is_needed(),
            "all are known: who has been still the longest"
        );
        // The same address again and again keeps its share; what it left lying makes room for it.
        let twins = [come(9), come(9)];
        assert!(
            !twins.iter().any(Seat::is_needed),
            "two that come together do not displace each other"
        );
        assert!(lobby.enter(9, 2, &Meter::begun()).is_none());
        tokio::time::advance(FRESH).await;
        let third = come(9);
        assert_eq!(
            twins
                .iter()
                .chain([&third])
                .map(Seat::is_needed)
                .collect::<Vec<_>>(),
            [true, false, false]
        );
    }
}
