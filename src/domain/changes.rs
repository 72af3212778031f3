//! How a list differs from the one before it: how many of its things are new, changed or gone.
//!
//! Deliberately absent: the order of the things. A list that is only sorted anew says the same.

use std::collections::BTreeMap;

/// The difference of two lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Things that were not there before.
    pub new: usize,
    /// Things that say something else, or have another id now.
    pub changed: usize,
    /// Things that are not there any more.
    pub gone: usize,
}

impl Changes {
    /// The difference between two lists. `id` names a thing; `old_ids` are names that it had, so
    /// that a thing with a new name is the same.
    #[must_use]
    pub fn between<T: PartialEq, I: Ord>(
        before: &[T],
        after: &[T],
        id: impl Fn(&T) -> &I,
        old_ids: impl Fn(&T) -> &[I],
    ) -> Self {
        let mut left: BTreeMap<&I, &T> = before.iter().map(|thing| (id(thing), thing)).collect();
        let mut changes = Self::default();
        let mut renamed = Vec::new();
        for thing in after {
            match left.remove(id(thing)) {
                Some(known) if known == thing => {}
                Some(_) => changes.changed += 1,
                None => renamed.push(thing),
            }
        }
        for thing in renamed {
            let was = old_ids(thing)
                .iter()
                .filter(|old| left.remove(old).is_some());
            if was.count() > 0 {
                changes.changed += 1;
            } else {
                changes.new += 1;
            }
        }
        // A thing whose name leads to another one is part of that.
        let leads_on = after.iter().flat_map(old_ids);
        for old in leads_on {
            left.remove(old);
        }
        changes.gone = left.len();
        changes
    }

    /// Nothing differs.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.new == 0 && self.changed == 0 && self.gone == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq)]
    struct Thing(u8, &'static str, Vec<u8>);

    fn between(before: &[Thing], after: &[Thing]) -> (usize, usize, usize) {
        let changes = Changes::between(before, after, |t| &t.0, |t| &t.2);
        assert_eq!(changes.is_none(), changes == Changes::default());
        (changes.new, changes.changed, changes.gone)
    }

    #[test]
    fn things_are_new_changed_or_gone_and_a_renamed_one_is_the_same() {
        let thing = |id, says| Thing(id, says, Vec::new());
        let before = [thing(1, "a"), thing(2, "b"), thing(3, "c"), thing(4, "d")];
        assert_eq!(between(&[], &before), (4, 0, 0));
        assert_eq!(between(&before, &[]), (0, 0, 4));
        let sorted = [thing(4, "d"), thing(3, "c"), thing(2, "b"), thing(1, "a")];
        assert_eq!(between(&before, &sorted), (0, 0, 0));
        let after = [
            thing(1, "a"),
            thing(2, "other"),
            Thing(7, "c", vec![3]),
            thing(8, "new"),
        ];
        assert_eq!(between(&before, &after), (1, 2, 1));
        // Two became one: none is gone, because both names lead there.
        let merged = [Thing(1, "a", vec![2, 3]), thing(4, "d")];
        assert_eq!(between(&before, &merged), (0, 1, 0));
    }
}
