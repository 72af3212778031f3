//! Talking to systemd: ready, watchdog, stopping. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says that the doors are open.
pub fn ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// Says that the house is closing.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// One sentence for `systemctl status`.
pub fn status(text: &str) {
    let _ = sd_notify::notify(&[NotifyState::Status(text)]);
}

/// Feeds the watchdog.
pub fn alive() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// How often `alive` is wanted: half of the unit's `WatchdogSec`; none = no watchdog.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|d| d / 2)
}
