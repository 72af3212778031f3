//! The broker as the pages see it: its counters, its answers to queries, and the endpoint for the
//! technician's tools.
//!
//! `app::broker_admin` carries the queries to the worker and fills in the rest; the pages only read
//! and query. Bounded: a query waits a few seconds at most.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot, watch};

use crate::protocol::broker::{AdminQuery, AdminReply, Counters, Refusal};
use crate::protocol::broker_endpoint::BrokerEndpoint;

/// How long a query waits for its answer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// A query and the channel for its answer; none = the broker does not answer.
pub type PendingQuery = (AdminQuery, oneshot::Sender<Option<AdminReply>>);

/// Access to the broker for the pages and the control socket.
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
    /// Sends a query; none = the broker does not answer now.
    pub async fn query(&self, question: AdminQuery) -> Option<AdminReply> {
        let (tell, told) = oneshot::channel();
        let asking = async {
            self.queries_tx.send((question, tell)).await.ok()?;
            told.await.ok()?
        };
        tokio::time::timeout(QUERY_TIMEOUT, asking).await.ok()?
    }

    /// The queries, for the task that carries them to the worker.
    pub async fn queries(&self) -> MutexGuard<'_, mpsc::Receiver<PendingQuery>> {
        self.queries_rx.lock().await
    }

    /// The newest counters of the broker.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.borrow().clone()
    }

    /// Takes new counters of the broker.
    pub fn set_counters(&self, counters: Counters) {
        self.counters.send_replace(counters);
    }

    /// The last refusals, oldest first.
    #[must_use]
    pub fn refusals(&self) -> Arc<Vec<Refusal>> {
        self.refusals.borrow().clone()
    }

    /// Takes the last refusals of the broker, oldest first.
    pub fn set_refusals(&self, refusals: Vec<Refusal>) {
        self.refusals.send_replace(Arc::new(refusals));
    }

    /// The endpoint for the gateway's own clients; none = not known yet.
    #[must_use]
    pub fn endpoint(&self) -> Option<BrokerEndpoint> {
        self.endpoint.get().cloned()
    }

    /// Sets the endpoint; only the first call has an effect.
    pub fn set_endpoint(&self, way: BrokerEndpoint) {
        let _ = self.endpoint.set(way);
    }
}

/// A shared [`BrokerClient`].
pub type SharedBrokerClient = Arc<BrokerClient>;
