//! Hashing and verifying PINs, in one place for all callers: a hash costs 19 MiB and some tens of
//! ms, and visitors who are not signed in cause hashes.
//!
//! Invariants: [`MAX_CONCURRENT`] hashes run at once and [`MAX_WAITING`] unknown visitors wait; the
//! next one is asked to try later. A permit lasts as long as its work, also when the caller has
//! disconnected. The memory of a hash is a mapping of its own that goes back to the system with its
//! permit: the heap never holds it. A PIN is reported as wrong only when it was hashed and differs:
//! no memory, a damaged hash or a crowd is a [`PinError`]. Parameters: argon2id, 19 MiB, t=2, p=1
//! (OWASP Password Storage Cheat Sheet), with a pepper from a secret file of its own, so that
//! stolen hashes alone do not allow guessing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::secret;

/// Hashes that run at once.
pub const MAX_CONCURRENT: usize = 2;
/// Unknown visitors that wait for a permit; the next one is rejected.
pub const MAX_WAITING: usize = 32;
/// Longest wait for a permit.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// KiB, passes and lanes of a new hash.
const ARGON2_COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The most expensive stored hash that is verified: a file that asks for more is taken as damaged.
const MAX_ARGON2_COST: (u32, u32, u32) = (64 * 1024, 8, 4);
/// Blocks (1 KiB each) that are allocated for one hash, used or not. Above 32 MiB glibc always
/// makes a mapping of its own and unmaps it; a smaller allocation goes through the heap from the
/// second time on, one heap per thread, and stays.
const MMAP_THRESHOLD_BLOCKS: usize = 33 * 1024;

/// Why a PIN was not verified.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Too many callers at once.
    #[error("too many PINs are being verified")]
    Busy,
    /// The hash could not be computed, or the stored one is damaged.
    #[error("a PIN could not be hashed: {0}")]
    Broken(io::Error),
}

impl PinError {
    fn broken(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(io::Error::other(cause))
    }
}

/// Hashes PINs; clones share its bounds.
#[derive(Clone)]
pub struct PinHasher {
    pepper: Arc<Vec<u8>>,
    permits: Arc<Semaphore>,
    stranger_permits: Arc<Semaphore>,
}

/// A permit for one hash; its end lets the next caller in.
pub struct HashPermit {
    pepper: Arc<Vec<u8>>,
    _permit: OwnedSemaphorePermit,
    _place: Option<OwnedSemaphorePermit>,
}

impl PinHasher {
    /// A hasher with its pepper.
    #[must_use]
    pub fn new(pepper: Vec<u8>) -> Self {
        Self {
            pepper: Arc::new(pepper),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            stranger_permits: Arc::new(Semaphore::new(MAX_CONCURRENT + MAX_WAITING)),
        }
    }

    /// Waits for a permit. A caller that proved before that he belongs here (`known`) is not
    /// rejected because unknown visitors crowd in.
    ///
    /// # Errors
    /// [`PinError::Busy`] when too many wait, or the wait was too long.
    pub async fn acquire(&self, known: bool) -> Result<HashPermit, PinError> {
        let place = if known {
            None
        } else {
            Some(
                self.stranger_permits
                    .clone()
                    .try_acquire_owned()
                    .map_err(|_| PinError::Busy)?,
            )
        };
        let permit = tokio::time::timeout(QUEUE_TIMEOUT, self.permits.clone().acquire_owned())
            .await
            .map_err(|_| PinError::Busy)?
            .map_err(PinError::broken)?;
        Ok(HashPermit {
            pepper: self.pepper.clone(),
            _permit: permit,
            _place: place,
        })
    }

    /// Hashes a PIN.
    ///
    /// # Errors
    /// When there is no randomness, no memory or no permit.
    pub async fn hash(&self, pin: &str) -> Result<String, PinError> {
        let turn = self.acquire(true).await?;
        let pin = pin.to_owned();
        tokio::task::spawn_blocking(move || hash(&pin, &turn.pepper))
            .await
            .map_err(PinError::broken)?
    }
}

