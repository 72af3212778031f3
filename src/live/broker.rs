//! The broker as the doors see it: what it counted, what it answers when asked, the way to it for
//! the technician's tools.
//!
//! The root that keeps the worker fills it; the doors only ask. Bounded: an asker waits a few
//! seconds at most.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot, watch};

use crate::protocol::broker::{Answer, Counters, Question, Refusal};
use crate::protocol::way::Way;

/// How long an asker waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// A question and who waits for its answer.
pub type Asked = (Question, oneshot::Sender<Option<Answer>>);

/// The broker's desk.
pub struct Desk {
    ask: mpsc::Sender<Asked>,
    asked: Mutex<mpsc::Receiver<Asked>>,
    counters: watch::Sender<Counters>,
    refusals: watch::Sender<Arc<Vec<Refusal>>>,
    way: OnceLock<Way>,
}

impl Default for Desk {
    fn default() -> Self {
        let (ask, asked) = mpsc::channel(16);
        Self {
            ask,
            asked: Mutex::new(asked),
            counters: watch::Sender::new(Counters::default()),
            refusals: watch::Sender::new(Arc::default()),
            way: OnceLock::new(),
        }
    }
}

impl Desk {
    /// Asks; none = the broker does not answer now.
    pub async fn ask(&self, question: Question) -> Option<Answer> {
        let (tell, told) = oneshot::channel();
        let asking = async {
            self.ask.send((question, tell)).await.ok()?;
            told.await.ok()?
        };
        tokio::time::timeout(PATIENCE, asking).await.ok()?
    }

    /// The questions, for the one who carries them to the worker.
    pub async fn questions(&self) -> MutexGuard<'_, mpsc::Receiver<Asked>> {
        self.asked.lock().await
    }

    /// What the broker counted last.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.borrow().clone()
    }

    /// The broker counted.
    pub fn set_counters(&self, counters: Counters) {
        self.counters.send_replace(counters);
    }

    /// The last refusals, oldest first.
    #[must_use]
    pub fn refusals(&self) -> Arc<Vec<Refusal>> {
        self.refusals.borrow().clone()
    }

    /// The broker refused these.
    pub fn set_refusals(&self, refusals: Vec<Refusal>) {
        self.refusals.send_replace(Arc::new(refusals));
    }

    /// The way for the house's own clients; none = not known yet.
    #[must_use]
    pub fn way(&self) -> Option<Way> {
        self.way.get().cloned()
    }

    /// Makes the way known.
    pub fn set_way(&self, way: Way) {
        let _ = self.way.set(way);
    }
}

/// Clones are the same.
pub type Broker = Arc<Desk>;
