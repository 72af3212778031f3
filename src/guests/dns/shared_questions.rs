//! Questions that are on their way to a resolver: the same question of several devices goes out
//! once.
//!
//! Three hundred phones that probe for the portal ask the same name. One question also gives a
//! forger one chance to guess, not three hundred.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use super::question::QuestionKey;
use super::stored_answer::StoredAnswer;
use super::upstream::UpstreamError;

/// The outcome of a question.
pub type SharedOutcome = Result<Arc<StoredAnswer>, UpstreamError>;

/// The questions on their way.
#[derive(Debug, Clone, Default)]
pub struct SharedQuestions(Arc<Mutex<HashMap<QuestionKey, broadcast::Sender<SharedOutcome>>>>);

/// The part of one device in a question.
#[derive(Debug)]
pub enum Seat {
    /// It asks, and tells the others.
    Leader(Leader),
    /// Another asks; its outcome comes here.
    Follower(broadcast::Receiver<SharedOutcome>),
}

/// Holds a question; when it is dropped without an outcome, those who wait learn that too.
#[derive(Debug)]
pub struct Leader {
    shared: SharedQuestions,
    /// None = the outcome is published, and the same question may be on its way anew.
    key: Option<QuestionKey>,
}

impl SharedQuestions {
    /// Joins the question that is on its way, or begins it.
    #[must_use]
    pub fn join(&self, key: &QuestionKey) -> Seat {
        let mut shared = self.lock();
        if let Some(sender) = shared.get(key) {
            return Seat::Follower(sender.subscribe());
        }
        shared.insert(key.clone(), broadcast::Sender::new(1));
        Seat::Leader(Leader {
            shared: self.clone(),
            key: Some(key.clone()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QuestionKey, broadcast::Sender<SharedOutcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Tells the outcome to those who wait.
    pub fn finish(mut self, outcome: &SharedOutcome) {
        let sender = self.take();
        if let Some(sender) = sender {
            // An error says that nobody waits.
            let _ = sender.send(outcome.clone());
        }
    }

    fn take(&mut self) -> Option<broadcast::Sender<SharedOutcome>> {
        let key = self.key.take()?;
        self.shared.lock().remove(&key)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        drop(self.take());
    }
}
