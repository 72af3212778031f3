//! How much of its lifetime a certificate has left: the one rule by which our own are renewed and
//! others' are warned of.
//!
//! Invariants: the rule is a fraction, never a number of days: a certificate of ninety days and one
//! of six are renewed in time alike, and public ones become shorter every year. In its last third
//! it is due. Deliberately absent: whether the clock may be believed; `certificate_status` judges
//! that.

use crate::time::WallMs;

/// Days that a leaf of ours is valid.
pub const LEAF_DAYS: u64 = 90;
/// Of so many equal parts of a lifetime the last is the time in which a certificate is due.
const PARTS: i64 = 3;
const DAY_S: i64 = 86_400;

/// The lifetime of a certificate, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemainingLifetime {
    /// From its first second to its last, s.
    whole: i64,
    /// From the moment to its last second, s.
    left: i64,
    /// Its last second, s since 1970.
    until: i64,
}

impl RemainingLifetime {
    /// The lifetime of a certificate that is valid from one second until another.
    #[must_use]
    pub const fn new(from_s: i64, until_s: i64, now_s: i64) -> Self {
        Self {
            whole: until_s.saturating_sub(from_s),
            left: until_s.saturating_sub(now_s),
            until: until_s,
        }
    }

    /// The same of a leaf that one of our authorities made: it is valid from the authority's
    /// beginning, long before it was made, and lives no longer than any leaf.
    #[must_use]
    pub fn of_own_leaf(from_s: i64, until_s: i64, now_s: i64) -> Self {
        let longest = i64::try_from(LEAF_DAYS).unwrap_or(0).saturating_mul(DAY_S);
        Self::new(from_s.max(until_s.saturating_sub(longest)), until_s, now_s)
    }

    /// Less than a third of it is left: another certificate is to be made, or asked for.
    #[must_use]
    pub const fn is_due(self) -> bool {
        self.left.saturating_mul(PARTS) < self.whole
    }

    /// It is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        self.left < 0
    }

    /// Whole days that are left; negative = it is over.
    #[must_use]
    pub const fn days(self) -> i64 {
        self.left.div_euclid(DAY_S)
    }

    /// Its last moment.
    #[must_use]
    pub const fn ends(self) -> WallMs {
        WallMs::of_seconds(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_third_of_a_life_is_the_same_rule_for_six_days_and_for_a_year() {
        for days in [6, 45, 90, 365] {
            let (from, until) = (NOW, NOW + days * DAY_S);
            let at = |now: i64| RemainingLifetime::new(from, until, now);
            let third = days * DAY_S / 3;
            for (now, is_due, is_over) in [
                (from, false, false),
                (until - third - 1, false, false),
                (until - third, false, false),
                (until - third + 1, true, false),
                (until, true, false),
                (until + 1, true, true),
                (until + 400 * DAY_S, true, true),
            ] {
                let lifetime = at(now);
                assert_eq!(
                    (lifetime.is_due(), lifetime.is_over()),
                    (is_due, is_over),
                    "{days} days, {} s before the end",
                    until - now
                );
            }
            assert_eq!(at(from).days(), days);
            assert_eq!(at(until + 1).days(), -1);
            assert_eq!(at(from).ends(), WallMs::of_seconds(until));
        }
    }

    #[test]
    fn a_leaf_of_ours_lives_from_when_it_was_made_and_not_from_its_authoritys_beginning() {
        let until = NOW + 90 * DAY_S;
        let authority = NOW - 2_000 * DAY_S;
        let at = |now| RemainingLifetime::of_own_leaf(authority, until, now);
        assert!(!at(NOW).is_due() && !at(NOW + 60 * DAY_S).is_due());
        assert!(at(NOW + 60 * DAY_S + 1).is_due());
        let young = RemainingLifetime::of_own_leaf(NOW, NOW + 6 * DAY_S, NOW + 3 * DAY_S);
        assert!(!young.is_due(), "an authority that is younger than a leaf");
        let extreme = RemainingLifetime::new(i64::MIN, i64::MAX, i64::MIN);
        assert!(!extreme.is_over());
    }
}
