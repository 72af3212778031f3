//! `conglang commune`: the commune's server, from configuration to the last drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::broker::{BrokerOptions, BrokerService, bind};
use super::maintenance::{ServedCertificate, issue_broker_certificate, renew_broker_certificate};
use crate::commune::console::{Console, MAX_CONCURRENT_PAGES, router};
use crate::commune::link::{self, CertificateSigner};
use crate::commune::sessions::ConsoleSignIns;
use crate::commune::store::CommuneStore;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::domain::account::Account;
use crate::domain::id::{DeviceId, VillageId};
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::keys::authority::{Authority, CertificateFiles};
use crate::keys::holders::HolderStore;
use crate::keys::ring::{self, KeyRing};
use crate::keys::{pins, secret};
use crate::protocol::broker::{ListenerKind, default_durability_rules};
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{HealthPart, HealthStatus};
use crate::supervisor::{Supervisor, systemd};

/// The console while a key is lost that its sign-in needs: it states so, and rejects nobody's PIN
/// as wrong.
fn locked_console_router(lost: &str) -> axum::Router {
    let said = format!(
        "Không đăng nhập được: khóa của trang xã bị mất hoặc hỏng ({lost}). Kỹ thuật viên chạy: conglang doctor\n\nNobody can sign in: a key of the console is lost or damaged ({lost}).\n"
    );
    axum::Router::new().fallback(move || {
        let said = said.clone();
        async move { (axum::http::StatusCode::SERVICE_UNAVAILABLE, said) }
    })
}

/// Runs the commune until a signal; gives the exit code.
///
/// # Errors
/// Why it could not start.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let stop_signal = systemd::StopSignal::listen()?;
    crate::supervisor::fds::raise_limit();
    let layout = Layout::of(&config);
    layout.make()?;
    let clock = Clock::system(0);
    let supervisor = Supervisor::new(clock.clone());
    let keys = CommuneKeys::open(&config, &layout, &clock)?;
    // After the keys: a power cut in the first start then leaves no history without keys.
    let store = CommuneStore::open(&layout.data.join("commune.redb")).map_err(|e| {
        anyhow::anyhow!(
            "cannot open the commune's store in {}: {e}",
            layout.data.display()
        )
    })?;

    let certificate = broker_certificate(&config, &keys);
    if keys.authority.is_some() {
        issue_broker_certificate(&certificate, &clock)?;
    }
    let holders = HolderStore::of(&keys.folder);
    let broker = start_broker(&config, &layout, &keys, &holders, &supervisor).await?;
    let signer = CertificateSigner {
        authority: keys.authority.clone(),
        holders,
    };
    start_village_link(&config, &broker, &store, signer, &supervisor);
    start_renewal(certificate, keys.authority.is_some(), &broker, &supervisor);
    keys.report(&supervisor);
    if let Some(address) = config.commune_server.console {
        start_console(address, &config, &layout, keys, store, &supervisor).await?;
    }

    systemd::notify_ready();
    tracing::info!("commune ready");
    feed_watchdog(stop_signal).await;
    systemd::notify_stopping();
    supervisor.drain(Duration::from_secs(10)).await;
    Ok(0)
}

/// The keys of a commune; a lost key is none, and only the parts that need it do not work.
struct CommuneKeys {
    ring: KeyRing,
    folder: PathBuf,
    /// Signs certificates of villages and of the commune's own broker.
    authority: Option<Arc<Authority>>,
    /// Is mixed into the hash of the console's PIN, and signs its sign-ins.
    console: Option<Vec<u8>>,
    /// The hash of the console's PIN.
    pin: Option<Vec<u8>>,
}

impl CommuneKeys {
    /// Inspects the keys in the data folder, and makes those that never existed.
    fn open(config: &Config, layout: &Layout, clock: &Clock) -> anyhow::Result<Self> {
        let mut ring = KeyRing::inspect(&layout.data);
        let folder = layout.data.join("keys");
        let ca = folder.join("ca");
        let make = |path: &Path| {
            Authority::load_or_make(
                path.parent().unwrap_or(path),
                &config.commune_server.name,
                clock.trusted_s(),
            )
            .map(drop)
        };
        let authority = match ring.load_or_create(ring::COMMUNE_CA, make)? {
            Some(_) => {
                super::secrets::quarantine_mismatched_certificate(&ca)?;
                Some(Arc::new(Authority::load_or_make(
                    &ca,
                    &config.commune_server.name,
                    clock.trusted_s(),
                )?))
            }
            None => None,
        };
        let console = ring.bytes(ring::CONSOLE)?;
        let first = |path: &Path| {
            let pin = secret::pin()?;
            secret::write_file(&folder.join("console.first-pin"), pin.as_bytes())?;
            secret::write_file(
                path,
                pins::hash(&pin, console.as_deref().unwrap_or_default())
                    .map_err(std::io::Error::other)?
                    .as_bytes(),
            )?;
            tracing::info!(
                "initial console PIN written to {}",
                folder.join("console.first-pin").display()
            );
            Ok(())
        };
        let pin = if console.is_some() {
            ring.load_or_create(ring::CONSOLE_PIN, first)?
        } else {
            None
        };
        Ok(Self {
            ring,
            folder,
            authority,
            console,
            pin,
        })
    }

    /// Reports lost keys in health.
    fn report(&self, supervisor: &Supervisor) {
        supervisor.health().set(
            &HealthPart::Keys,
            if self.ring.problems.is_empty() {
                HealthStatus::Green
            } else {
                HealthStatus::Red
            },
            &self.ring.summary(),
        );
    }
}

