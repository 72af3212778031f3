//! Sequence numbers of orders: they rise for ever, whatever happens to the history or the clock.
//!
//! A receiver refuses an order that is not newer than the last one that it accepted, so a number
//! that falls would silence every speaker. A number is at least the wall time in ms and above every
//! number that was ever reserved. Numbers are reserved on disk some minutes ahead, so that few
//! orders cost a write. (A hybrid logical clock, after Kulkarni et al. 2014, with one writer.) If
//! the reservation cannot be read, or is missing (it is made before the signing key is),
//! numbers continue thirty days beyond the time: above every number that was given while the clock
//! was not ahead of its present time, through thousands of restarts. This is reported.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::keys::secret;
use crate::supervisor::clock::Clock;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::io_cause::IoCause;

/// How far numbers are reserved ahead.
const RESERVE_AHEAD: u64 = 600_000;
/// How far beyond the time numbers continue when the reservation is lost: each restart may have
/// skipped a reservation.
const LOST_RESERVATION_SKIP: u64 = 30 * 86_400_000;
/// The year 9999 in ms: no time was ever beyond it, so neither was a number.
const MAX_SEQUENCE: u64 = 253_402_300_800_000;

/// The sequence numbers.
pub struct SequenceCounter {
    path: PathBuf,
    clock: Clock,
    /// The last number given, and up to which they are reserved.
    given: Mutex<(u64, u64)>,
    /// Why the reservation is not known; none = it is.
    pub error: Option<HealthReason>,
}

impl SequenceCounter {
    /// Makes the reservation of a signing key that is yet to be made: nothing is reserved.
    ///
    /// # Errors
    /// When storage refuses it.
    pub fn create(path: &Path) -> io::Result<()> {
        secret::write_file(path, b"0")
    }

    /// Continues above the reservation in `path`.
    #[must_use]
    pub fn open(path: &Path, clock: Clock) -> Self {
        let reserved = match std::fs::read_to_string(path) {
            Ok(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|n| *n <= MAX_SEQUENCE)
                .ok_or(IoCause::Damaged),
            Err(cause) => Err(cause.into()),
        };
        let now = u64::try_from(clock.trusted_ms().ms()).unwrap_or(0);
        let lost = reserved
            .as_ref()
            .err()
            .map(|cause| HealthReason::SequenceLost {
                path: path.display().to_string(),
                cause: cause.clone(),
            });
        let reserved = reserved.unwrap_or(now.saturating_add(LOST_RESERVATION_SKIP));
        let numbers = Self {
            path: path.to_owned(),
            clock,
            given: Mutex::new((reserved, reserved)),
            error: lost,
        };
        // From here on the file exists again. If storage refuses the write now, the first order
        // reports it.
        if numbers.error.is_some() {
            let _ = numbers.next();
        }
        numbers
    }

    /// The next number.
    ///
    /// # Errors
    /// When it cannot be reserved: an order without a number is not sent.
    pub fn next(&self) -> io::Result<u64> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u64::try_from(self.clock.trusted_ms().ms())
            .unwrap_or(0)
            .max(given.0 + 1);
        if next > given.1 {
            secret::write_file(&self.path, (next + RESERVE_AHEAD).to_string().as_bytes())?;
            given.1 = next + RESERVE_AHEAD;
        }
        given.0 = next;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_through_restarts_and_clocks_that_fall() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let path = folder.join("voice.last");
        let clock = Clock::manual(1_795_232_640_000);
        let mut last = 0;
        SequenceCounter::create(&path).expect("made before the key");
        for boot in 0..5 {
            // The second boot believes that it is 1970.
            clock.set_wall(if boot == 1 {
                0
            } else {
                1_795_232_640_000 + boot
            });
            let numbers = SequenceCounter::open(&path, clock.clone());
            assert_eq!(numbers.error, None);
            for _ in 0..3 {
                let next = numbers.next().expect("a number");
                assert!(next > last, "{next} after {last} in boot {boot}");
                last = next;
            }
        }
        // Damaged by storage: no number is given twice, and it is reported, once.
        for damage in [
            "gone",
            "x",
            "",
            "\0\0\0",
            "18446744073709551615",
            "-1",
            "9999999999999999",
        ] {
            if damage == "gone" {
                std::fs::remove_file(&path).expect("removed");
            } else {
                std::fs::write(&path, damage).expect("written");
            }
            let numbers = SequenceCounter::open(&path, clock.clone());
            assert!(numbers.error.is_some(), "{damage}");
            let next = numbers.next().expect("a number");
            assert!(
                next > last && next < MAX_SEQUENCE,
                "{next} after {last} and “{damage}”"
            );
            last = next;
            assert_eq!(
                SequenceCounter::open(&path, clock.clone()).error,
                None,
                "{damage}"
            );
            clock.advance(std::time::Duration::from_millis(2 * RESERVE_AHEAD));
        }
    }
}
