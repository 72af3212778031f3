//! The broker as the pages see it: its counters, its refusals, and the endpoint for the
//! technician's tools. `app::services::broker_admin` fills it in. (Queries to it: `ports::broker`.)

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::protocol::broker::{Counters, Refusal};
use crate::protocol::broker_endpoint::BrokerEndpoint;

/// The status that the broker reported last.
pub struct BrokerStatus {
    counters: watch::Sender<Counters>,
    refusals: watch::Sender<Arc<Vec<Refusal>>>,
    endpoint: OnceLock<BrokerEndpoint>,
}

impl Default for BrokerStatus {
    fn default() -> Self {
        Self {
            counters: watch::Sender::new(Counters::default()),
            refusals: watch::Sender::new(Arc::default()),
            endpoint: OnceLock::new(),
        }
    }
}

impl BrokerStatus {
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
