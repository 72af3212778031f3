//! Places by key: how many of something one address, one session may hold at once. A place comes back when it is
//! dropped; a key that holds nothing costs no memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The places; clones are the same.
#[derive(Debug, Clone)]
pub struct Places<K: Ord>(Arc<Mutex<BTreeMap<K, usize>>>);

impl<K: Ord> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub struct Place<K: Ord>(Places<K>, K);

impl<K: Ord + Clone> Places<K> {
    /// A place for `key`, which may hold `each`, while all together hold fewer than `all`.
    #[must_use]
    pub fn take(&self, key: K, each: usize, all: usize) -> Option<Place<K>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(&key).copied().unwrap_or(0);
        if own >= each || all < usize::MAX && held.values().sum::<usize>() >= all {
            return None;
        }
        held.insert(key.clone(), own + 1);
        Some(Place(self.clone(), key))
    }
}

impl<K: Ord> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_and_all_are_bounded_and_places_come_back() {
        let places = Places::default();
        let first: Vec<_> = (0..3).filter_map(|_| places.take("a", 2, 3)).collect();
        assert_eq!(first.len(), 2, "one key has its share");
        let other = places.take("b", 2, 3).expect("another has room");
        assert!(places.take("c", 2, 3).is_none(), "all together are full");
        drop((first, other));
        assert!(places.0.lock().expect("lock").is_empty(), "who holds nothing costs nothing");
    }
}
