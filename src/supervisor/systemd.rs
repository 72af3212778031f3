//! Notifications to systemd: ready, watchdog, stopping. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Reports that the program serves.
pub fn notify_ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// Reports that the program is draining.
pub fn notify_stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// Feeds the watchdog.
pub fn notify_watchdog() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// How often the watchdog must be fed: half of the unit's `WatchdogSec`; none = no watchdog.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|d| d / 2)
}

/// The request to stop, from systemd or the keyboard. It is created before everything else: a
/// signal that arrives while the program still starts is not lost, and ends it in order as soon as
/// it can.
pub struct StopSignal {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl StopSignal {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// When the signals cannot be caught.
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the request.
    pub async fn recv(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