impl HashPermit {
    /// True when the PIN is the one that was hashed. The permit is given back to the caller, so
    /// that a wrong PIN is counted before the permit ends.
    ///
    /// # Errors
    /// [`PinError::Broken`] when that could not be found out.
    pub async fn check(self, pin: &str, hash: &str) -> Result<(bool, Self), PinError> {
        let (pin, hash) = (pin.to_owned(), hash.to_owned());
        // The permit goes with the work: a caller that disconnects before the end makes no room for
        // another hash.
        tokio::task::spawn_blocking(move || {
            check(&pin, &hash, &self.pepper).map(|right| (right, self))
        })
        .await
        .map_err(PinError::broken)?
    }
}

/// argon2id of a PIN, in memory that is given back to the system at once.
fn argon2id(
    pin: &str,
    pepper: &[u8],
    salt: &[u8],
    params: Params,
    out: &mut [u8],
) -> Result<(), PinError> {
    let count = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    blocks
        .try_reserve_exact(count.max(MMAP_THRESHOLD_BLOCKS))
        .map_err(PinError::broken)?;
    blocks.resize(count, Block::default());
    let hasher = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(PinError::broken)?;
    hasher
        .hash_password_into_with_memory(pin.as_bytes(), salt, out, &mut blocks[..])
        .map_err(PinError::broken)
}

/// Hashes a PIN in the calling thread, without a permit: for commands, and for the first start,
/// when no visitor can ask yet.
///
/// # Errors
/// When there is no randomness or memory.
pub fn hash(pin: &str, pepper: &[u8]) -> Result<String, PinError> {
    let salt = secret::random::<16>().map_err(PinError::Broken)?;
    let params =
        Params::new(ARGON2_COST.0, ARGON2_COST.1, ARGON2_COST.2, None).map_err(PinError::broken)?;
    let text = ParamsString::try_from(&params).map_err(PinError::broken)?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2id(pin, pepper, &salt, params, &mut out)?;
    let (salt, out) = (
        Salt::new(&salt).map_err(PinError::broken)?,
        Output::new(&out).map_err(PinError::broken)?,
    );
    Ok(PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: text,
        salt: Some(salt),
        hash: Some(out),
    }
    .to_string())
}

