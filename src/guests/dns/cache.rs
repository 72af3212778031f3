//! Answers of resolvers that are given again, within their time; past it only when no resolver
//! answers.
//!
//! Invariants: bounded by number and by bytes, and what was used longest ago makes room; nothing in
//! it says who asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::question::QuestionKey;
use super::stored_answer::StoredAnswer;
use crate::time::MonoMs;

/// For how long past its time an answer may be given while no resolver answers, s [RFC 8767, 5].
const MAX_STALE_S: u64 = 86_400;

/// Bounds of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Most answers.
    pub answers: usize,
    /// Most bytes in all.
    pub bytes: usize,
    /// Largest answer that is stored, bytes.
    pub answer_bytes: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            answers: 10_000,
            bytes: 4 * 1024 * 1024,
            answer_bytes: 8 * 1024,
        }
    }
}

#[derive(Debug)]
struct CachedAnswer {
    answer: Arc<StoredAnswer>,
    stored_at: MonoMs,
    cost_bytes: usize,
    used: u64,
}

#[derive(Debug, Default)]
struct CachedAnswers {
    by_key: HashMap<QuestionKey, CachedAnswer>,
    /// By the order in which they were last used.
    by_use: BTreeMap<u64, QuestionKey>,
    last_use: u64,
    bytes: usize,
}

/// The answer of the cache to a question.
#[derive(Debug)]
pub enum CacheHit {
    /// An answer within its time, and how many seconds old.
    Fresh(Arc<StoredAnswer>, u32),
    /// An answer past its time.
    Stale(Arc<StoredAnswer>),
}

/// The cache.
#[derive(Debug)]
pub struct AnswerCache {
    limits: CacheLimits,
    entries: Mutex<CachedAnswers>,
}

impl AnswerCache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            entries: Mutex::default(),
        }
    }

    /// The answer to a question, if there is one.
    #[must_use]
    pub fn find(&self, key: &QuestionKey, now: MonoMs) -> Option<CacheHit> {
        let mut entries = self.lock();
        let entries = &mut *entries;
        let entry = entries.by_key.get_mut(key)?;
        let age_s = now.since(entry.stored_at) / 1_000;
        let lifetime_s = u64::from(entry.answer.lifetime_s());
        if age_s >= lifetime_s + MAX_STALE_S {
            entries.remove(key);
            return None;
        }
        entries.last_use += 1;
        if let Some(key) = entries.by_use.remove(&entry.used) {
            entries.by_use.insert(entries.last_use, key);
        }
        entry.used = entries.last_use;
        let answer = entry.answer.clone();
        Some(if age_s < lifetime_s {
            CacheHit::Fresh(answer, u32::try_from(age_s).unwrap_or(u32::MAX))
        } else {
            CacheHit::Stale(answer)
        })
    }

    /// Stores an answer that may be given again.
    pub fn store(&self, key: &QuestionKey, answer: &Arc<StoredAnswer>, now: MonoMs) {
        let cost_bytes = answer.cost_bytes() + 2 * key.len() + size_of::<CachedAnswer>();
        if answer.lifetime_s() == 0 || cost_bytes > self.limits.answer_bytes {
            return;
        }
        let mut entries = self.lock();
        entries.remove(key);
        entries.last_use += 1;
        let entry = CachedAnswer {
            answer: answer.clone(),
            stored_at: now,
            cost_bytes,
            used: entries.last_use,
        };
        entries.bytes += cost_bytes;
        let used = entries.last_use;
        entries.by_use.insert(used, key.clone());
        entries.by_key.insert(key.clone(), entry);
        while entries.by_key.len() > self.limits.answers || entries.bytes > self.limits.bytes {
            let Some((_, oldest)) = entries.by_use.pop_first() else {
                break;
            };
            entries.remove(&oldest);
        }
    }

    /// How many answers there are, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let entries = self.lock();
        (entries.by_key.len(), entries.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, CachedAnswers> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedAnswers {
    fn remove(&mut self, key: &QuestionKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.cost_bytes;
        }
    }
}
