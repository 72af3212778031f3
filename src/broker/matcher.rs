//! The subscription trie: which sessions hear a topic.
//!
//! Invariant: a filter stands at most once per session; removing the last subscriber of a branch removes the
//! branch, so memory is bounded by what is subscribed now, not by what ever was.

use std::collections::BTreeMap;

/// Handle of a session.
pub type Slot = u64;

/// How a session hears a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hearing {
    /// 0 or 1.
    pub qos: u8,
    /// Not what it says itself.
    pub no_local: bool,
    /// Keep the retain flag.
    pub retain_as_published: bool,
    /// Subscription identifier.
    pub identifier: Option<u32>,
}

#[derive(Debug, Default)]
struct Node {
    children: BTreeMap<String, Node>,
    here: BTreeMap<Slot, Hearing>,
}

/// All filters of all sessions.
#[derive(Debug, Default)]
pub struct Matcher(Node);

impl Matcher {
    /// Adds or replaces; true = it is new.
    pub fn add(&mut self, filter: &str, slot: Slot, hearing: Hearing) -> bool {
        let mut node = &mut self.0;
        for level in filter.split('/') {
            node = node.children.entry(level.to_owned()).or_default();
        }
        node.here.insert(slot, hearing).is_none()
    }

    /// Removes; true = it was there.
    pub fn remove(&mut self, filter: &str, slot: Slot) -> bool {
        fn go(node: &mut Node, mut levels: std::str::Split<'_, char>, slot: Slot) -> bool {
            match levels.next() {
                None => node.here.remove(&slot).is_some(),
                Some(level) => {
                    let Some(child) = node.children.get_mut(level) else { return false };
                    let was = go(child, levels, slot);
                    if child.here.is_empty() && child.children.is_empty() {
                        node.children.remove(level);
                    }
                    was
                }
            }
        }
        go(&mut self.0, filter.split('/'), slot)
    }

    /// Calls `heard` for every (session, hearing) whose filter matches; a session with overlapping filters is
    /// told once per filter.
    pub fn each(&self, topic: &str, heard: &mut impl FnMut(Slot, Hearing)) {
        let levels: Vec<&str> = topic.split('/').collect();
        walk(&self.0, &levels, 0, topic.starts_with('$'), heard);
    }
}

fn walk(node: &Node, levels: &[&str], at: usize, hidden: bool, heard: &mut impl FnMut(Slot, Hearing)) {
    let wild = !(hidden && at == 0);
    if wild && let Some(rest) = node.children.get("#") {
        rest.here.iter().for_each(|(s, h)| heard(*s, *h));
    }
    let Some(level) = levels.get(at) else {
        node.here.iter().for_each(|(s, h)| heard(*s, *h));
        return;
    };
    if let Some(child) = node.children.get(*level) {
        walk(child, levels, at + 1, hidden, heard);
    }
    if wild && let Some(child) = node.children.get("+") {
        walk(child, levels, at + 1, hidden, heard);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::mqtt::topic::matches;

    const PLAIN: Hearing = Hearing { qos: 0, no_local: false, retain_as_published: false, identifier: None };

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_trie_says_what_the_rule_says(filters in prop::collection::vec(prop::sample::select(vec!["a", "a/b", "a/+", "#", "+/b", "a/#", "+", "$x/a", "+/a", "a//b", "/"]), 0..12), gone in prop::collection::vec(any::<bool>(), 12), topic in prop::sample::select(vec!["a", "a/b", "b/b", "$x/a", "a//b", "/", "a/b/c"])) {
            let mut trie = Matcher::default();
            let mut model: std::collections::BTreeSet<(String, Slot)> = std::collections::BTreeSet::new();
            for (i, filter) in filters.iter().enumerate() {
                let slot = i as Slot % 3;
                prop_assert_eq!(trie.add(filter, slot, PLAIN), model.insert(((*filter).to_owned(), slot)));
            }
            for (i, filter) in filters.iter().enumerate().filter(|(i, _)| gone[*i]) {
                let slot = i as Slot % 3;
                prop_assert_eq!(trie.remove(filter, slot), model.remove(&((*filter).to_owned(), slot)));
            }
            let mut heard = Vec::new();
            trie.each(topic, &mut |s, _| heard.push(s));
            heard.sort_unstable();
            let mut expected: Vec<Slot> = model.iter().filter(|(f, _)| matches(f, topic)).map(|(_, s)| *s).collect();
            expected.sort_unstable();
            prop_assert_eq!(heard, expected);
            for (filter, slot) in &model {
                trie.remove(filter, *slot);
            }
            prop_assert!(trie.0.children.is_empty(), "nothing stays behind");
        }
    }
}
