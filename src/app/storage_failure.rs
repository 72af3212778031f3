//! When and how the gateway ends.
//!
//! Invariants: a signal ends it; a journal that failed does not. What can be done without the card
//! goes on for as long as the card is full, read-only or dead: the broker carries orders between
//! devices, visitors get in, pages show what is, and every command is refused in words because it
//! could not be kept. Services that do nothing but write the journal rest meanwhile: they
//! take no device's word that they could not keep, and repeat no order; the link to the commune
//! acknowledges nothing, and is made again. When the card can be written again the gateway ends
//! with 74, and whoever watches over it starts it from what is durable. A card that neither takes
//! nor refuses (a write that hangs) is the watchdog's. Deliberately absent: mending the journal in
//! a running process.

use std::path::Path;
use std::time::Duration;

use crate::journal::{Closed, Journal};
use crate::log::segments::SEGMENT_BYTES;
use crate::store::disk_space;
use crate::supervisor::health::HealthStatus;
use crate::supervisor::service::Stop;
use crate::supervisor::{Supervisor, systemd};

/// Pause between two looks whether the card can be written again.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Good looks in a row that are trusted.
const PROBES_REQUIRED: usize = 3;
/// Room that the journal needs to begin anew, bytes.
const FREE_BYTES_REQUIRED: u64 = 8 * 1024 * 1024;
/// How long a service that heard first waits for the journal to say why it closed.
const FAILURE_REASON_TIMEOUT: Duration = Duration::from_secs(2);
/// Exit code of a gateway whose journal failed (EX_IOERR of sysexits.h).
pub const EXIT_IO_ERROR: u8 = 74;

/// A service that ended because the journal failed rests until the house ends; any other end is its
/// own.
///
/// # Errors
/// Those of the service.
pub async fn park_on_storage_failure(
    journal: &Journal,
    stop: &Stop,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let Err(cause) = service.await else {
        return Ok(());
    };
    let mut failed = journal.failed();
    let is_why = cause.is::<Closed>()
        && tokio::time::timeout(FAILURE_REASON_TIMEOUT, failed.wait_for(Option::is_some))
            .await
            .is_ok_and(|f| f.is_ok());
    if !is_why {
        return Err(cause);
    }
    stop.soft.cancelled().await;
    Ok(())
}

/// Feeds the watchdog until the end; gives the exit code.
pub async fn run_until_shutdown(
    mut signal: systemd::StopSignal,
    supervisor: &Supervisor,
    journal: &Journal,
    data: &Path,
) -> u8 {
    let mut failed = journal.failed();
    let mut tick =
        tokio::time::interval(systemd::watchdog_interval().unwrap_or(Duration::from_secs(10)));
    let why = loop {
        tokio::select! {
            () = signal.recv() => return 0,
            why = failed.wait_for(Option::is_some) => break why.ok().and_then(|w| w.clone()).unwrap_or_else(|| "the journal ended".into()),
            // Only a writer that answers is alive.
            _ = tick.tick() => if tokio::time::timeout(Duration::from_secs(5), journal.ping()).await.is_ok_and(|p| p.is_ok()) {
                systemd::notify_watchdog();
            },
        }
    };
    let told = format!(
        "thẻ nhớ không ghi được ({why}): lệnh nào cũng bị từ chối cho đến khi ghi được, lúc đó máy tự khởi động lại"
    );
    let (folder, mut good) = (data.join("log"), 0);
    let mut look = tokio::time::interval(PROBE_INTERVAL);
    let mut looking = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = signal.recv() => return EXIT_IO_ERROR,
            Some(taken) = looking.join_next() => {
                good = if taken.is_ok_and(|t: std::io::Result<()>| t.is_ok()) { good + 1 } else { 0 };
                if good >= PROBES_REQUIRED {
                    tracing::warn!("storage writable again; restarting");
                    return EXIT_IO_ERROR;
                }
            }
            _ = look.tick() => {
                // Others say less about the same part.
                supervisor.health().set("journal", HealthStatus::Red, &told);
                // One that hangs is waited for; the rest of the house need not.
                if looking.is_empty() {
                    let folder = folder.clone();
                    looking.spawn_blocking(move || disk_space::probe_write(&folder, FREE_BYTES_REQUIRED, SEGMENT_BYTES));
                }
            }
            _ = tick.tick() => systemd::notify_watchdog(),
        }
    }
}
