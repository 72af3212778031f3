//! Time as a parameter: the system's clock, or one that a test sets by hand.
//!
//! Invariants: `mono_ms` never goes back and begins near 0 at start; `wall_ms` may be wrong (the
//! machine has no battery-backed clock), and `trust` states how far to believe it. Only this file
//! reads ambient clocks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{AtomicWallMs, MonoMs, WallMs};

/// How far the wall clock may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The wall clock shows a time before the floor, or years beyond it without a source that
    /// confirms it: the machine does not know the time.
    None,
    /// The time is after the floor and plausible, but no source confirmed it in this boot.
    Restored,
    /// A time source confirmed it.
    Synced,
}

/// A wall time before which the machine cannot be: 2026-01-01 UTC, ms. Set at each release.
pub const BUILD_FLOOR_MS: i64 = 1_767_225_600_000;

/// How far beyond the floor a clock is believed without a source, ms: ten years. A broken or
/// mistyped clock is as often far ahead as far behind, and the wrong dates that it writes would
/// stay for ever.
const MAX_UNSYNCED_AHEAD_MS: i64 = 3_652 * 86_400_000;

/// How far a clock that no source has confirmed may be beyond what is expected, while things still
/// happen by it that nobody takes back, ms: a week. A battery that was changed gives another year.
pub const MAX_UNSYNCED_ACTING_MS: i64 = 7 * 86_400_000;

/// A confirmation holds only for the clock as it was then: it ends when the clock has been set by
/// more than this since, ms.
const CLOCK_STEP_MS: u64 = 600_000;

/// Files that are made once the clock agreed with a server: by systemd-timesyncd, and on a box with
/// chrony by `systemd/conglang-time-check.service`.
const SYNC_FLAGS: [&str; 2] = [
    "/run/systemd/timesync/synchronized",
    "/run/conglang-time/synchronized",
];
/// systemd-timesyncd asks its server at least every 34 minutes and touches the flag each time
/// (timesyncd.conf(5), systemd-timesyncd.service(8)); chrony is asked every two. A flag older than
/// a day says nothing about the clock as it is now: somebody may have set it since.
const SYNC_FLAG_MAX_AGE_MS: i64 = 86_400_000;

/// Whether the machine's clock shows a day that HTTP can write: not before 1970, not after 9998.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the ambient clock"
)]
pub fn has_http_date() -> bool {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .is_ok_and(|d| d.as_secs() < 253_370_764_800)
}

/// Milliseconds since the machine started, sleep included: the one time that two processes of the
/// machine can compare and that nobody sets.
#[must_use]
pub fn since_boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000
        + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

#[derive(Debug)]
enum TimeSource {
    System {
        start: Instant,
        floor: AtomicWallMs,
        /// The time that history makes plausible for the start.
        plausible: AtomicWallMs,
        /// Wall time minus monotonic time at the confirmation, ms; `i64::MIN` = there was none.
        sync_offset_ms: AtomicI64,
    },
    Manual {
        mono_ms: AtomicU64,
        wall: AtomicWallMs,
        /// The latest time known from before; none = the clock itself is believed.
        floor: Option<WallMs>,
        synced: AtomicBool,
    },
}

/// A clock; clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<TimeSource>);