/// True when the PIN is the one that was hashed.
fn check(pin: &str, hash: &str, pepper: &[u8]) -> Result<bool, PinError> {
    let known = PasswordHash::new(hash.trim())
        .map_err(|e| PinError::broken(format!("the stored hash is unreadable: {e}")))?;
    let params = Params::try_from(&known).map_err(PinError::broken)?;
    let is_ours = known.algorithm == ARGON2ID_IDENT && known.version == Some(Version::V0x13.into());
    if !is_ours
        || params.m_cost() > MAX_ARGON2_COST.0
        || params.t_cost() > MAX_ARGON2_COST.1
        || params.p_cost() > MAX_ARGON2_COST.2
    {
        return Err(PinError::broken(
            "the stored hash is of another kind or too expensive",
        ));
    }
    let (Some(salt), Some(expected)) = (known.salt, known.hash) else {
        return Err(PinError::broken("the stored hash is incomplete"));
    };
    let mut out = vec![0; expected.len()];
    argon2id(pin, pepper, &salt, params, &mut out)?;
    // `Output` compares in constant time.
    Ok(Output::new(&out).map_err(PinError::broken)? == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEPPER: &[u8] = b"pepper-pepper-pepper-pepper-1234";

    #[test]
    fn a_pin_opens_only_with_its_pepper() {
        let kept = hash("123456", PEPPER).expect("hash");
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert!(check("123456", &kept, PEPPER).expect("looked at"));
        assert!(!check("123457", &kept, PEPPER).expect("looked at"));
        assert!(!check("123456", &kept, b"another pepper of the same length").expect("looked at"));
    }

    #[test]
    fn hashes_of_the_crates_own_making_stay_good() {
        use argon2::PasswordHasher as _;
        let params = Params::new(19 * 1024, 2, 1, None).expect("params");
        let old = Argon2::new_with_secret(PEPPER, Algorithm::Argon2id, Version::V0x13, params)
            .expect("hasher")
            .hash_password_with_salt(b"246802", b"sixteen bytes ok")
            .expect("hash")
            .to_string();
        assert!(check("246802", &old, PEPPER).expect("looked at"));
        assert!(!check("246803", &old, PEPPER).expect("looked at"));
    }

    #[test]
    fn what_is_damaged_or_too_dear_is_broken_and_never_wrong() {
        let kept = hash("123456", PEPPER).expect("hash");
        let dear = kept.replace("m=19456", "m=4194304");
        let slow = kept.replace("t=2", "t=4000000000");
        for bad in [
            "",
            "garbage",
            &kept[..kept.len() - 44],
            &kept.replace("argon2id", "argon2i"),
            &dear,
            &slow,
        ] {
            assert!(
                matches!(check("123456", bad, PEPPER), Err(PinError::Broken(_))),
                "{bad}"
            );
        }
    }

    fn resident_kb() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("status");
        status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .and_then(|l| l.split_whitespace().next())
            .and_then(|n| n.parse().ok())
            .expect("VmRSS")
    }

    /// The long run tries 1,000 wrong PINs; 120 show the same.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn wrong_pins_leave_no_memory_behind_and_a_crowd_is_sent_away() {
        let pins = PinHasher::new(PEPPER.to_vec());
        let kept = pins.hash("123456").await.expect("hash");
        let before = resident_kb();
        let rounds = if std::env::var_os("CONGLANG_LONG").is_some() {
            1_000
        } else {
            120
        };
        let (mut wrong, mut busy) = (0, 0);
        while wrong < rounds {
            let mut tries = tokio::task::JoinSet::new();
            for _ in 0..MAX_CONCURRENT + MAX_WAITING + 20 {
                let (pins, kept) = (pins.clone(), kept.clone());
                tries.spawn(async move {
                    pins.acquire(false)
                        .await?
                        .check("000000", &kept)
                        .await
                        .map(|(right, _)| right)
                });
            }
            while let Some(one) = tries.join_next().await {
                match one.expect("joined") {
                    Ok(right) => {
                        assert!(!right);
                        wrong += 1;
                    }
                    Err(PinError::Busy) => busy += 1,
                    Err(broken) => panic!("{broken}"),
                }
            }
        }
        let grown = resident_kb().saturating_sub(before);
        println!("{wrong} wrong, {busy} sent away, {grown} KiB more");
        assert!(busy > 0, "a crowd does not wait without end");
        assert!(
            grown < 5 * 1024,
            "{grown} KiB stay after {wrong} wrong PINs"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_leaves_makes_no_room_for_another_hash() {
        let pins = PinHasher::new(PEPPER.to_vec());
        // The most expensive hash that is accepted: it takes long.
        let kept = hash("123456", PEPPER)
            .expect("hash")
            .replace("m=19456,t=2", "m=65536,t=8");
        for _ in 0..MAX_CONCURRENT {
            let turn = pins.acquire(false).await.expect("a turn");
            let gone =
                tokio::time::timeout(Duration::from_millis(1), turn.check("000000", &kept)).await;
            assert!(gone.is_err(), "the one who asked is gone, the work is not");
        }
        assert_eq!(pins.permits.available_permits(), 0);
        assert_eq!(pins.stranger_permits.available_permits(), MAX_WAITING);
        // The work ends, and every permit comes free.
        let all = pins
            .permits
            .acquire_many(u32::try_from(MAX_CONCURRENT).expect("small"));
        assert!(
            tokio::time::timeout(Duration::from_secs(60), all)
                .await
                .is_ok()
        );
    }
}
