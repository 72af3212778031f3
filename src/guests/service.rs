//! The guest service: it keeps the network helper's sessions as the village's rules have them, and
//! answers the pages.
//!
//! Invariants: one task, so that everything happens in one order; a page is told that a device is
//! in only after the helper said so; without the helper nobody new gets in, and the kernel goes on
//! by itself. The use of the day is written every minute and at the end.

mod running;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use self::running::Running;
use super::dns::exchange::Randomness;
use super::dns::garden::OpenAddresses;
use super::dns::policy::DnsPolicy;
use super::helper::{HelperLink, HelperRefusal, LinkError};
use super::identity::GuestKey;
use super::known::KnownDevices;
use super::uplinks::KernelFiles;
use crate::config::network::NetworkConfig;
use crate::journal::Journal;
use crate::live::guests::{GuestsNow, GuestsStatus};
use crate::ports::guests::{GuestPort, GuestRequest, GuestVisitor};
use crate::protocol::netd::NetworkPlan;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::io_cause::IoCause;

/// How often a helper that does not answer is tried again.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// Why the service is not connected any more.
#[derive(Debug)]
enum Trouble {
    Link(LinkError),
    Refused(HelperRefusal),
}

impl From<LinkError> for Trouble {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl Trouble {
    fn reason(self, socket: &std::path::Path) -> HealthReason {
        match self {
            Self::Link(LinkError::Socket(cause)) => HealthReason::NetworkHelperUnreachable {
                socket: socket.display().to_string(),
                cause: IoCause::from(cause),
            },
            Self::Link(LinkError::TimedOut | LinkError::NotUnderstood) => {
                HealthReason::NetworkHelperSilent
            }
            Self::Refused(refusal) => HealthReason::NetworkRefused {
                detail: format!("{:?} {}", refusal.reason, refusal.detail),
            },
        }
    }
}

/// Everything that the guest service works with; clones share it.
#[derive(Clone)]
pub struct GuestService {
    /// The networks of the box.
    pub network: NetworkConfig,
    /// The plan of the kernel's rules; the speeds come from the village's rules.
    pub plan: NetworkPlan,
    /// Names of this machine, which lead to its pages.
    pub names: Vec<String>,
    /// The key of the devices' ids.
    pub key: GuestKey,
    /// Where what was used is kept.
    pub folder: PathBuf,
    /// The village's decisions.
    pub journal: Journal,
    /// The values that pages show.
    pub live: GuestsStatus,
    /// The requests of pages.
    pub port: Arc<GuestPort>,
    /// Which device has which address.
    pub known: KnownDevices,
    /// Addresses that somebody asks for.
    pub noted: Arc<Mutex<mpsc::Receiver<IpAddr>>>,
    /// Addresses that the forwarder of names wants to be open.
    pub garden: Arc<Mutex<mpsc::Receiver<OpenAddresses>>>,
    /// The policy of the forwarder of names.
    pub policy: watch::Sender<Arc<DnsPolicy>>,
    /// Time.
    pub clock: Clock,
    /// Health.
    pub health: Health,
    /// Where the kernel tells its routes.
    pub files: KernelFiles,
    /// Random numbers for the looks at the uplink.
    pub randomness: Randomness,
}

impl GuestService {
    /// Runs until it is asked to stop.
    ///
    /// # Errors
    /// The folder of what was used cannot be made.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut since_trouble = tokio::time::interval(RECONNECT_INTERVAL);
        since_trouble.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = since_trouble.tick() => {}
                () = self.answer_that_nobody_serves() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let served = match HelperLink::connect(&self.network.helper).await {
                Ok(link) => Running::serve(&self, link, &stop).await,
                Err(error) => Err(error.into()),
            };
            let Err(trouble) = served else {
                return Ok(());
            };
            let reason = trouble.reason(&self.network.helper);
            if self.live.get().is_in_force {
                tracing::error!(%reason, "network helper lost; nobody new is let in");
            }
            self.health.set_red(&HealthPart::Guests, reason);
            self.live.replace(GuestsNow {
                is_configured: true,
                ..GuestsNow::default()
            });
        }
    }

    /// Answers requests for as long as the helper is not there.
    async fn answer_that_nobody_serves(&self) {
        let mut inbox = self.port.inbox().await;
        let mut garden = self.garden.lock().await;
        let mut noted = self.noted.lock().await;
        loop {
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(GuestRequest::Look(_, reply) | GuestRequest::Enter(_, reply)) => {
                        let _ = reply.send(GuestVisitor::OutOfOrder);
                    }
                    // Without an answer the page says that the helper is silent.
                    Some(GuestRequest::Cut(..)) => {}
                    None => return,
                },
                open = garden.recv() => match open {
                    Some(open) => drop(open.done.send(false)),
                    None => return,
                },
                address = noted.recv() => if address.is_none() { return },
            }
        }
    }
}
