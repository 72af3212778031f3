//! Numbers of orders: they rise for ever, whatever happens to the history or the clock.
//!
//! A receiver refuses what is not newer than the last order it took, so a number that falls would make the
//! village mute. A number is at least the wall time in ms and above every one that was ever reserved; numbers
//! are reserved on disk some minutes ahead, so that few orders cost a write. (A hybrid logical clock, after Kulkarni
//! et al. 2014, with one writer.)

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::keys::secret;
use crate::supervisor::clock::Clock;

/// How far numbers are reserved ahead.
const AHEAD: u64 = 600_000;

/// The numbers.
pub struct Numbers {
    path: PathBuf,
    clock: Clock,
    /// The last number given, and up to which they are reserved.
    given: Mutex<(u64, u64)>,
}

impl Numbers {
    /// Goes on above what was reserved in `path`.
    ///
    /// # Errors
    /// When the file holds something else than a number, or cannot be read.
    pub fn open(path: &Path, clock: Clock) -> io::Result<Self> {
        let reserved = match std::fs::read_to_string(path) {
            Ok(text) => text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a number", path.display())))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => 0,
            Err(cause) => return Err(cause),
        };
        Ok(Self { path: path.to_owned(), clock, given: Mutex::new((reserved, reserved)) })
    }

    /// The next number.
    ///
    /// # Errors
    /// When it cannot be reserved: an order without a number is not sent.
    pub fn next(&self) -> io::Result<u64> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u64::try_from(self.clock.certain_ms()).unwrap_or(0).max(given.0 + 1);
        if next > given.1 {
            secret::write_file(&self.path, (next + AHEAD).to_string().as_bytes())?;
            given.1 = next + AHEAD;
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
        let folder = std::env::temp_dir().join(format!("conglang-numbers-{}", getrandom::u64().expect("random")));
        let path = folder.join("voice.last");
        let clock = Clock::manual(1_795_232_640_000);
        let mut last = 0;
        for boot in 0..5 {
            // The second boot believes that it is 1970.
            clock.set_wall(if boot == 1 { 0 } else { 1_795_232_640_000 + boot });
            let numbers = Numbers::open(&path, clock.clone()).expect("opens");
            for _ in 0..3 {
                let next = numbers.next().expect("a number");
                assert!(next > last, "{next} after {last} in boot {boot}");
                last = next;
            }
        }
        std::fs::write(&path, "x").expect("written");
        assert!(Numbers::open(&path, clock).is_err());
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
