//! Whether a device is let into the internet now, and for how long and how much: one pure decision
//! for the tap, for a session that runs, and for the pages that tell why not.
//!
//! Invariants: a device that is let in always obeys the hours, the quotas and the uplink as all do;
//! it needs no tap and no place. No grant reaches beyond closing time, unless the clock is lost: a
//! grant of that time is to be decided again when the clock is known. Every number that comes in is
//! allowed, also one that makes no sense, so that a wrong counter lets nobody in for ever.

use super::{OpenHours, Standing, WifiRules};
use crate::domain::calendar::minute_of_day;
use crate::time::WallMs;

/// Longest session, s: a day.
const MAX_SECONDS: u32 = 86_400;
/// How long a session is while the box does not know the time, s: hours cannot be judged then, and
/// a village that lost its clock in a storm is not kept out.
const SECONDS_WITHOUT_CLOCK: u32 = 2 * 3_600;
/// “No bound” as a number of bytes for the kernel: beyond what any line carries in a day.
pub const UNBOUNDED: u64 = 1 << 50;

/// The grounds of the decision.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// The wall clock, when it may be believed.
    pub now: Option<WallMs>,
    /// The decision of a person about the device.
    pub standing: Option<Standing>,
    /// The bytes that the device has used today, bytes.
    pub device_used: u64,
    /// The bytes that all devices have used today, bytes.
    pub house_used: u64,
    /// The bytes that guests have used today on metered uplinks, bytes.
    pub metered_used: u64,
    /// The way to the internet.
    pub uplink: InternetUplink,
    /// Devices that are in, without this one and without those that are let in always: these take
    /// no place from the guests.
    pub others_in: u16,
    /// Seconds until a device that was not in today has its turn; none = it needs none, or has it.
    pub turn_in: Option<u32>,
}

/// The way to the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternetUplink {
    /// None.
    Down,
    /// One that costs by the byte.
    Metered,
    /// One that does not.
    Free,
}

/// The use that guests may make of an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UplinkUse {
    /// Everything.
    Open,
    /// The walled garden only.
    GardenOnly,
    /// Nothing: there is none.
    None,
}

/// The use that guests may make of an uplink, after so many bytes on metered uplinks today.
#[must_use]
pub fn uplink_use(rules: &WifiRules, uplink: InternetUplink, metered_used: u64) -> UplinkUse {
    match uplink {
        InternetUplink::Down => UplinkUse::None,
        InternetUplink::Free => UplinkUse::Open,
        InternetUplink::Metered if bytes_left(Some(rules.metered_mb), metered_used) > 0 => {
            UplinkUse::Open
        }
        InternetUplink::Metered => UplinkUse::GardenOnly,
    }
}

/// A device may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// For so long, s: at least 1.
    pub seconds: u32,
    /// For so many bytes from now: at least 1. Each device is granted all that is left of the
    /// house's day, so the sum is to be watched while they run.
    pub bytes: u64,
}

/// Why a device is not let in, in the order in which a page tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// The village switched it off.
    Off,
    /// A person decided so.
    Blocked,
    /// It is closed; it opens at this minute of the day.
    Closed {
        /// Minutes after midnight.
        opens: u16,
    },
    /// There is no way to the internet.
    UplinkDown,
    /// The uplink costs by the byte, and what guests may use of it is used.
    MeteredOnly,
    /// The device has used what it may today.
    DeviceUsedUp,
    /// All devices together have.
    HouseUsedUp,
    /// Many newcomers came just before: this one has its turn soon.
    TurnIn {
        /// Seconds until then.
        seconds: u32,
    },
    /// As many devices are in as may be.
    Full,
}

