//! One process for one folder: a lock on a file in it, which ends with the process, however that
//! ends.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::fs::FlockOperation;

/// How often the lock is tried, with a pause between: an earlier process may still be ending.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the exclusive lock of a file, for as long as the file is open. False = another process
/// holds it still.
///
/// # Errors
/// When the storage has no locks.
pub async fn acquire(file: &File) -> io::Result<bool> {
    for _ in 0..TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(PAUSE).await,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(false)
}
