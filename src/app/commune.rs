//! `conglang commune`: the commune's server, from configuration to the last drain.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::broker::{BrokerOptions, BrokerService, bind};
use super::maintenance::{issue_broker_certificate, renew_broker_certificate};
use crate::commune::console::{Console, MAX_CONCURRENT_PAGES, router};
use crate::commune::link::{self, CertificateSigner};
use crate::commune::sessions::ConsoleSignIns;
use crate::commune::store::CommuneStore;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::domain::device::Account;
use crate::domain::id::{DeviceId, VillageId};
use crate::http::hosts::AllowedHosts;
use crate::http::serve;
use crate::keys::authority::{Authority, CertificateFiles};
use crate::keys::holders::HolderStore;
use crate::keys::ring::{self, KeyRing};
use crate::keys::{pins, secret};
use crate::protocol::broker::{ListenerKind, default_durability_rules};
use crate::supervisor::clock::Clock;
use crate::supervisor::health::HealthStatus;
use crate::supervisor::{Supervisor, systemd};

/// The console while a key is lost that its sign-in needs: it says so, and nobody's PIN is called
/// wrong.
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
/// What kept it from starting.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let mut wish = systemd::StopSignal::listen()?;
    crate::supervisor::fds::raise_limit();
    let layout = Layout::of(&config);
    layout.make()?;
    let clock = Clock::system(0);
    let supervisor = Supervisor::new(clock.clone());
    let mut ring = KeyRing::inspect(&layout.data);

    // Keys: our CA signs villages and our own broker.
    let keys = layout.data.join("keys");
    let ca = keys.join("ca");
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
    // Of the console.
    let key = ring.bytes(ring::CONSOLE)?;
    let first = |path: &Path| {
        let pin = secret::pin()?;
        secret::write_file(&keys.join("console.first-pin"), pin.as_bytes())?;
        secret::write_file(
            path,
            pins::hash(&pin, key.as_deref().unwrap_or_default())
                .map_err(std::io::Error::other)?
                .as_bytes(),
        )?;
        tracing::info!(
            "initial console PIN written to {}",
            keys.join("console.first-pin").display()
        );
        Ok(())
    };
    let pin = if key.is_some() {
        ring.load_or_create(ring::CONSOLE_PIN, first)?
    } else {
        None
    };
    // After the keys: a cut in the first start leaves no history without them.
    let store = CommuneStore::open(&layout.data.join("commune.redb")).map_err(|e| {
        anyhow::anyhow!(
            "cannot open the commune's store in {}: {e}",
            layout.data.display()
        )
    })?;

    let files = CertificateFiles::named(&keys, "mqtt");
    let mut names = config.commune_server.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let certificate = (files.clone(), names, ca.clone());
    let has_authority = authority.is_some();
    if has_authority {
        issue_broker_certificate(&certificate, &clock)?;
    }

    // Broker: TLS with client certificates only.
    let mqtt = config
        .commune_server
        .mqtt
        .ok_or_else(|| anyhow::anyhow!("[office] mqtt is missing in the configuration"))?;
    let doors = vec![(ListenerKind::Tls, bind(mqtt).await?)];
    let mut accounts = Vec::new();
    for (id, _) in &config.commune_server.villages {
        accounts.push(Account::of_village(
            DeviceId::new(id)?,
            &VillageId::new(id)?,
            String::new(),
        ));
    }
    let holders = HolderStore::of(&keys);
    let terms = BrokerOptions {
        client_ca: Some(ca.join("ca.pem")),
        holders: Some(holders.clone()),
        certificate_only: true,
        durability_rules: default_durability_rules(),
        floor_ms: clock.floor_ms(),
        ..BrokerOptions::default()
    };
    let (broker, orders) = BrokerService::new(
        doors,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        Some(&files),
        terms,
        accounts,
    );
    let (kept, for_keep, stop) = (
        broker.clone(),
        supervisor.clone(),
        supervisor.stop().clone(),
    );
    supervisor.spawn(async move {
        let _ = kept.run(orders, for_keep, stop).await;
    });
    let villages: Vec<String> = config
        .commune_server
        .villages
        .iter()
        .map(|(id, _)| id.clone())
        .collect();
    let (b, s, c, signer) = (
        broker.clone(),
        store.clone(),
        clock.clone(),
        CertificateSigner { authority, holders },
    );
    supervisor.service("villages", move |stop| {
        let (broker, store, villages, clock, signer) = (
            b.clone(),
            s.clone(),
            villages.clone(),
            c.clone(),
            signer.clone(),
        );
        async move {
            anyhow::ensure!(
                broker.ready_within(Duration::from_secs(30)).await,
                "the broker does not serve"
            );
            let way = broker.endpoint();
            link::run(
                way.socket,
                way.password,
                store,
                signer,
                villages,
                clock,
                stop,
            )
            .await
        }
    });

    let (h, b) = (supervisor.clone(), broker.clone());
    supervisor.service("certificates", move |stop| {
        let (certificate, house, broker) = (certificate.clone(), h.clone(), b.clone());
        async move {
            let mut minute = tokio::time::interval(Duration::from_secs(60));
            loop {
                tokio::select! {
                    _ = minute.tick() => if has_authority {
                        renew_broker_certificate(&house, &broker, &certificate).await?;
                    },
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });

    // Console.
    supervisor.health().set(
        "keys",
        if ring.problems.is_empty() {
            HealthStatus::Green
        } else {
            HealthStatus::Red
        },
        &ring.summary(),
    );
    if let Some(address) = config.commune_server.console {
        let listener = Arc::new(bind(address).await?);
        let app = match (key, pin.and_then(|p| String::from_utf8(p).ok())) {
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
            _ => locked_console_router(&ring.summary()),
        };
        let h = supervisor.clone();
        supervisor.service("console", move |stop| {
            let (house, app, listener) = (h.clone(), app.clone(), listener.clone());
            async move { serve::serve_tcp(listener.try_clone()?, None, app, house, stop).await }
        });
    }
    systemd::notify_ready();
    tracing::info!("commune ready");
    let mut tick =
        tokio::time::interval(systemd::watchdog_interval().unwrap_or(Duration::from_secs(10)));
    loop {
        tokio::select! {
            () = wish.recv() => break,
            _ = tick.tick() => systemd::notify_watchdog(),
        }
    }
    systemd::notify_stopping();
    supervisor.drain(Duration::from_secs(10)).await;
    Ok(0)
}