/// The decision.
///
/// # Errors
/// [`NotNow`], the reason that holds longest or that the visitor can do least about.
pub fn admission(rules: &WifiRules, at: &Situation) -> Result<Grant, NotNow> {
    if !rules.is_on {
        return Err(NotNow::Off);
    }
    if at.standing == Some(Standing::Blocked) {
        return Err(NotNow::Blocked);
    }
    let until_closing = match (rules.hours, at.now) {
        (None, _) => MAX_SECONDS,
        (Some(_), None) => SECONDS_WITHOUT_CLOCK,
        (Some(hours), Some(now)) => {
            seconds_open(hours, now).ok_or(NotNow::Closed { opens: hours.from })?
        }
    };
    let metered_left = match at.uplink {
        InternetUplink::Down => return Err(NotNow::UplinkDown),
        InternetUplink::Free => UNBOUNDED,
        InternetUplink::Metered => bytes_left(Some(rules.metered_mb), at.metered_used),
    };
    let device_left = bytes_left(rules.device_mb, at.device_used);
    let house_left = bytes_left(rules.house_mb, at.house_used);
    if metered_left == 0 {
        return Err(NotNow::MeteredOnly);
    }
    if device_left == 0 {
        return Err(NotNow::DeviceUsedUp);
    }
    if house_left == 0 {
        return Err(NotNow::HouseUsedUp);
    }
    if at.standing != Some(Standing::AlwaysIn) {
        if let Some(seconds) = at.turn_in {
            return Err(NotNow::TurnIn { seconds });
        }
        if at.others_in >= rules.most_devices {
            return Err(NotNow::Full);
        }
    }
    let session = rules
        .session_minutes
        .filter(|_| at.standing != Some(Standing::AlwaysIn))
        .map_or(MAX_SECONDS, |m| u32::from(m) * 60);
    Ok(Grant {
        seconds: until_closing.min(session).clamp(1, MAX_SECONDS),
        bytes: device_left.min(house_left).min(metered_left),
    })
}

/// The rest of so many megabytes; without a bound nothing is ever used up.
fn bytes_left(most: Option<u32>, used: u64) -> u64 {
    most.map_or(UNBOUNDED, |mb| {
        (u64::from(mb) * 1_000_000).saturating_sub(used)
    })
}