impl Clock {
    /// The machine's clock. `floor_ms` is the latest wall time known from before (0 = none).
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the ambient clock"
    )]
    pub fn system(floor_ms: i64) -> Self {
        Self(Arc::new(TimeSource::System {
            start: Instant::now(),
            floor: AtomicWallMs::new(WallMs::new(floor_ms.max(BUILD_FLOOR_MS))),
            plausible: AtomicWallMs::new(WallMs::MIN),
            sync_offset_ms: AtomicI64::new(i64::MIN),
        }))
    }

    /// A clock that stands still until it is advanced; it counts as synchronized.
    #[must_use]
    pub fn manual(wall_ms: i64) -> Self {
        Self(Arc::new(TimeSource::Manual {
            mono_ms: AtomicU64::new(0),
            wall: AtomicWallMs::new(WallMs::new(wall_ms)),
            floor: None,
            synced: AtomicBool::new(true),
        }))
    }

    /// The same, but no source has confirmed it; `floor_ms` is the latest time known from before.
    #[must_use]
    pub fn restored(wall_ms: i64, floor_ms: i64) -> Self {
        Self(Arc::new(TimeSource::Manual {
            mono_ms: AtomicU64::new(0),
            wall: AtomicWallMs::new(WallMs::new(wall_ms)),
            floor: Some(WallMs::new(floor_ms)),
            synced: AtomicBool::new(false),
        }))
    }

    /// The same, but it does not count as synchronized.
    #[must_use]
    pub fn unknown(wall_ms: i64) -> Self {
        Self(Arc::new(TimeSource::Manual {
            mono_ms: AtomicU64::new(0),
            wall: AtomicWallMs::new(WallMs::new(wall_ms)),
            floor: None,
            synced: AtomicBool::new(false),
        }))
    }

    /// The moment of this process; it begins when this clock is made.
    #[must_use]
    pub fn mono_ms(&self) -> MonoMs {
        match &*self.0 {
            TimeSource::System { start, .. } => MonoMs::START + start.elapsed(),
            TimeSource::Manual { mono_ms, .. } => MonoMs::new(mono_ms.load(Ordering::SeqCst)),
        }
    }

    /// Wall time as the machine believes it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the ambient clock"
    )]
    pub fn wall_ms(&self) -> WallMs {
        match &*self.0 {
            TimeSource::System { .. } => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(WallMs::default(), |d| {
                    i64::try_from(d.as_millis()).map_or(WallMs::MAX, WallMs::new)
                }),
            TimeSource::Manual { wall, .. } => wall.load(),
        }
    }

    /// The wall time where it can be believed, else the floor: dates are judged and written by it.
    #[must_use]
    pub fn trusted_ms(&self) -> WallMs {
        match &*self.0 {
            TimeSource::System { floor, .. } if self.trust() == Trust::None => floor.load(),
            TimeSource::Manual {
                floor: Some(floor), ..
            } if self.trust() == Trust::None => *floor,
            TimeSource::System { .. } | TimeSource::Manual { .. } => self.wall_ms(),
        }
    }

    /// The latest wall time that is known to be past, ms.
    #[must_use]
    pub fn floor_ms(&self) -> WallMs {
        match &*self.0 {
            TimeSource::System { floor, .. } => floor.load(),
            TimeSource::Manual { wall, floor, .. } => floor.unwrap_or_else(|| wall.load()),
        }
    }

    /// [`Clock::floor_ms`] in seconds.
    #[must_use]
    pub fn floor_s(&self) -> u64 {
        self.floor_ms().seconds()
    }

    /// [`Clock::trusted_ms`] in seconds.
    #[must_use]
    pub fn trusted_s(&self) -> u64 {
        self.trusted_ms().seconds()
    }

    /// Wall time minus the time since the start, ms: constant until somebody sets the clock.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.wall_ms()
            .ms()
            .saturating_sub(self.mono_ms().signed_since(MonoMs::START))
    }

    /// Raises the floor: a time learned from an authenticated peer or from history.
    pub fn raise_floor(&self, moment: WallMs) {
        if let TimeSource::System { floor, .. } = &*self.0 {
            floor.raise(moment);
        }
    }

    /// Records the time that history makes plausible for the start of this process.
    pub fn expect_at_start(&self, moment: WallMs) {
        if let TimeSource::System { plausible, .. } = &*self.0 {
            plausible.raise(moment);
        }
    }

    /// Whether things may happen by this clock that nobody takes back, because their moment has
    /// come: a source has confirmed it, or it is near what is expected.
    #[must_use]
    pub fn may_act(&self) -> bool {
        let expected = match &*self.0 {
            TimeSource::System {
                floor, plausible, ..
            } => floor.load().max(plausible.load()),
            TimeSource::Manual { .. } => self.floor_ms(),
        };
        let expected = expected + self.mono_ms().signed_since(MonoMs::START);
        match self.trust() {
            Trust::Synced => true,
            Trust::Restored => self.wall_ms().since(expected) < MAX_UNSYNCED_ACTING_MS,
            Trust::None => false,
        }
    }

    /// Records that a source confirmed the wall clock.
    pub fn set_synced(&self) {
        match &*self.0 {
            TimeSource::System {
                sync_offset_ms: agreed,
                ..
            } => agreed.store(self.offset_ms(), Ordering::Relaxed),
            TimeSource::Manual { synced, .. } => synced.store(true, Ordering::Relaxed),
        }
    }

    /// How far `wall_ms` may be believed now.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match &*self.0 {
            TimeSource::System {
                floor,
                sync_offset_ms: agreed,
                ..
            } => {
                let (wall, floor) = (self.wall_ms(), floor.load());
                let flags = SYNC_FLAGS.iter().map(|flag| modified_at(Path::new(flag)));
                if flags.into_iter().any(|modified| vouches(modified, wall)) {
                    agreed.store(self.offset_ms(), Ordering::Relaxed);
                }
                let agreed = agreed.load(Ordering::Relaxed);
                let is_agreed =
                    agreed != i64::MIN && agreed.abs_diff(self.offset_ms()) < CLOCK_STEP_MS;
                // A source that agrees now outweighs a floor that an earlier boot left.
                if wall >= WallMs::new(BUILD_FLOOR_MS) && is_agreed {
                    Trust::Synced
                } else if is_beyond(floor, wall) {
                    Trust::Restored
                } else {
                    Trust::None
                }
            }
            TimeSource::Manual { synced, floor, .. } => {
                if synced.load(Ordering::Relaxed) {
                    Trust::Synced
                } else if floor.is_some_and(|floor| is_beyond(floor, self.wall_ms())) {
                    Trust::Restored
                } else {
                    Trust::None
                }
            }
        }
    }

    /// Advances a manual clock; a system clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let TimeSource::Manual { mono_ms, wall, .. } = &*self.0 {
            let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            mono_ms.fetch_add(ms, Ordering::SeqCst);
            wall.store(wall.load() + i64::try_from(ms).unwrap_or(i64::MAX));
        }
    }

    /// Sets a manual clock's wall time: jumps of the wall clock in tests.
    pub fn set_wall(&self, ms: i64) {
        if let TimeSource::Manual { wall, .. } = &*self.0 {
            wall.store(WallMs::new(ms));
        }
    }
}

