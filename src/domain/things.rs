//! All things of one noun, as the state holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

/// All things of one noun, by id.
pub type Things<K, V> = Arc<BTreeMap<K, Arc<V>>>;

/// Adds a thing, or replaces the one that has the id.
pub(super) fn put<K: Ord + Clone, V>(things: &mut Things<K, V>, key: K, value: V) {
    Arc::make_mut(things).insert(key, Arc::new(value));
}

/// Changes a thing; a thing that is not there stays away.
pub(super) fn update_entry<K: Ord + Clone, V: Clone>(
    things: &mut Things<K, V>,
    key: &K,
    how: impl FnOnce(&mut V),
) {
    if things.contains_key(key)
        && let Some(value) = Arc::make_mut(things).get_mut(key)
    {
        how(Arc::make_mut(value));
    }
}

/// Removes a thing, if it is there.
pub(super) fn remove<K: Ord + Clone, V>(things: &mut Things<K, V>, key: &K) {
    if things.contains_key(key) {
        Arc::make_mut(things).remove(key);
    }
}
