//! Requests about the guests' devices: the portal asks who somebody is and lets them in, the
//! dashboard ends a session. The guest service answers.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::{RwLock, RwLockWriteGuard, mpsc, oneshot};

use crate::domain::guest::admission::NotNow;
use crate::domain::id::GuestId;

/// How long a request waits for its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests that may wait; a further one is refused at once.
const MAX_WAITING: usize = 256;

/// The device that asks, and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestVisitor {
    /// It is in.
    In {
        /// Seconds until its session ends.
        seconds_left: u32,
        /// Bytes that it may still use; none = no bound.
        bytes_left: Option<u64>,
    },
    /// One tap lets it in.
    Captive,
    /// It is not let in now.
    NotNow(NotNow),
    /// The address is of no device of the guest network: a phone on the staff's wifi, this machine.
    NotAGuest,
    /// No guest network is configured.
    NotServed,
    /// One is configured, and does not work: nobody new is let in.
    OutOfOrder,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy)]
enum Unanswered {
    /// Nobody serves the port.
    NobodyServes,
    /// Somebody does, and does not answer.
    Silent,
}

impl Unanswered {
    fn visitor(self) -> GuestVisitor {
        match self {
            Self::NobodyServes => GuestVisitor::NotServed,
            Self::Silent => GuestVisitor::OutOfOrder,
        }
    }
}

/// A request of a page.
#[derive(Debug)]
pub enum GuestRequest {
    /// How the device with this address stands.
    Look(IpAddr, oneshot::Sender<GuestVisitor>),
    /// Let the device with this address in; answered when the kernel lets it through.
    Enter(IpAddr, oneshot::Sender<GuestVisitor>),
    /// End the session of a device; answered when the kernel stops it. False = it was not in.
    Cut(GuestId, oneshot::Sender<bool>),
}

/// The port of the guest service.
pub struct GuestPort {
    ask: mpsc::Sender<GuestRequest>,
    /// The service holds it for writing as long as it serves.
    inbox: RwLock<mpsc::Receiver<GuestRequest>>,
}

impl Default for GuestPort {
    fn default() -> Self {
        let (ask, inbox) = mpsc::channel(MAX_WAITING);
        Self {
            ask,
            inbox: RwLock::new(inbox),
        }
    }
}

impl GuestPort {
    /// How the device with this address stands.
    pub async fn look(&self, address: IpAddr) -> GuestVisitor {
        let asked = self.ask(|reply| GuestRequest::Look(address, reply)).await;
        asked.unwrap_or_else(Unanswered::visitor)
    }

    /// Lets the device with this address in. When it gives back [`GuestVisitor::In`] the kernel
    /// lets the device through.
    pub async fn enter(&self, address: IpAddr) -> GuestVisitor {
        let asked = self.ask(|reply| GuestRequest::Enter(address, reply)).await;
        asked.unwrap_or_else(Unanswered::visitor)
    }

    /// Ends the session of a device; false = it was not in, none = the network helper does not
    /// answer.
    pub async fn cut(&self, device: GuestId) -> Option<bool> {
        self.ask(|reply| GuestRequest::Cut(device, reply))
            .await
            .ok()
    }

    /// The requests, for the guest service as long as it holds them.
    pub async fn inbox(&self) -> RwLockWriteGuard<'_, mpsc::Receiver<GuestRequest>> {
        self.inbox.write().await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> GuestRequest,
    ) -> Result<T, Unanswered> {
        // Without a guest network, or between two runs of its service, nobody would answer: a page
        // that waits for nobody is a page that a phone gives up.
        if self.inbox.try_read().is_ok() {
            return Err(Unanswered::NobodyServes);
        }
        let (reply, answer) = oneshot::channel();
        let silent = || Unanswered::Silent;
        self.ask.try_send(request(reply)).map_err(|_| silent())?;
        let answered = tokio::time::timeout(REQUEST_TIMEOUT, answer).await;
        answered.map_err(|_| silent())?.map_err(|_| silent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_a_service_nobody_waits_and_with_one_the_answer_is_waited_for() {
        let port = GuestPort::default();
        let address = IpAddr::from([10, 77, 0, 5]);
        let began = tokio::time::Instant::now();
        assert_eq!(port.look(address).await, GuestVisitor::NotServed);
        assert_eq!(began.elapsed(), Duration::ZERO);
        let mut inbox = port.inbox().await;
        let answer = async {
            if let Some(GuestRequest::Look(_, reply)) = inbox.recv().await {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = reply.send(GuestVisitor::Captive);
            }
        };
        let (looked, ()) = tokio::join!(port.look(address), answer);
        assert_eq!(looked, GuestVisitor::Captive);
        // A service that is there and says nothing is out of order, not absent.
        assert_eq!(port.enter(address).await, GuestVisitor::OutOfOrder);
    }
}
