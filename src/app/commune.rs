//! `conglang commune`: the commune's server, from configuration to the last drain. [`run`] lists
//! what it starts, in order.
//!
//! The order, and why: the keys come before the store, so that a power cut in the first start
//! leaves no history without keys. The broker binds its socket before anything is answered. The
//! console is last. The drain ends all services together; the store needs no closing, because each
//! of its transactions is on disk when it is acknowledged.

mod broker;
mod console;
mod keys;
mod villages;

use std::time::Duration;

use self::keys::CommuneKeys;
use super::services::broker_certificate::ServedCertificate;
use crate::commune::link::CertificateSigner;
use crate::commune::store::CommuneStore;
use crate::config::layout::Layout;
use crate::config::{CommuneVillage, Config};
use crate::keys::holders::HolderStore;
use crate::supervisor::clock::Clock;
use crate::supervisor::{Supervisor, fds, systemd};

/// How long the commune's server may take to drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the commune until a signal; gives the exit code.
///
/// # Errors
/// Why it could not start.
pub async fn run(config: Config) -> anyhow::Result<u8> {
    let stop_signal = systemd::StopSignal::listen()?;
    fds::raise_limit();
    let layout = Layout::of(&config);
    layout.make()?;
    let config = &config.commune_server;
    let clock = Clock::system(0);
    let supervisor = Supervisor::new(clock.clone());
    let keys = CommuneKeys::open(&config.name, &layout, &clock)?;
    let store = CommuneStore::open(&layout.data.join("commune.redb")).map_err(|e| {
        anyhow::anyhow!(
            "cannot open the commune's store in {}: {e}",
            layout.data.display()
        )
    })?;
    let holders = HolderStore::of(&keys.folder);
    note_changes(&store, &keys, &holders, &config.villages, &clock);

    let certificate = ServedCertificate::of(&keys.folder, &config.names, "ca");
    if keys.authority.is_some() {
        certificate.issue_if_due(&clock)?;
    }
    let broker = broker::start(config, &certificate, &holders, &layout, &supervisor).await?;
    let signer = CertificateSigner {
        authority: keys.authority.clone(),
        holders,
    };
    villages::start(&config.villages, &broker, &store, signer, &supervisor);
    broker::start_renewal(certificate, &keys, &broker, &supervisor);
    keys.report(&supervisor);
    console::start(config, keys, store, &layout, &supervisor).await?;

    systemd::notify_ready();
    tracing::info!("commune ready");
    feed_watchdog(stop_signal).await;
    systemd::notify_stopping();
    supervisor.drain(DRAIN_TIMEOUT).await;
    Ok(0)
}

/// Records what the configuration and the folder of keys brought since the last start. A disk that
/// refuses writes does not keep the server from starting.
fn note_changes(
    store: &CommuneStore,
    keys: &CommuneKeys,
    holders: &HolderStore,
    villages: &[CommuneVillage],
    clock: &Clock,
) {
    let at = clock.wall_ms();
    let noted = store
        .note_keys(&keys.fingerprints(), at)
        .and_then(|()| store.note_villages(villages, at))
        .and_then(|()| store.note_village_keys(&holders.read()?, at));
    if let Err(cause) = noted {
        tracing::error!(%cause, "recording changes of keys and villages failed");
    }
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
