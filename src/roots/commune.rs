//! `conglang commune`: the commune's server, from configuration to the last drain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::broker::{Broker, Terms, bind};
use super::housekeeping::{renew, serve_certificate};
use crate::commune::console::{Console, PAGES, router};
use crate::commune::sessions::Sessions;
use crate::commune::{link, store::Store};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::domain::device::Account;
use crate::domain::id::{DeviceId, VillageId};
use crate::doors::serve;
use crate::keys::authority::{Authority, Files};
use crate::keys::{pins, secret, tls};
use crate::protocol::broker::{Door, usual_rules};
use crate::supervisor::clock::Clock;
use crate::supervisor::{Supervisor, systemd};

/// Runs the commune until a signal; gives the exit code.
///
/// # Errors
/// What kept it from starting.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let mut wish = systemd::StopSignal::listen()?;
    crate::supervisor::fds::raise_limit();
    let layout = Layout::of(&config);
    std::fs::create_dir_all(&layout.data)?;
    std::fs::create_dir_all(&layout.run)?;
    let clock = Clock::system(0);
    let house = Supervisor::new(clock.clone());
    let store = Store::open(&layout.data.join("commune.redb")).map_err(|e| anyhow::anyhow!("cannot open the commune's store in {}: {e}", layout.data.display()))?;

    // Keys: our CA signs villages and our own broker.
    let keys = layout.data.join("keys");
    let now_s = u64::try_from(clock.certain_ms() / 1000).unwrap_or(0);
    let ca = keys.join("ca");
    let authority = Arc::new(Authority::load_or_make(&ca, &config.office.name, now_s)?);
    let files = Files::named(&keys, "mqtt");
    let mut names = config.office.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    if files.days_left(now_s).is_none_or(|d| d < crate::keys::authority::RENEW_DAYS) || tls::Served::load(&files).is_err() {
        serve_certificate(&files, &names, &ca, now_s)?;
    }

    // Broker: TLS with client certificates only.
    let mqtt = config.office.mqtt.ok_or_else(|| anyhow::anyhow!("[office] mqtt is missing in the configuration"))?;
    let doors = vec![(Door::Tls, bind(mqtt).await?)];
    let mut accounts = Vec::new();
    for (id, _) in &config.office.villages {
        accounts.push(Account::of_village(DeviceId::new(id)?, &VillageId::new(id)?, String::new()));
    }
    let terms = Terms { client_ca: Some(ca.join("ca.pem")), certificate_only: true, rules: usual_rules(), ..Terms::default() };
    let (broker, orders) = Broker::new(doors, &layout.data.join("broker"), &layout.run, secret::token()?, Some(&files), terms, accounts);
    let (kept, for_keep, stop) = (broker.clone(), house.clone(), house.stop().clone());
    house.spawn(async move {
        let _ = kept.keep(orders, for_keep, stop).await;
    });
    let villages: Vec<String> = config.office.villages.iter().map(|(id, _)| id.clone()).collect();
    let (b, s, c) = (broker.clone(), store.clone(), clock.clone());
    house.service("villages", move |stop| {
        let (broker, store, villages, clock, authority) = (b.clone(), s.clone(), villages.clone(), c.clone(), authority.clone());
        async move {
            anyhow::ensure!(broker.ready(Duration::from_secs(30)).await, "the broker does not serve");
            let way = broker.way();
            link::run(way.socket, way.secret, store, authority, villages, clock, stop).await
        }
    });

    let (certificate, h, b) = ((files, names, ca), house.clone(), broker.clone());
    house.service("certificates", move |stop| {
        let (certificate, house, broker) = (certificate.clone(), h.clone(), b.clone());
        async move {
            let mut hour = tokio::time::interval(Duration::from_secs(3600));
            loop {
                tokio::select! {
                    _ = hour.tick() => renew(&house, &broker, &certificate).await?,
                    () = stop.soft.cancelled() => return Ok(()),
                }
            }
        }
    });

    // Console.
    let key = secret::load_or_make(&keys.join("console.key"))?;
    let hash_path = keys.join("console.pin");
    if !hash_path.exists() {
        let pin = secret::pin()?;
        secret::write_file(&hash_path, pins::hash(&pin, &key)?.as_bytes())?;
        secret::write_file(&keys.join("console.first-pin"), pin.as_bytes())?;
        tracing::info!("the officer's first PIN is in {}", keys.join("console.first-pin").display());
    }
    let pin = std::fs::read_to_string(&hash_path)?;
    if let Some(address) = config.office.console {
        let listener = Arc::new(bind(address).await?);
        let console = Console {
            store,
            name: config.office.name.clone(),
            villages: Arc::new(config.office.villages.clone()),
            clock: clock.clone(),
            sessions: Sessions::open(&layout.data.join("console-sessions.json"), key.clone(), &pin, clock.clone()),
            pin: Arc::new(pin),
            pins: pins::Pins::new(key),
            wrong: Arc::new(Mutex::default()),
            pages: Arc::new(Semaphore::new(PAGES)),
        };
        let (h, app) = (house.clone(), router(console));
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
