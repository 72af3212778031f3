//! The guest service: it keeps the network helper's sessions as the village's rules have them, and
//! answers the pages.
//!
//! Invariants: one task, so that everything happens in one order; a page is told that a device is
//! in only after the helper said so; without the helper nobody new gets in, and the kernel goes on
//! by itself, while pages show what was known last and say so. Names go on without the helper, and
//! without the key of the guests' ids. The use of the day is written every minute and at the end.

mod block_list;
mod garden;
mod name_grounds;
mod running;
mod unserved;
mod unused_list;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use self::name_grounds::NameGrounds;
use self::running::{Running, USE_FILE};
use super::dns::exchange::Randomness;
use super::dns::garden::OpenAddresses;
use super::dns::policy::DnsPolicy;
use super::dns::probe::resolvers_of;
use super::helper::{HelperRefusal, LinkError};
use super::identity::GuestKey;
use super::known::KnownDevices;
use super::uplinks::KernelFiles;
use super::use_of_day::UseOfDay;
use crate::config::network::NetworkConfig;
use crate::domain::text;
use crate::journal::Journal;
use crate::live::guests::{GuestsNow, GuestsStatus};
use crate::live::names::NamesStatus;
use crate::ports::guests::GuestPort;
use crate::protocol::netd::{NetdRefusal, NetworkPlan};
use crate::store::session_rows::SessionRows;
use crate::supervisor::Stop;
use crate::supervisor::clock::{Clock, Trust};
use crate::supervisor::health::Health;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::io_cause::IoCause;

/// How often a helper that does not answer is tried again.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);
/// How often the routes are looked at, and times that ended.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

/// Most characters of what a tool of the kernel printed.
const MAX_DETAIL_CHARS: usize = 400;

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
            Self::Refused(refusal) if refusal.reason == NetdRefusal::OtherPlan => {
                HealthReason::NetworkPlanDiffers
            }
            Self::Refused(refusal) => HealthReason::NetworkRefused {
                // The words of the kernel's tool come in lines.
                detail: text::line(
                    &format!("{:?} {}", refusal.reason, refusal.detail),
                    MAX_DETAIL_CHARS,
                ),
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
    /// The key of the devices' ids; none = it is lost, and nobody new is let in.
    pub key: Option<GuestKey>,
    /// Rows of sessions that ended; what was used today lies beside them.
    pub session_rows: SessionRows,
    /// The village's decisions.
    pub journal: Journal,
    /// The values that pages show.
    pub live: GuestsStatus,
    /// The counts of the forwarder of names.
    pub asked_names: NamesStatus,
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
        std::fs::create_dir_all(self.session_rows.folder())?;
        self.show_saved();
        let mut again = tokio::time::interval(RECONNECT_INTERVAL);
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut grounds = NameGrounds::default();
        while let Some((link, key)) = self.until_helper(&mut grounds, &mut again, &stop).await {
            match Running::serve(&self, key, link, &mut grounds, &stop).await {
                Ok(()) => return Ok(()),
                Err(trouble) => self.say_lost(trouble),
            }
        }
        Ok(())
    }

    /// Shows what the file knows of today and of the week, also when no helper answers.
    fn show_saved(&self) {
        let mut saved = UseOfDay::load(&self.session_rows.folder().join(USE_FILE));
        let now = self.clock.wall_ms();
        if self.clock.trust() != Trust::None {
            saved.turn(now);
        }
        self.live.replace(GuestsNow {
            is_in_force: false,
            devices: saved.rows(now),
            day: saved.day(),
            used_today: saved.all(),
            metered_today: saved.metered(),
            week: saved.week(),
            ..self.live.get()
        });
    }

    /// Tells that the network helper does not serve.
    fn say_lost(&self, trouble: Trouble) {
        let reason = trouble.reason(&self.network.helper);
        if self.live.get().is_in_force {
            tracing::error!(%reason, "network helper lost; nobody new is let in");
        }
        self.say_out_of_order(reason);
    }

    /// The uplink's resolvers: those of the configuration, else those of the system.
    fn resolvers(&self) -> Vec<SocketAddr> {
        let configured = &self.network.resolvers;
        if configured.is_empty() {
            let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
            resolvers_of(&text)
        } else {
            configured.clone()
        }
    }
}
