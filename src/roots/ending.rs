//! When and how the gateway ends.
//!
//! Invariants: a signal ends it; a journal that failed does not. What can be done without the card goes on for as long as the
//! card is full, read-only or dead: the broker carries orders between devices, visitors get in, pages show what is, and every
//! command is refused in words because it could not be kept. When the card can be written again the gateway ends with 74, and
//! whoever watches over it starts it from what is durable. Deliberately absent: mending the journal in a running process.

use std::path::Path;
use std::time::Duration;

use crate::journal::Journal;
use crate::store::space;
use crate::supervisor::health::Light;
use crate::supervisor::{Supervisor, systemd};

/// Pause between two looks whether the card can be written again.
const LOOK: Duration = Duration::from_secs(5);
/// Room that the journal needs to begin anew, bytes.
const ROOM: u64 = 16 * 1024 * 1024;
/// Exit code of a gateway whose journal failed (EX_IOERR of sysexits.h).
pub const FAILED: u8 = 74;

/// Feeds the watchdog until the end; gives the exit code.
pub async fn until(mut wish: systemd::StopSignal, house: &Supervisor, journal: &Journal, data: &Path) -> u8 {
    let mut failed = journal.failed();
    let mut tick = tokio::time::interval(systemd::watchdog().unwrap_or(Duration::from_secs(10)));
    let why = loop {
        tokio::select! {
            () = wish.came() => return 0,
            why = failed.wait_for(Option::is_some) => break why.ok().and_then(|w| w.clone()).unwrap_or_else(|| "the journal ended".into()),
            // Only a writer that answers is alive.
            _ = tick.tick() => if tokio::time::timeout(Duration::from_secs(5), journal.ping()).await.is_ok_and(|p| p.is_ok()) {
                systemd::alive();
            },
        }
    };
    house.health().set("journal", Light::Red, &format!("thẻ nhớ không ghi được ({why}): lệnh nào cũng bị từ chối cho đến khi ghi được, lúc đó máy tự khởi động lại"));
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = wish.came() => return FAILED,
            _ = look.tick() => {
                let data = data.to_owned();
                if tokio::task::spawn_blocking(move || space::takes(&data, ROOM)).await.is_ok_and(|t| t.is_ok()) {
                    tracing::warn!("the card can be written again: the house starts from what is durable");
                    return FAILED;
                }
            }
            _ = tick.tick() => systemd::alive(),
        }
    }
}
