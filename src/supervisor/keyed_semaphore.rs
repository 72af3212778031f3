//! Permits by key: how many of something one address may hold at once. Dropping a permit gives it
//! back; a key that holds nothing takes no memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The permits; clones are the same.
#[derive(Debug, Clone)]
pub struct KeyedSemaphore<K: Ord>(Arc<Mutex<BTreeMap<K, usize>>>);

impl<K: Ord> Default for KeyedSemaphore<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One permit; dropping it gives it back.
#[derive(Debug)]
pub struct Permit<K: Ord>(KeyedSemaphore<K>, K);

impl<K: Ord + Clone> KeyedSemaphore<K> {
    /// How many `key` holds.
    #[must_use]
    pub fn held(&self, key: &K) -> usize {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied()
            .unwrap_or(0)
    }

    /// A permit for `key`, which may hold `each`.
    #[must_use]
    pub fn try_acquire(&self, key: K, each: usize) -> Option<Permit<K>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(&key).copied().unwrap_or(0);
        if own >= each {
            return None;
        }
        held.insert(key.clone(), own + 1);
        Some(Permit(self.clone(), key))
    }
}

impl<K: Ord> Drop for Permit<K> {
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
    fn each_is_bounded_and_places_come_back() {
        let places = KeyedSemaphore::default();
        let first: Vec<_> = (0..3).filter_map(|_| places.try_acquire("a", 2)).collect();
        assert_eq!(
            (first.len(), places.held(&"a")),
            (2, 2),
            "one key has its share"
        );
        let other = places.try_acquire("b", 2).expect("another has room");
        drop((first, other));
        assert!(
            places.0.lock().expect("lock").is_empty(),
            "who holds nothing costs nothing"
        );
    }
}
