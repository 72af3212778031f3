//! The broker as the doors see it: what it counted, what it answers when asked, the way to it for
//! the technician's tools.
//!
//! The root that keeps the worker fills it; the doors only ask. Bounded: an asker waits a few
//! seconds at most.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot, watch};

use crate::protocol::broker::{AdminQuery, AdminReply, Counters, Refusal};
use crate::protocol::broker_endpoint::BrokerEndpoint;

/// How long an asker waits.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// A question and who waits for its answer.
pub type PendingQuery = (AdminQuery, oneshot::Sender<Option<AdminReply>>);

/// The broker's desk.
pub struct BrokerClient {
    queries_tx: mpsc::Sender<PendingQuery>,
    queries_rx: Mutex<mpsc::Receiver<PendingQuery>>,
    counters: watch::Sender<Counters>,
    refusals: watch::Sender<Arc<Vec<Refusal>>>,
    endpoint: OnceLock<BrokerEndpoint>,
}

impl Default for BrokerClient {
    fn default() -> Self {
        let (ask, asked) = mpsc::channel(16);
        Self {
            queries_tx: ask,
            queries_rx: Mutex::new(asked),
            counters: watch::Sender::new(Counters::default()),
            refusals: watch::Sender::new(Arc::default()),
            endpoint: OnceLock::new(),
        }
    }
}

impl BrokerClient {
    /// Asks; none = the broker does not answer now.
    pub async fn query(&self, question: AdminQuery) -> Option<AdminReply> {
        let (tell, told) = oneshot::channel();
        let asking = async {
            self.queries_tx.send((question, tell)).await.ok()?;
            told.await.ok()?
        };
        tokio::time::timeout(QUERY_TIMEOUT, asking).await.ok()?
    }

    /// The questions, for the one who carries them to the worker.
    pub async fn queries(&self) -> MutexGuard<'_, mpsc::Receiver<PendingQuery>> {
        self.queries_rx.lock().await
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
    pub fn endpoint(&self) -> Option<BrokerEndpoint> {
        self.endpoint.get().cloned()
    }

    /// Makes the way known.
    pub fn set_endpoint(&self, way: BrokerEndpoint) {
        let _ = self.endpoint.set(way);
    }
}

/// Clones are the same.
pub type SharedBrokerClient = Arc<BrokerClient>;
