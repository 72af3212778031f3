//! The short code of a notice, as it stands in its public link: four signs that people type from
//! paper.
//!
//! Invariants: a code is made of the seq of the entry that published the notice first, and of
//! nothing else. So the same journal gives the same codes, replayed or behind a snapshot, by
//! whatever program it was written, and no two notices share one. No sign is taken for another,
//! and none is a vowel, so that no code is a word. Codes that follow each other are not alike: a
//! slip of the finger leads to no other notice. Small letters count as capitals.
//!
//! Deliberately absent: ids. An id that is short enough stands in the link itself (`public_name`).

use std::fmt;

use super::Notice;

/// The signs of a code.
const SIGNS: &[u8; 28] = b"23456789BCDFGHJKMNPQRSTVWXYZ";
/// How many there are.
const BASE: i128 = SIGNS.len() as i128;
/// Least signs of a code.
const LEAST_SIGNS: usize = 4;
/// Most signs of a code that is read: far more than a journal has entries.
const MOST_SIGNS: usize = 12;
/// Spreads the numbers of one length; it has no divisor in common with [`BASE`].
const FACTOR: i128 = 379_879;
/// Longest id that stands in a link as it is, bytes.
const MAX_ID_IN_LINK: usize = 8;

/// A code, as the seq that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeCode(u64);

impl NoticeCode {
    /// The code that somebody typed; none = it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !(LEAST_SIGNS..=MOST_SIGNS).contains(&text.len()) {
            return None;
        }
        let mut spread: i128 = 0;
        for sign in text.bytes() {
            let sign = sign.to_ascii_uppercase();
            let place = SIGNS.iter().position(|known| *known == sign)?;
            spread = spread * BASE + i128::try_from(place).ok()?;
        }
        let (mut shorter, mut count) = (0, BASE.pow(4));
        for _ in LEAST_SIGNS..text.len() {
            shorter += count;
            count *= BASE;
        }
        let number = spread * inverse(count) % count;
        u64::try_from(shorter + number).ok().map(Self)
    }
}

/// The number that undoes [`FACTOR`] among so many numbers (Euclid).
fn inverse(count: i128) -> i128 {
    let (mut larger, mut smaller) = (FACTOR, count);
    let (mut wanted, mut next) = (1, 0);
    while smaller != 0 {
        let times = larger / smaller;
        (larger, smaller) = (smaller, larger - times * smaller);
        (wanted, next) = (next, wanted - times * next);
    }
    wanted.rem_euclid(count)
}

impl fmt::Display for NoticeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut number, mut count, mut length) = (i128::from(self.0), BASE.pow(4), LEAST_SIGNS);
        while number >= count {
            number -= count;
            count *= BASE;
            length += 1;
        }
        let mut spread = number * FACTOR % count;
        let mut text = vec![SIGNS[0]; length];
        for place in text.iter_mut().rev() {
            *place = usize::try_from(spread % BASE)
                .ok()
                .and_then(|sign| SIGNS.get(sign).copied())
                .unwrap_or(SIGNS[0]);
            spread /= BASE;
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl Notice {
    /// Its short code.
    #[must_use]
    pub fn code(&self) -> NoticeCode {
        NoticeCode(self.first_order.unwrap_or(self.order))
    }

    /// Its name in public links: its id where that is short and looks like no code, else its code.
    #[must_use]
    pub fn public_name(&self) -> String {
        let id = self.id.as_str();
        if id.len() <= MAX_ID_IN_LINK && NoticeCode::parse(id).is_none() {
            id.to_owned()
        } else {
            self.code().to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_is_for_ever_the_one_of_its_number() {
        // These stand on paper: they may never change.
        for (seq, code) in [
            (0, "2222"),
            (1, "NBK5"),
            (2, "8N48"),
            (218, "RHND"),
            (614_655, "DQGX"),
            (614_656, "22222"),
            (614_657, "2NBK5"),
        ] {
            assert_eq!(NoticeCode(seq).to_string(), code, "{seq}");
            assert_eq!(NoticeCode::parse(code), Some(NoticeCode(seq)));
            let small = code.to_ascii_lowercase();
            assert_eq!(NoticeCode::parse(&small), Some(NoticeCode(seq)));
        }
    }

    #[test]
    fn every_number_has_a_code_of_its_own() {
        let numbers = (0..40_000)
            .chain(614_000..700_000)
            .chain(17_824_000..17_826_000);
        let mut seen = BTreeSet::new();
        let mut before = String::new();
        for number in numbers.chain([u64::MAX >> 7]) {
            let code = NoticeCode(number).to_string();
            assert_eq!(NoticeCode::parse(&code), Some(NoticeCode(number)), "{code}");
            let same = code.bytes().zip(before.bytes()).filter(|(a, b)| a == b);
            assert!(
                code.len() != before.len() || same.count() + 4 <= code.len(),
                "{before} and {code} are alike"
            );
            assert!(seen.insert(code.clone()), "{code} is two notices'");
            before = code;
        }
        for sign in "01OILAEU".bytes() {
            assert!(!SIGNS.contains(&sign));
        }
        assert!(
            NoticeCode(u64::MAX).to_string().len() > MOST_SIGNS,
            "no code is made up"
        );
    }

    #[test]
    fn what_is_no_code_is_none() {
        for text in [
            "",
            "222",
            "2222222222222",
            "tb-02",
            "222O",
            "2221",
            "đ22",
            "a5b36d21",
        ] {
            assert_eq!(NoticeCode::parse(text), None, "{text}");
        }
    }
}
