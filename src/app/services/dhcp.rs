//! Keeps the file of reservations as the journal has them: the DHCP role reads it beside the
//! gateway.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::handles::Handles;
use crate::config::network::NetworkConfig;
use crate::dhcp::folder;
use crate::domain::state::VillageState;
use crate::journal::Journal;
use crate::protocol::netd::MacAddress;
use crate::supervisor::Stop;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;

/// How long to wait before a file that could not be written is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Starts the service, if the box serves a network.
pub fn start(network: &NetworkConfig, handles: &Handles) {
    if !network.is_served() {
        return;
    }
    let supervisor = &handles.supervisor;
    supervisor.proving_service(
        HealthPart::Addresses,
        (
            network.dhcp.clone(),
            handles.journal.clone(),
            supervisor.health().clone(),
        ),
        |(folder, journal, health), stop| follow_reservations(folder, journal, health, stop),
    );
}

fn rows(state: &VillageState) -> Vec<(MacAddress, Ipv4Addr)> {
    state.reservations.values().map(|r| (r.mac, r.v4)).collect()
}

/// Writes the file at the start and after each change; a write that failed is tried again.
async fn follow_reservations(
    folder: PathBuf,
    journal: Journal,
    health: Health,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut watch = journal.watch();
    let mut failing = false;
    loop {
        let wanted = rows(&watch.borrow_and_update().clone());
        let (to, content) = (folder.clone(), wanted.clone());
        let written = tokio::task::spawn_blocking(move || write(&to, content)).await?;
        match &written {
            Ok(()) => health.set_green(&HealthPart::Addresses),
            Err(cause) => {
                if !failing {
                    tracing::warn!(path = %folder.display(), %cause, "writing reservations failed");
                }
                let reason = HealthReason::ReservationsNotWritten {
                    path: folder.display().to_string(),
                    cause: cause.into(),
                };
                health.set_amber(&HealthPart::Addresses, reason);
            }
        }
        failing = written.is_err();
        loop {
            tokio::select! {
                changed = watch.changed() => changed?,
                () = tokio::time::sleep(RETRY_INTERVAL), if failing => break,
                () = stop.soft.cancelled() => return Ok(()),
            }
            if rows(&watch.borrow_and_update().clone()) != wanted {
                break;
            }
        }
    }
}

/// Without the folder there is no DHCP role; that matters once somebody reserved an address.
fn write(folder: &Path, rows: Vec<(MacAddress, Ipv4Addr)>) -> std::io::Result<()> {
    if rows.is_empty() && !folder.exists() {
        return Ok(());
    }
    folder::write_reservations(folder, rows).map(drop)
}
