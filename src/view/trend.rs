//! How a reading moves: its change over about an hour, from the readings of the last day.
//!
//! Deliberately absent: a forecast. The village's gauge tells what is, and only authorities say
//! what will be.

use crate::time::WallMs;

/// Over how long the change is told, ms.
const SPAN_MS: i64 = 3_600_000;
/// A reading may be so much older or younger than the span, ms.
const TOLERANCE_MS: i64 = 1_200_000;

/// The change of a value over about an hour; none = there is no reading of that time.
///
/// `readings` are the oldest first, in whole units of the last decimal.
#[must_use]
pub fn change_in_an_hour(readings: &[(WallMs, i64)]) -> Option<i64> {
    let (now, value) = readings.last()?;
    let wanted = *now + -SPAN_MS;
    let (before, past) = readings
        .iter()
        .min_by_key(|(at, _)| at.since(wanted).abs())?;
    (before.since(wanted).abs() <= TOLERANCE_MS).then_some(value - past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_is_that_of_an_hour_or_none() {
        let at = |minute: i64, value| (WallMs::new(minute * 60_000), value);
        let rising = [at(0, 150), at(30, 155), at(60, 160), at(125, 172)];
        assert_eq!(change_in_an_hour(&rising), Some(12));
        assert_eq!(change_in_an_hour(&rising[..3]), Some(10));
        assert_eq!(change_in_an_hour(&rising[..2]), None, "half an hour");
        assert_eq!(change_in_an_hour(&[]), None);
        let gap = [at(0, 150), at(300, 172)];
        assert_eq!(change_in_an_hour(&gap), None, "too long ago");
        let falling = [at(0, 200), at(60, 190)];
        assert_eq!(change_in_an_hour(&falling), Some(-10));
    }
}
