//! `conglang commune`: the commune's server, from configuration to the last drain.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::broker::{Broker, Terms, bind};
use super::housekeeping::{renew, serve_certificate};
use crate::commune::console::{Console, PAGES, router};
use crate::commune::link::{self, Signer};
use crate::commune::sessions::Sessions;
use crate::commune::store::Store;
use crate::config::Config;
use crate::config::layout::Layout;
use crate::domain::device::Account;
use crate::domain::id::{DeviceId, VillageId};
use crate::doors::hosts::Hosts;
use crate::doors::serve;
use crate::keys::authority::{Authority, Files};
use crate::keys::holders::Holders;
use crate::keys::ring::{self, Ring};
use crate::keys::{pins, secret};
use crate::protocol::broker::{Door, usual_rules};
use crate::supervisor::clock::Clock;
use crate::supervisor::health::Light;
use crate::supervisor::{Supervisor, systemd};

/// The console while a key is lost that its sign-in needs: it says so, and nobody's PIN is called
/// wrong.
fn closed(lost: &str) -> axum::Router {
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
    let house = Supervisor::new(clock.clone());
    let mut ring = Ring::look(&layout.data);

    // Keys: our CA signs villages and our own broker.
    let keys = layout.data.join("keys");
    let ca = keys.join("ca");
    let make = |path: &Path| {
        Authority::load_or_make(
            path.parent().unwrap_or(path),
            &config.office.name,
            clock.certain_s(),
        )
        .map(drop)
    };
    let authority = match ring.get(ring::COMMUNE, make)? {
        Some(_) => {
            super::secrets::keep_pair(&ca)?;
            Some(Arc::new(Authority::load_or_make(
                &ca,
                &config.office.name,
                clock.certain_s(),
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
            "the officer's first PIN is in {}",
            keys.join("console.first-pin").display()
        );
        Ok(())
    };
    let pin = if key.is_some() {
        ring.get(ring::PIN, first)?
    } else {
        None
    };
    // After the keys: a cut in the first start leaves no history without them.
    let store = Store::open(&layout.data.join("commune.redb")).map_err(|e| {
        anyhow::anyhow!(
            "cannot open the commune's store in {}: {e}",
            layout.data.display()
        )
    })?;

    let files = Files::named(&keys, "mqtt");
    let mut names = config.office.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let certificate = (files.clone(), names, ca.clone());
    let has_authority = authority.is_some();
    if has_authority {
        serve_certificate(&certificate, &clock)?;
    }

    // Broker: TLS with client certificates only.
    let mqtt = config
        .office
        .mqtt
        .ok_or_else(|| anyhow::anyhow!("[office] mqtt is missing in the configuration"))?;
    let doors = vec![(Door::Tls, bind(mqtt).await?)];
    let mut accounts = Vec::new();
    for (id, _) in &config.office.villages {
        accounts.push(Account::of_village(
            DeviceId::new(id)?,
            &VillageId::new(id)?,
            String::new(),
        ));
    }
    let holders = Holders::of(&keys);
    let terms = Terms {
        client_ca: Some(ca.join("ca.pem")),
        holders: Some(holders.clone()),
        certificate_only: true,
        rules: usual_rules(),
        floor_ms: clock.floor_ms(),
        ..Terms::default()
    };
    let (broker, orders) = Broker::new(
        doors,
        &layout.data.join("broker"),
        &layout.run,
        secret::token()?,
        Some(&files),
        terms,
        accounts,
    );
    let (kept, for_keep, stop) = (broker.clone(), house.clone(), house.stop().clone());
    house.spawn(async move {
        let _ = kept.keep(orders, for_keep, stop).await;
    });
    let villages: Vec<String> = config
        .office
        .villages
        .iter()
        .map(|(id, _)| id.clone())
        .collect();
    let (b, s, c, signer) = (
        broker.clone(),
        store.clone(),
        clock.clone(),
        Signer { authority, holders },
    );
    house.service("villages", move |stop| {
        let (broker, store, villages, clock, signer) = (
            b.clone(),
            s.clone(),
            villages.clone(),
            c.clone(),
            signer.clone(),
        );
        async move {
            anyhow::ensure!(
                broker.ready(Duration::from_secs(30)).await,
                "the broker does not serve"
            );
            let way = broker.way();
            link::run(way.socket, way.secret, store, signer, villages, clock, stop).await
        }
    });

    let (h, b) = (house.clone(), broker.clone());
    house.service("certificates", move |stop| {
        let (certificate, house, broker) = (certificate.clone(), h.clone(), b.clone());
        async move {
            let mut minute = tokio::time::interval(Duration::from_secs(60));
            loop {
                tokio::select! {
                    _ = minute.tick() => if has_authority {
                        renew(&house, &broker, &certificate).await?;
                    },
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });

    // Console.
    house.health().set(
        "keys",
        if ring.lacks.is_empty() {
            Light::Green
        } else {
            Light::Red
        },
        &ring.told(),
    );
    if let Some(address) = config.office.console {
        let listener = Arc::new(bind(address).await?);
        let app = match (key, pin.and_then(|p| String::from_utf8(p).ok())) {
            (Some(key), Some(pin)) => {
                let hosts = Hosts::new(config.office.names.clone(), None);
                let console = Console {
                    store,
                    name: config.office.name.clone(),
                    villages: Arc::new(config.office.villages.clone()),
                    clock: clock.clone(),
                    sessions: Sessions::open(
                        &layout.data.join("console-sessions.json"),
                        key.clone(),
                        &pin,
                        clock.clone(),
                    ),
                    pin: Arc::new(pin),
                    pins: pins::Pins::new(key),
                    wrong: Arc::new(Mutex::default()),
                    pages: Arc::new(Semaphore::new(PAGES)),
                };
                router(console, hosts)
            }
            _ => closed(&ring.told()),
        };
        let h = house.clone();
        house.service("console", move |stop| {
            let (house, app, listener) = (h.clone(), app.clone(), listener.clone());
            async move { serve::tcp(listener.try_clone()?, None, app, house, stop).await }
        });
    }
    systemd::ready();
    tracing::info!("the commune's doors are open");
    let mut tick = tokio::time::interval(systemd::watchdog().unwrap_or(Duration::from_secs(10)));
    loop {
        tokio::select! {
            () = wish.came() => break,
            _ = tick.tick() => systemd::alive(),
        }
    }
    systemd::stopping();
    house.drain(Duration::from_secs(10)).await;
    Ok(0)
}
