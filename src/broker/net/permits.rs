//! The permits of connections: half-open ones, until their client is authenticated, and those of
//! connected clients.
//!
//! Invariants: a connected client takes no half-open permit, and a half-open connection takes no
//! connection permit. A half-open permit may be needed for another client and is then reclaimed
//! (`AdmissionControl`); a connection permit is its client's until the connection ends.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::protocol::broker::{Limits, RefusalReason};
use crate::supervisor::admission::AdmissionPermit;
use crate::supervisor::keyed_semaphore::{KeyedSemaphore, Permit};

/// The permits of the clients that are authenticated: of all, and of each address.
pub struct ConnectionPermits {
    all: Arc<Semaphore>,
    per_address: KeyedSemaphore<IpAddr>,
    per_address_max: usize,
}

impl ConnectionPermits {
    pub fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(limits.connections)),
            per_address: KeyedSemaphore::default(),
            per_address_max: limits.per_address,
        })
    }

    /// The reason why a connection from there could get no permit now, if there is one.
    pub fn refusal(&self, address: &IpAddr) -> Option<RefusalReason> {
        if self.all.available_permits() == 0 {
            return Some(RefusalReason::ConnectionsExceeded);
        }
        (self.per_address.held(address) >= self.per_address_max)
            .then_some(RefusalReason::AddressConnectionsExceeded)
    }
}

/// The right to be connected without having completed CONNECT yet.
pub struct HalfOpenPermit {
    admission: AdmissionPermit<IpAddr>,
    address: IpAddr,
    connections: Arc<ConnectionPermits>,
}

/// The right to be connected as an authenticated client.
pub struct ConnectionPermit(
    #[expect(dead_code, reason = "held, then dropped")] OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held, then dropped")] Permit<IpAddr>,
);

impl HalfOpenPermit {
    pub fn new(
        admission: AdmissionPermit<IpAddr>,
        address: IpAddr,
        connections: Arc<ConnectionPermits>,
    ) -> Self {
        Self {
            admission,
            address,
            connections,
        }
    }

    /// The client is authenticated: exchanges its half-open permit for a connection permit. The
    /// error is a CONNACK reason code and a sentence.
    pub fn admit(self) -> Result<ConnectionPermit, RefusalReason> {
        if self.admission.is_evicted() {
            return Err(RefusalReason::PermitReclaimed);
        }
        let Ok(permit) = self.connections.all.clone().try_acquire_owned() else {
            return Err(RefusalReason::ConnectionsExceeded);
        };
        let Some(per_address) = self
            .connections
            .per_address
            .try_acquire(self.address, self.connections.per_address_max)
        else {
            return Err(RefusalReason::AddressConnectionsExceeded);
        };
        Ok(ConnectionPermit(permit, per_address))
    }
}

/// Waits for `work` of a half-open connection, until the deadline, or until its permit is needed
/// for another; the error says which. None = the gateway's own client, whose permit is never needed
/// for another.
pub async fn with_deadline<T>(
    half_open: Option<&HalfOpenPermit>,
    until: Instant,
    work: impl Future<Output = T>,
) -> Result<T, RefusalReason> {
    let needed = async {
        match half_open {
            Some(permit) => permit.admission.evicted().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = needed => Err(RefusalReason::PermitReclaimed),
        done = work => Ok(done),
        () = tokio::time::sleep_until(until) => Err(RefusalReason::HandshakeTimedOut),
    }
}
