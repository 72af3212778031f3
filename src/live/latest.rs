//! The latest value of each entity and when each device was last heard.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::domain::id::{DeviceId, EntityId};

/// A value as it was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The number; 1 and 0 for on and off.
    pub number: f64,
    /// Wall ms.
    pub at: i64,
    /// Monotonic ms.
    pub mono_ms: u64,
}

#[derive(Debug, Default)]
struct Inner {
    values: BTreeMap<EntityId, Value>,
    heard: BTreeMap<DeviceId, u64>,
}

/// Latest values; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    inner: Arc<RwLock<Inner>>,
    changed: watch::Sender<u64>,
}

impl Latest {
    /// Takes a value; wakes those who watch.
    pub fn set(&self, entity: &EntityId, value: Value) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).values.insert(entity.clone(), value);
        self.changed.send_modify(|n| *n += 1);
    }

    /// The latest value.
    #[must_use]
    pub fn get(&self, entity: &EntityId) -> Option<Value> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).values.get(entity).copied()
    }

    /// A device said something at monotonic ms.
    pub fn hear(&self, device: &DeviceId, mono_ms: u64) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).heard.insert(device.clone(), mono_ms);
    }

    /// When a device was last heard, monotonic ms.
    #[must_use]
    pub fn heard(&self, device: &DeviceId) -> Option<u64> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).heard.get(device).copied()
    }

    /// Wakes after each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