/// Seconds until it closes; none = it is closed.
fn seconds_open(hours: OpenHours, now: WallMs) -> Option<u32> {
    let (from, until) = (u32::from(hours.from), u32::from(hours.until));
    let minute = minute_of_day(now);
    let into_minute = u32::try_from(now.ms().rem_euclid(60_000) / 1_000).unwrap_or(0);
    let is_open = if from < until {
        (from..until).contains(&minute)
    } else {
        minute >= from || minute < until
    };
    // A day without a closing time has its end where it began.
    let minutes = match (until + 24 * 60 - minute) % (24 * 60) {
        0 => 24 * 60,
        minutes => minutes,
    };
    is_open.then(|| (minutes * 60).saturating_sub(into_minute).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::calendar::{ZONE_MS, day_start};

    /// A moment of a day by the village's clock.
    fn at(hour: i64, minute: i64, second: i64) -> WallMs {
        day_start(20_000) + ((hour * 60 + minute) * 60 + second) * 1_000
    }

    fn situation(now: WallMs) -> Situation {
        Situation {
            now: Some(now),
            standing: None,
            device_used: 0,
            house_used: 0,
            metered_used: 0,
            uplink: InternetUplink::Free,
            others_in: 0,
            turn_in: None,
        }
    }

    #[test]
    fn a_session_lasts_until_the_house_closes() {
        let rules = WifiRules::default();
        let seconds = |now| admission(&rules, &situation(now)).map(|g| g.seconds);
        assert_eq!(seconds(at(5, 0, 0)), Ok(17 * 3_600));
        assert_eq!(seconds(at(21, 59, 30)), Ok(30));
        let closed = Err(NotNow::Closed { opens: 300 });
        assert_eq!(seconds(at(22, 0, 0)), closed);
        assert_eq!(seconds(at(4, 59, 59)), closed);
        // The village's clock is seven hours ahead of UTC.
        assert_eq!(ZONE_MS, 7 * 3_600_000);
    }

    #[test]
    fn hours_over_midnight_and_a_lost_clock() {
        let night = WifiRules {
            hours: Some(OpenHours {
                from: 18 * 60,
                until: 2 * 60,
            }),
            ..WifiRules::default()
        };
        let seconds = |now| admission(&night, &situation(now)).map(|g| g.seconds);
        assert_eq!(seconds(at(23, 0, 0)), Ok(3 * 3_600));
        assert_eq!(seconds(at(1, 0, 0)), Ok(3_600));
        assert_eq!(seconds(at(12, 0, 0)), Err(NotNow::Closed { opens: 1_080 }));
        let lost = Situation {
            now: None,
            ..situation(at(12, 0, 0))
        };
        assert_eq!(admission(&night, &lost).map(|g| g.seconds), Ok(7_200));
    }

    #[test]
    fn the_smallest_rest_of_the_day_decides() {
        let rules = WifiRules {
            device_mb: Some(100),
            house_mb: Some(1_000),
            metered_mb: 10,
            ..WifiRules::default()
        };
        let noon = situation(at(12, 0, 0));
        let bytes = |s: Situation| admission(&rules, &s).map(|g| g.bytes);
        assert_eq!(bytes(noon), Ok(100_000_000));
        let device_used = 99_999_999;
        assert_eq!(
            bytes(Situation {
                device_used,
                ..noon
            }),
            Ok(1)
        );
        let device_used = 100_000_000;
        let used_up = Situation {
            device_used,
            ..noon
        };
        assert_eq!(bytes(used_up), Err(NotNow::DeviceUsedUp));
        let house_used = 950_000_000;
        assert_eq!(bytes(Situation { house_used, ..noon }), Ok(50_000_000));
        let house_used = u64::MAX;
        let used_up = Situation { house_used, ..noon };
        assert_eq!(bytes(used_up), Err(NotNow::HouseUsedUp));
        let metered = Situation {
            uplink: InternetUplink::Metered,
            metered_used: 4_000_000,
            ..noon
        };
        assert_eq!(bytes(metered), Ok(6_000_000));
        let metered_used = 10_000_000;
        let spent = Situation {
            metered_used,
            ..metered
        };
        assert_eq!(bytes(spent), Err(NotNow::MeteredOnly));
        let down = Situation {
            uplink: InternetUplink::Down,
            ..noon
        };
        assert_eq!(bytes(down), Err(NotNow::UplinkDown));
    }

    #[test]
    fn a_television_needs_no_place_and_a_blocked_device_gets_none() {
        let rules = WifiRules {
            most_devices: 2,
            session_minutes: Some(60),
            ..WifiRules::default()
        };
        let full = Situation {
            others_in: 2,
            ..situation(at(12, 0, 0))
        };
        assert_eq!(admission(&rules, &full), Err(NotNow::Full));
        let standing = Some(Standing::AlwaysIn);
        let television = Situation { standing, ..full };
        let seconds = admission(&rules, &television).map(|g| g.seconds);
        assert_eq!(seconds, Ok(10 * 3_600));
        let standing = Some(Standing::Blocked);
        let blocked = Situation { standing, ..full };
        assert_eq!(admission(&rules, &blocked), Err(NotNow::Blocked));
        let off = WifiRules {
            is_on: false,
            ..rules
        };
        assert_eq!(admission(&off, &television), Err(NotNow::Off));
    }

    #[test]
    fn a_device_that_is_always_let_in_obeys_hours_quotas_and_the_uplink() {
        let rules = WifiRules {
            device_mb: Some(100),
            ..WifiRules::default()
        };
        let standing = Some(Standing::AlwaysIn);
        let printer = |now| Situation {
            standing,
            ..situation(now)
        };
        let closed = Err(NotNow::Closed { opens: 300 });
        assert_eq!(admission(&rules, &printer(at(22, 0, 0))), closed);
        assert_eq!(admission(&rules, &printer(at(4, 59, 59))), closed);
        let last = admission(&rules, &printer(at(21, 59, 59)));
        assert_eq!(last.map(|g| g.seconds), Ok(1));
        let noon = printer(at(12, 0, 0));
        let device_used = 100_000_000;
        let used_up = Situation {
            device_used,
            ..noon
        };
        assert_eq!(admission(&rules, &used_up), Err(NotNow::DeviceUsedUp));
        let uplink = InternetUplink::Metered;
        let metered = Situation { uplink, ..noon };
        assert_eq!(admission(&rules, &metered), Err(NotNow::MeteredOnly));
        let lost = Situation { now: None, ..noon };
        assert_eq!(admission(&rules, &lost).map(|g| g.seconds), Ok(7_200));
    }

    #[test]
    fn without_a_bound_nothing_is_used_up_whatever_a_counter_says() {
        let rules = WifiRules {
            device_mb: None,
            house_mb: None,
            ..WifiRules::default()
        };
        let most = Situation {
            device_used: u64::MAX,
            house_used: u64::MAX,
            ..situation(at(12, 0, 0))
        };
        assert_eq!(admission(&rules, &most).map(|g| g.bytes), Ok(UNBOUNDED));
        let bounded = WifiRules {
            device_mb: Some(u32::MAX),
            ..rules
        };
        assert_eq!(admission(&bounded, &most), Err(NotNow::DeviceUsedUp));
    }

    fn rules() -> impl Strategy<Value = WifiRules> {
        let minute = || prop_oneof![0..1_440_u16, Just(0), Just(1_439), any::<u16>()];
        let hours = proptest::option::of((minute(), minute()));
        let bound = || proptest::option::of(prop_oneof![any::<u32>(), 0..3_u32]);
        let bounds = (bound(), bound(), any::<u32>());
        (
            any::<bool>(),
            hours,
            any::<Option<u16>>(),
            bounds,
            any::<u16>(),
        )
            .prop_map(
                |(
                    is_on,
                    hours,
                    session_minutes,
                    (device_mb, house_mb, metered_mb),
                    most_devices,
                )| {
                    WifiRules {
                        is_on,
                        hours: hours.map(|(from, until)| OpenHours { from, until }),
                        session_minutes,
                        device_mb,
                        house_mb,
                        most_devices,
                        metered_mb,
                        ..WifiRules::default()
                    }
                },
            )
    }

    fn any_situation() -> impl Strategy<Value = Situation> {
        let used = || prop_oneof![any::<u64>(), 0..5_000_000_u64];
        let now = proptest::option::of(any::<i64>().prop_map(WallMs::new));
        let standings = [None, Some(Standing::AlwaysIn), Some(Standing::Blocked)];
        let uplinks = [
            InternetUplink::Down,
            InternetUplink::Metered,
            InternetUplink::Free,
        ];
        (
            now,
            prop::sample::select(standings.to_vec()),
            (used(), used(), used()),
            prop::sample::select(uplinks.to_vec()),
            (any::<u16>(), any::<Option<u32>>()),
        )
            .prop_map(
                |(now, standing, (device_used, house_used, metered_used), uplink, others)| {
                    Situation {
                        now,
                        standing,
                        device_used,
                        house_used,
                        metered_used,
                        uplink,
                        others_in: others.0,
                        turn_in: others.1,
                    }
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_grant_is_empty_or_beyond_what_is_left(rules in rules(), at in any_situation()) {
            let Ok(grant) = admission(&rules, &at) else { return Ok(()) };
            prop_assert!((1..=MAX_SECONDS).contains(&grant.seconds) && grant.bytes >= 1);
            prop_assert!(rules.is_on && at.standing != Some(Standing::Blocked));
            prop_assert!(at.uplink != InternetUplink::Down);
            let fits = |most: Option<u32>, used: u64| most.is_none_or(|mb| {
                u128::from(grant.bytes) + u128::from(used) <= u128::from(mb) * 1_000_000
            });
            prop_assert!(fits(rules.device_mb, at.device_used));
            prop_assert!(fits(rules.house_mb, at.house_used));
            let is_metered = at.uplink == InternetUplink::Metered;
            prop_assert!(!is_metered || fits(Some(rules.metered_mb), at.metered_used));
            if at.standing.is_none() {
                prop_assert!(at.others_in < rules.most_devices && at.turn_in.is_none());
                let most = rules.session_minutes.map_or(MAX_SECONDS, |m| u32::from(m) * 60);
                prop_assert!(grant.seconds <= most.max(1));
            }
        }

        #[test]
        fn a_grant_ends_at_closing_time_at_the_latest(
            from in 0..1_440_u16,
            until in 0..1_440_u16,
            ms in 0..86_400_000_i64,
        ) {
            prop_assume!(from != until);
            let rules = WifiRules {
                hours: Some(OpenHours { from, until }),
                ..WifiRules::default()
            };
            let now = day_start(20_000) + ms;
            let is_open = |at: WallMs| seconds_open(OpenHours { from, until }, at).is_some();
            match admission(&rules, &situation(now)) {
                Ok(grant) => {
                    // The end is given in whole seconds.
                    let end = now + i64::from(grant.seconds) * 1_000;
                    prop_assert!(is_open(end - 1_000) && !is_open(end));
                    let closing = u32::from(until);
                    prop_assert_eq!(minute_of_day(end), closing);
                }
                Err(closed) => {
                    prop_assert_eq!(closed, NotNow::Closed { opens: from });
                    prop_assert!(!is_open(now));
                }
            }
        }
    }
}
