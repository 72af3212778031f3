//! The cost that one device may cause: questions a second, and before it came in a number of
//! different names and of bytes in some minutes.
//!
//! Invariants: a budget that is used up leaves names that were asked before as they were; the table
//! is bounded, and the device that was noted first makes room.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::policy::DeviceKey;
use super::question::QuestionKey;
use crate::time::MonoMs;

/// Most devices that are noted at a time.
const MAX_DEVICES: usize = 2_048;

/// Bounds of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Questions a second, in the long run.
    pub questions_per_second: u32,
    /// Questions at once.
    pub burst: u32,
    /// The time that the next two are counted in.
    pub window: Duration,
    /// Different questions that are sent to a resolver for a device that is captive.
    pub names: usize,
    /// Bytes to and from a resolver for a device that is captive.
    pub bytes: u64,
}

impl Default for BudgetLimits {
    /// A phone that joins asks some hundred names in the first minutes; a tunnel in so many bytes
    /// is slower than a telex.
    fn default() -> Self {
        Self {
            questions_per_second: 30,
            burst: 60,
            window: Duration::from_secs(600),
            names: 300,
            bytes: 100_000,
        }
    }
}

#[derive(Debug)]
struct DeviceBudget {
    number: u64,
    /// Thousandths of a question that it may ask at once.
    tokens: u64,
    refilled_at: MonoMs,
    window_began: MonoMs,
    /// Short hashes of the questions that went to a resolver.
    asked: HashSet<u32>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Table {
    devices: HashMap<DeviceKey, DeviceBudget>,
    /// By the order in which they were noted.
    order: BTreeMap<u64, DeviceKey>,
    last_number: u64,
}

/// The budgets of all devices.
#[derive(Debug)]
pub struct Budgets {
    limits: BudgetLimits,
    hasher: RandomState,
    table: Mutex<Table>,
}

impl Budgets {
    /// Every device has everything left.
    #[must_use]
    pub fn new(limits: BudgetLimits) -> Self {
        Self {
            limits,
            hasher: RandomState::new(),
            table: Mutex::default(),
        }
    }

    /// Takes one question of the device's rate; false = it has asked too fast.
    pub fn may_ask(&self, device: DeviceKey, now: MonoMs) -> bool {
        let mut table = self.lock();
        let limits = self.limits;
        let budget = table.device(device, now, limits);
        let most = u64::from(limits.burst.max(1)) * 1_000;
        let refill = now
            .since(budget.refilled_at)
            .saturating_mul(u64::from(limits.questions_per_second));
        budget.tokens = budget.tokens.saturating_add(refill).min(most);
        budget.refilled_at = now;
        let Some(left) = budget.tokens.checked_sub(1_000) else {
            return false;
        };
        budget.tokens = left;
        true
    }

    /// Notes that a question of so many bytes goes to a resolver for a device that is captive;
    /// false = it must not, the budget is used up.
    pub fn spend(&self, device: DeviceKey, key: &QuestionKey, bytes: u64, now: MonoMs) -> bool {
        let hash = u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0);
        let mut table = self.lock();
        let budget = table.device(device, now, self.limits);
        let is_known = budget.asked.contains(&hash);
        if budget.bytes >= self.limits.bytes
            || (!is_known && budget.asked.len() >= self.limits.names)
        {
            return false;
        }
        budget.asked.insert(hash);
        budget.bytes = budget.bytes.saturating_add(bytes);
        true
    }

    /// Adds the bytes of a reply.
    pub fn add_reply(&self, device: DeviceKey, bytes: u64, now: MonoMs) {
        let mut table = self.lock();
        let budget = table.device(device, now, self.limits);
        budget.bytes = budget.bytes.saturating_add(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn device(&mut self, key: DeviceKey, now: MonoMs, limits: BudgetLimits) -> &mut DeviceBudget {
        if !self.devices.contains_key(&key) {
            while self.devices.len() >= MAX_DEVICES {
                let Some((_, oldest)) = self.order.pop_first() else {
                    break;
                };
                self.devices.remove(&oldest);
            }
        }
        let Self {
            devices,
            order,
            last_number,
        } = self;
        let budget = devices.entry(key).or_insert_with(|| {
            *last_number += 1;
            order.insert(*last_number, key);
            DeviceBudget {
                number: *last_number,
                tokens: u64::from(limits.burst.max(1)) * 1_000,
                refilled_at: now,
                window_began: now,
                asked: HashSet::new(),
                bytes: 0,
            }
        });
        let window_ms = u64::try_from(limits.window.as_millis()).unwrap_or(u64::MAX);
        if now.since(budget.window_began) >= window_ms {
            order.remove(&budget.number);
            *last_number += 1;
            order.insert(*last_number, key);
            budget.number = *last_number;
            budget.window_began = now;
            budget.asked = HashSet::new();
            budget.bytes = 0;
        }
        budget
    }
}
