//! Missing entries as they are reported: few ranges, however many holes there are.
//!
//! Invariants: every hole is in a range that is reported or was reported before; no more ranges are
//! reported than a village's state stores and one group holds.

use std::collections::BTreeSet;

use crate::domain::state::DAMAGE_KEPT;
use crate::log::frame::Epoch;

/// Damage: epoch, last entry before it, last entry that is missing.
pub(super) type DamagedRange = (Epoch, u64, u64);

/// The number of new ranges that may always be reported, however many are known.
const MIN_REPORTED_RANGES: usize = 10;

/// The ranges of `found` that are not known yet. Ranges that touch are joined. Where there are too
/// many, those nearest to each other are joined too, with the entries between them.
pub(super) fn new_ranges(found: Vec<DamagedRange>, known: &[(u64, u64)]) -> Vec<DamagedRange> {
    let is_known = |from: u64, to: u64| {
        known
            .iter()
            .any(|k| *k == (from, to) || from < to && k.0 <= from && to <= k.1)
    };
    // An entry that contradicts the chain is reported with two equal numbers; it is no range.
    let (mut changed, mut ranges): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(|(_, from, to)| !is_known(*from, *to))
        .partition(|(_, from, to)| from == to);
    ranges.sort_by_key(|(_, from, to)| (*from, *to));
    let mut out: Vec<DamagedRange> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.1 <= last.2 => last.2 = last.2.max(range.2),
            _ => out.push(range),
        }
    }
    let most = DAMAGE_KEPT
        .saturating_sub(known.len())
        .max(MIN_REPORTED_RANGES);
    if out.len() > most {
        let mut gaps: Vec<(u64, usize)> = out
            .windows(2)
            .zip(1..)
            .map(|(pair, n)| (pair[1].1 - pair[0].2, n))
            .collect();
        gaps.sort_unstable_by_key(|(gap, n)| (std::cmp::Reverse(*gap), *n));
        let begins: BTreeSet<usize> = gaps.into_iter().take(most - 1).map(|(_, n)| n).collect();
        let mut joined: Vec<DamagedRange> = Vec::with_capacity(most);
        for (n, range) in out.into_iter().enumerate() {
            match joined.last_mut() {
                Some(last) if !begins.contains(&n) => last.2 = range.2,
                _ => joined.push(range),
            }
        }
        out = joined;
    }
    changed.dedup();
    changed.truncate(MIN_REPORTED_RANGES);
    out.append(&mut changed);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranges: &[(u64, u64)]) -> Vec<DamagedRange> {
        ranges
            .iter()
            .map(|(from, to)| ([1; 16], *from, *to))
            .collect()
    }

    #[test]
    fn ranges_that_touch_are_one_and_what_is_known_is_not_told_again() {
        assert_eq!(
            new_ranges(
                of(&[(5, 9), (0, 5), (20, 22), (8, 12), (40, 40), (40, 40)]),
                &[]
            ),
            of(&[(0, 12), (20, 22), (40, 40)])
        );
        assert_eq!(
            new_ranges(
                of(&[(5, 9), (20, 30), (40, 40)]),
                &[(4, 9), (20, 29), (40, 40)]
            ),
            of(&[(20, 30)])
        );
    }

    #[test]
    fn of_many_holes_the_nearest_are_told_as_one_and_none_is_left_out() {
        let holes: Vec<(u64, u64)> = (0..5_000)
            .map(|n| (n * 3 + n / 100 * 1_000, n * 3 + n / 100 * 1_000 + 1))
            .collect();
        let told = new_ranges(of(&holes), &[(90_000_000, 90_000_001)]);
        assert_eq!(told.len(), DAMAGE_KEPT - 1);
        assert!(
            holes
                .iter()
                .all(|(from, to)| told.iter().any(|(_, a, b)| a <= from && to <= b))
        );
        assert!(told.windows(2).all(|w| w[0].2 < w[1].1));
        // The wide spaces between the hundreds are not reported as missing.
        assert!((0..49).all(|n| {
            let last = holes[n * 100 + 99].1;
            !told
                .iter()
                .any(|(_, a, b)| *a < last + 500 && last + 500 <= *b)
        }));
        let known: Vec<(u64, u64)> = (0..100)
            .map(|n| (80_000_000 + n * 10, 80_000_001 + n * 10))
            .collect();
        assert_eq!(new_ranges(of(&holes), &known).len(), MIN_REPORTED_RANGES);
    }
}
