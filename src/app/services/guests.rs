//! The guest network as services: sessions by the network helper, and names for guests and staff;
//! none where the configuration names no segment.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use crate::app::handles::Handles;
use crate::app::secrets::Secrets;
use crate::config::network::NetworkConfig;
use crate::domain::guest::WifiRules;
use crate::domain::guest::admission::InternetUplink;
use crate::guests::dns::budgets::BudgetLimits;
use crate::guests::dns::cache::CacheLimits;
use crate::guests::dns::forwarder::{Forwarder, ForwarderParts};
use crate::guests::dns::policy::AskingSegment;
use crate::guests::dns::server::{self, DnsListener};
use crate::guests::identity::GuestKey;
use crate::guests::known::KnownDevices;
use crate::guests::names::{NameInput, policy};
use crate::guests::service::GuestService;
use crate::guests::uplinks::KernelFiles;
use crate::keys::secret;
use crate::live::guests::GuestsNow;
use crate::protocol::control::NameCounts;
use crate::protocol::netd::{NetworkPlan, NetworkSegment};
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// Requests for open addresses that may wait.
const MAX_WAITING_ADDRESSES: usize = 256;
/// How often a port that cannot be bound is tried again: interfaces come up after the program.
const BIND_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the guest network. `plan` is what the kernel's rules are made of, `names` the names of
/// this machine.
pub fn start(
    network: &NetworkConfig,
    plan: Option<NetworkPlan>,
    names: &[String],
    secrets: &Secrets,
    handles: &Handles,
) {
    let Some(plan) = plan else {
        return;
    };
    handles.live.guests.replace(GuestsNow {
        is_configured: true,
        has_block_list: network.block_list.is_some(),
        ..GuestsNow::default()
    });
    let (known, noted) = KnownDevices::new(handles.clock().clone());
    let (open, opened) = mpsc::channel(MAX_WAITING_ADDRESSES);
    let first = policy(NameInput {
        plan: &plan,
        names,
        rules: &WifiRules::default(),
        uplink: InternetUplink::Down,
        is_open_to_guests: false,
        resolvers: Vec::new(),
        garden_epoch: 0,
        block_list: None,
    });
    let (policy, followed) = watch::channel(Arc::new(first));
    let devices = known.clone();
    let forwarder = Forwarder::new(ForwarderParts {
        policy: followed,
        devices: Arc::new(move |address| devices.guest(address)),
        helper: open,
        budgets: BudgetLimits::default(),
        cache: CacheLimits::default(),
        clock: handles.clock().clone(),
        randomness: random_number,
    });
    let forwarder = Arc::new(forwarder);
    let counting = forwarder.clone();
    let reading = move || name_counts(&counting);
    handles.live.names.read_by(reading);
    let names_service = Names {
        forwarder,
        addresses: addresses(&plan).into(),
        supervisor: handles.supervisor.clone(),
    };
    handles
        .supervisor
        .proving_service(HealthPart::Names, names_service, Names::run);
    let service = GuestService {
        network: network.clone(),
        plan,
        names: names.to_vec(),
        // Without the key nobody can be told apart, and names are answered all the same.
        key: secrets.guests.clone().map(GuestKey::new),
        session_rows: handles.session_rows.clone(),
        journal: handles.journal.clone(),
        live: handles.live.guests.clone(),
        asked_names: handles.live.names.clone(),
        port: handles.ports.guests.clone(),
        known,
        noted: Arc::new(Mutex::new(noted)),
        garden: Arc::new(Mutex::new(opened)),
        policy,
        clock: handles.clock().clone(),
        health: handles.supervisor.health().clone(),
        files: KernelFiles::default(),
        randomness: random_number,
    };
    handles
        .supervisor
        .proving_service(HealthPart::Guests, service, GuestService::run);
}

/// The counts of the forwarder as programs and the technician read them.
fn name_counts(forwarder: &Forwarder) -> NameCounts {
    let counts = forwarder.counts();
    let (answers, bytes) = forwarder.cache_size();
    NameCounts {
        questions: counts.questions,
        local: counts.local,
        cached: counts.cached,
        stale: counts.stale,
        joined: counts.joined,
        forwarded: counts.forwarded,
        offline: counts.offline,
        blocked: counts.blocked,
        refused: counts.refused,
        over_budget: counts.over_budget,
        too_fast: counts.too_fast,
        silent: counts.silent,
        busy: counts.busy,
        rebinding: counts.rebinding,
        garden_failed: counts.garden_failed,
        unusable: counts.unusable,
        foreign: counts.foreign,
        closed: counts.closed,
        cache_answers: answers as u64,
        cache_bytes: bytes as u64,
    }
}

fn random_number() -> Option<u64> {
    secret::random::<8>().ok().map(u64::from_be_bytes)
}

/// The addresses at which names are answered.
fn addresses(plan: &NetworkPlan) -> Vec<(AskingSegment, SocketAddr)> {
    let segments = [
        (AskingSegment::Guest, &plan.guest),
        (AskingSegment::Staff, &plan.staff),
    ];
    let mut addresses = Vec::new();
    for (kind, segment) in segments {
        let networks = segment.iter().flat_map(NetworkSegment::networks);
        let port = plan.ports.dns;
        addresses.extend(networks.map(|n| (kind, SocketAddr::new(n.address(), port))));
    }
    addresses
}

/// The forwarder of names as a service.
#[derive(Clone)]
struct Names {
    forwarder: Arc<Forwarder>,
    addresses: Arc<[(AskingSegment, SocketAddr)]>,
    supervisor: Supervisor,
}

impl Names {
    /// Serves the addresses that can be bound; one whose interface is not there yet keeps no other
    /// waiting.
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut missing = self.addresses.to_vec();
        let mut listeners = Vec::new();
        let mut again = tokio::time::interval(BIND_INTERVAL);
        loop {
            self.bind(&mut missing, &mut listeners);
            let forwarder = self.forwarder.clone();
            let serving = server::serve(forwarder, &listeners, stop.soft.clone());
            tokio::select! {
                ended = serving => return Ok(ended?),
                () = self.until_one_binds(&missing, &mut again) => {}
            }
        }
    }

    /// Binds what can be bound, and says in health what cannot.
    fn bind(
        &self,
        missing: &mut Vec<(AskingSegment, SocketAddr)>,
        listeners: &mut Vec<DnsListener>,
    ) {
        let mut reason = None;
        missing.retain(|(segment, address)| match listener(*segment, *address) {
            Ok(listener) => {
                listeners.push(listener);
                false
            }
            Err(cause) => {
                reason = Some(HealthReason::NamesNotServed {
                    address: address.to_string(),
                    cause: cause.into(),
                });
                true
            }
        });
        let health = self.supervisor.health();
        health.set_red_or_green(&HealthPart::Names, reason);
    }

    /// Returns when an address that is missing can be bound.
    async fn until_one_binds(
        &self,
        missing: &[(AskingSegment, SocketAddr)],
        again: &mut tokio::time::Interval,
    ) {
        loop {
            again.tick().await;
            if missing.iter().any(|(s, a)| listener(*s, *a).is_ok()) {
                return;
            }
        }
    }
}

fn listener(segment: AskingSegment, address: SocketAddr) -> std::io::Result<DnsListener> {
    Ok(DnsListener {
        segment,
        udp: UdpSocket::bind(address)?,
        tcp: TcpListener::bind(address)?,
    })
}