/// Whether a clock shows a time after the floor that is plausible.
fn is_beyond(floor: WallMs, wall: WallMs) -> bool {
    (floor..floor + MAX_UNSYNCED_AHEAD_MS).contains(&wall)
}

/// When a file was last touched; none when it is not there.
fn modified_at(file: &Path) -> Option<WallMs> {
    let modified = std::fs::metadata(file).and_then(|m| m.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(WallMs::new)
}

/// True when the flag of systemd-timesyncd, last touched at `modified`, speaks for a clock that
/// shows `wall`: the flag bears the time that the server gave.
fn vouches(modified: Option<WallMs>, wall: WallMs) -> bool {
    const STEP_MS: i64 = CLOCK_STEP_MS.cast_signed();
    modified.is_some_and(|at| (-STEP_MS..SYNC_FLAG_MAX_AGE_MS).contains(&wall.since(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flag stands for the whole boot, also after somebody typed another year.
    #[test]
    fn a_flag_of_the_time_server_speaks_only_for_the_clock_that_it_set() {
        let touched = WallMs::new(BUILD_FLOOR_MS + 1_000_000);
        assert!(vouches(Some(touched), touched));
        assert!(vouches(Some(touched), touched + 3_600_000));
        assert!(!vouches(None, touched));
        assert!(!vouches(Some(touched), touched + 2 * 86_400_000));
        assert!(!vouches(Some(touched), touched + 74 * 365 * 86_400_000));
        assert!(!vouches(Some(touched), WallMs::new(600_000)));
    }

    #[test]
    fn a_clock_that_jumped_ahead_orders_nothing_until_a_source_confirms_it() {
        const WEEK_MS: i64 = 7 * 86_400_000;
        let floor = BUILD_FLOOR_MS;
        assert!(Clock::restored(floor + WEEK_MS - 1, floor).may_act());
        let ahead = Clock::restored(floor + WEEK_MS, floor);
        assert_eq!((ahead.trust(), ahead.may_act()), (Trust::Restored, false));
        // A week of running is a week that is known.
        let runs = Clock::restored(floor, floor);
        runs.advance(Duration::from_secs(30 * 86_400));
        assert!(runs.may_act());
        ahead.set_synced();
        assert!(ahead.may_act());
        // A clock that shows nonsense is not believed; what was known before is.
        let lost = Clock::restored(floor + 73 * 365 * 86_400_000, floor);
        assert_eq!(
            (lost.trust(), lost.may_act(), lost.trusted_ms()),
            (Trust::None, false, WallMs::new(floor))
        );
    }
}