/// The broker's certificate, its names, and the folder of the commune's authority.
fn broker_certificate(config: &Config, keys: &CommuneKeys) -> ServedCertificate {
    let mut names = config.commune_server.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    (
        CertificateFiles::named(&keys.folder, "mqtt"),
        names,
        keys.folder.join("ca"),
    )
}

/// Starts the broker: TLS with client certificates only, one account for each village.
async fn start_broker(
    config: &Config,
    layout: &Layout,
    keys: &CommuneKeys,
    holders: &HolderStore,
    supervisor: &Supervisor,
) -> anyhow::Result<BrokerService> {
    let mqtt = config
        .commune_server
        .mqtt
        .ok_or_else(|| anyhow::anyhow!("[office] mqtt is missing in the configuration"))?;
    let listeners = vec![(ListenerKind::Tls, bind(mqtt).await?)];
    let mut accounts = Vec::new();
    for (id, _) in &config.commune_server.villages {
        accounts.push(Account::of_village(
            DeviceId::new(id)?,
            &VillageId::new(id)?,
            String::new(),
        ));
    }
    let options = BrokerOptions {
        client_ca: Some(keys.folder.join("ca").join("ca.pem")),
        holders: Some(holders.clone()),
        certificate_only: true,
        durability_rules: default_durability_rules(),
        floor_ms: supervisor.clock().floor_ms(),
        ..BrokerOptions::default()
    };
    let (broker, commands) = BrokerService::new(
        listeners,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        Some(&CertificateFiles::named(&keys.folder, "mqtt")),
        options,
        accounts,
    );
    let (worker, owner, stop) = (
        broker.clone(),
        supervisor.clone(),
        supervisor.stop().clone(),
    );
    supervisor.spawn(async move {
        let _ = worker.run(commands, owner, stop).await;
    });
    Ok(broker)
}

/// Starts the service that takes entries from the villages and answers them.
fn start_village_link(
    config: &Config,
    broker: &BrokerService,
    store: &CommuneStore,
    signer: CertificateSigner,
    supervisor: &Supervisor,
) {
    let villages: Vec<String> = config
        .commune_server
        .villages
        .iter()
        .map(|(id, _)| id.clone())
        .collect();
    let (broker, store, clock) = (broker.clone(), store.clone(), supervisor.clock().clone());
    supervisor.service(HealthPart::Villages, move |stop| {
        let (broker, store, villages, clock, signer) = (
            broker.clone(),
            store.clone(),
            villages.clone(),
            clock.clone(),
            signer.clone(),
        );
        async move {
            anyhow::ensure!(
                broker.ready_within(Duration::from_secs(30)).await,
                "the broker does not serve"
            );
            let endpoint = broker.endpoint();
            link::run(
                endpoint.socket,
                endpoint.password,
                store,
                signer,
                villages,
                clock,
                stop,
            )
            .await
        }
    });
}

/// Starts the service that renews the broker's certificate while there is a key to sign it with.
fn start_renewal(
    certificate: ServedCertificate,
    has_authority: bool,
    broker: &BrokerService,
    supervisor: &Supervisor,
) {
    let (owner, broker) = (supervisor.clone(), broker.clone());
    supervisor.service(HealthPart::CertificateRenewal, move |stop| {
        let (certificate, supervisor, broker) =
            (certificate.clone(), owner.clone(), broker.clone());
        async move {
            let mut minute = tokio::time::interval(Duration::from_secs(60));
            loop {
                tokio::select! {
                    _ = minute.tick() => if has_authority {
                        renew_broker_certificate(&supervisor, &broker, &certificate).await?;
                    },
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });
}

/// Starts the console for officers, or a page that names the lost key instead of it.
async fn start_console(
    address: SocketAddr,
    config: &Config,
    layout: &Layout,
    keys: CommuneKeys,
    store: CommuneStore,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let clock = supervisor.clock();
    let listener = Arc::new(bind(address).await?);
    let app = match (
        keys.console,
        keys.pin.and_then(|p| String::from_utf8(p).ok()),
    ) {
        (Some(key), Some(pin)) => {
            let hosts = AllowedHosts::new(config.commune_server.names.clone(), None);
            let console = Console {
                store,
                name: config.commune_server.name.clone(),
                villages: Arc::new(config.commune_server.villages.clone()),
                clock: clock.clone(),
                sessions: ConsoleSignIns::open(
                    &layout.data.join("console-sessions.json"),
                    key.clone(),
                    &pin,
                    clock.clone(),
                ),
                pin: Arc::new(pin),
                pins: pins::PinHasher::new(key),
                failed_pins: Arc::new(Mutex::default()),
                page_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_PAGES)),
            };
            router(console, hosts)
        }
        _ => locked_console_router(&keys.ring.summary()),
    };
    let owner = supervisor.clone();
    supervisor.service(HealthPart::Console, move |stop| {
        let (supervisor, app, listener) = (owner.clone(), app.clone(), listener.clone());
        async move { serve::serve_tcp(listener.try_clone()?, None, app, supervisor, stop).await }
    });
    Ok(())
}

/// Feeds the watchdog until a signal.
async fn feed_watchdog(mut stop_signal: systemd::StopSignal) {
    let mut tick =
        tokio::time::interval(systemd::watchdog_interval().unwrap_or(Duration::from_secs(10)));
    loop {
        tokio::select! {
            () = stop_signal.recv() => break,
            _ = tick.tick() => systemd::notify_watchdog(),
        }
    }
}
