//! When and how the gateway ends.
//!
//! Invariants: a signal ends the gateway; a failed journal does not. Work that needs no storage
//! goes on for as long as storage is full, read-only or broken: the broker delivers messages
//! between devices, visitors get in, pages show the state, and every command is rejected with a
//! reason because it could not be recorded. Services that only write the journal rest meanwhile:
//! they acknowledge no message of a device that they could not record, and repeat no order. The
//! link to the commune acknowledges nothing, and reconnects. When storage can be written again, the
//! gateway exits with 74, and its service manager starts it again from the durable data. A write
//! that hangs, neither done nor refused, is left to the watchdog. Deliberately absent: repairing
//! the journal in a running process.

use std::path::Path;
use std::time::Duration;

use crate::app::handles::Handles;
use crate::journal::{Closed, Journal};
use crate::log::disk::SEGMENT_BYTES;
use crate::store::disk_space;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::service::Stop;
use crate::supervisor::{Supervisor, systemd};

/// Pause between two probes whether storage can be written again.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Successful probes in a row that are trusted.
const PROBES_REQUIRED: usize = 3;
/// Space that the journal needs to start again, bytes.
const FREE_BYTES_REQUIRED: u64 = 8 * 1024 * 1024;
/// How long a service that saw the closed journal first waits for the journal to state its failure.
const FAILURE_REASON_TIMEOUT: Duration = Duration::from_secs(2);
/// Exit code of a gateway whose journal failed (EX_IOERR of sysexits.h).
pub const EXIT_IO_ERROR: u8 = 74;

/// Starts a service that only writes the journal: it rests once the journal has failed.
pub fn parking_service<S, F, R>(handles: &Handles, part: HealthPart, state: S, run: F)
where
    S: Clone + Send + 'static,
    F: Fn(S, Stop) -> R + Send + 'static,
    R: Future<Output = anyhow::Result<()>> + Send,
{
    let state = (handles.journal.clone(), state);
    handles
        .supervisor
        .service(part, state, move |(journal, state), stop| {
            let running = run(state, stop.clone());
            async move { park_on_storage_failure(&journal, &stop, running).await }
        });
}

/// Lets a service that ended because the journal failed rest until the gateway ends; any other
/// result is returned.
///
/// # Errors
/// Those of the service.
async fn park_on_storage_failure(
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
    let cause = loop {
        tokio::select! {
            () = signal.recv() => return 0,
            cause = failed.wait_for(Option::is_some) => break cause.ok().and_then(|c| c.clone()),
            // A writer thread that does not answer counts as hung.
            _ = tick.tick() => {
                let pong = tokio::time::timeout(Duration::from_secs(5), journal.ping()).await;
                if pong.is_ok_and(|pong| pong.is_ok()) {
                    systemd::notify_watchdog();
                }
            }
        }
    };
    let reason = cause.map_or(HealthReason::JournalEnded, |cause| {
        HealthReason::JournalNotWritable { cause }
    });
    let (folder, mut good) = (data.join("log"), 0);
    let mut look = tokio::time::interval(PROBE_INTERVAL);
    let mut looking = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = signal.recv() => return EXIT_IO_ERROR,
            Some(taken) = looking.join_next() => {
                let is_good = taken.is_ok_and(|t: std::io::Result<()>| t.is_ok());
                good = if is_good { good + 1 } else { 0 };
                if good >= PROBES_REQUIRED {
                    tracing::warn!("storage writable again; restarting");
                    return EXIT_IO_ERROR;
                }
            }
            _ = look.tick() => {
                // Set again at each probe: other services overwrite this part with a weaker reason.
                supervisor.health().set_red(&HealthPart::Journal, reason.clone());
                // No second probe starts while one hangs; the gateway goes on meanwhile.
                if looking.is_empty() {
                    let folder = folder.clone();
                    looking.spawn_blocking(move || {
                        disk_space::probe_write(&folder, FREE_BYTES_REQUIRED, SEGMENT_BYTES)
                    });
                }
            }
            _ = tick.tick() => systemd::notify_watchdog(),
        }
    }
}
