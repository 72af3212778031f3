//! Queries of the pages and of the control socket to the broker's worker.
//!
//! `app::services::broker_admin` carries them to the worker. Bounded: a query waits a few seconds
//! at most.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use crate::protocol::broker::{AdminQuery, AdminReply};

/// How long a query waits for its answer.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// A query and the channel for its answer; none = the broker does not answer.
pub type PendingQuery = (AdminQuery, oneshot::Sender<Option<AdminReply>>);

/// The port of the broker's worker.
pub struct BrokerPort {
    queries_tx: mpsc::Sender<PendingQuery>,
    queries_rx: Mutex<mpsc::Receiver<PendingQuery>>,
}

impl Default for BrokerPort {
    fn default() -> Self {
        let (queries_tx, queries_rx) = mpsc::channel(16);
        Self {
            queries_tx,
            queries_rx: Mutex::new(queries_rx),
        }
    }
}

impl BrokerPort {
    /// Sends a query; none = the broker does not answer now.
    pub async fn query(&self, question: AdminQuery) -> Option<AdminReply> {
        let (reply_tx, reply_rx) = oneshot::channel();
        let asking = async {
            self.queries_tx.send((question, reply_tx)).await.ok()?;
            reply_rx.await.ok()?
        };
        tokio::time::timeout(QUERY_TIMEOUT, asking).await.ok()?
    }

    /// The queries, for the task that carries them to the worker.
    pub async fn queries(&self) -> MutexGuard<'_, mpsc::Receiver<PendingQuery>> {
        self.queries_rx.lock().await
    }
}
