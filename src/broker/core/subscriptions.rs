//! The subscription trie: which sessions subscribe to a topic, and which shared subscriptions match
//! it.
//!
//! Invariants: a filter is in it at most once per session (within a shared subscription: per
//! session and share name). Removing the last subscriber of a branch removes the branch, so memory
//! is bounded by what is subscribed now, not by what ever was.
//!
//! Deliberately absent: any notion of who is connected. `delivery` chooses a member of a shared
//! subscription.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::protocol::mqtt::QoS;
use crate::protocol::mqtt::topic::parse_shared;

/// Place of a session in memory; it is used again after the session's end.
pub type Slot = u32;

/// The subscription options of a session's filter [3.8.3.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionOptions {
    pub qos: QoS,
    /// Messages of the session itself are not delivered.
    pub no_local: bool,
    /// Deliver the RETAIN flag as it was published.
    pub retain_as_published: bool,
    /// Subscription identifier.
    pub subscription_id: Option<u32>,
}

/// The members of a shared subscription.
#[derive(Debug, Default)]
pub struct SharedSubscription {
    /// `$share/<name>/<filter>`.
    pub name: Arc<str>,
    pub members: Vec<(Slot, SubscriptionOptions)>,
    /// Index of the member whose turn it is.
    pub next_member: usize,
}

/// The nodes below a node, by the level of their filters.
///
/// Most nodes of a village have one or two below them, and a `BTreeMap` has room for eleven from
/// the first one on. Few are in a list without spare places.
#[derive(Debug)]
enum Children {
    Few(Vec<(Box<str>, Node)>),
    Many(BTreeMap<Box<str>, Box<Node>>),
}

/// Children that are in a list.
const FEW_CHILDREN: usize = 4;

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    fn get_mut(&mut self, level: &str) -> Option<&mut Node> {
        match self {
            Self::Few(few) => few.iter_mut().find(|(l, _)| **l == *level).map(|(_, n)| n),
            Self::Many(many) => many.get_mut(level).map(|n| &mut **n),
        }
    }

    fn get_or_create(&mut self, level: &str) -> &mut Node {
        if let Self::Few(few) = self
            && few.len() >= FEW_CHILDREN
            && !few.iter().any(|(l, _)| **l == *level)
        {
            let many = few.drain(..).map(|(l, node)| (l, Box::new(node)));
            *self = Self::Many(many.collect());
        }
        match self {
            Self::Few(few) => {
                let at = few.iter().position(|(l, _)| **l == *level);
                let at = at.unwrap_or_else(|| {
                    few.reserve_exact(1);
                    few.push((level.into(), Node::default()));
                    few.len() - 1
                });
                &mut few[at].1
            }
            Self::Many(many) => many.entry(level.into()).or_default(),
        }
    }

    fn remove(&mut self, level: &str) {
        match self {
            Self::Few(few) => few.retain(|(l, _)| **l != *level),
            Self::Many(many) => drop(many.remove(level)),
        }
    }
}

#[derive(Debug, Default)]
struct Node {
    children: Children,
    /// Sorted by session.
    subscribers: Vec<(Slot, SubscriptionOptions)>,
    shared: BTreeMap<Box<str>, SharedSubscription>,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.subscribers.is_empty() && self.children.is_empty() && self.shared.is_empty()
    }
}

/// All filters of all sessions.
#[derive(Debug, Default)]
pub struct SubscriptionTree {
    root: Node,
    /// Number of all subscriptions, and of the shared ones among them.
    pub count: (usize, usize),
}

impl SubscriptionTree {
    fn node(&mut self, filter: &str) -> &mut Node {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = node.children.get_or_create(level);
        }
        node
    }

    /// Adds or replaces a subscription; true = it is new.
    pub fn add(&mut self, filter: &str, slot: Slot, options: SubscriptionOptions) -> bool {
        let here = &mut self.node(filter).subscribers;
        match here.binary_search_by_key(&slot, |(s, _)| *s) {
            Ok(at) => {
                here[at].1 = options;
                false
            }
            Err(at) => {
                if here.is_empty() {
                    // Most filters have one subscriber, and a list begins with room for four.
                    here.reserve_exact(1);
                }
                here.insert(at, (slot, options));
                self.count.0 += 1;
                true
            }
        }
    }

    /// Adds a member to a shared subscription, or replaces its options; true = it is new.
    pub fn add_shared(
        &mut self,
        group: &str,
        filter: &str,
        slot: Slot,
        options: SubscriptionOptions,
    ) -> bool {
        let groups = &mut self.node(filter).shared;
        let group = groups
            .entry(group.into())
            .or_insert_with(|| SharedSubscription {
                name: format!("$share/{group}/{filter}").into(),
                ..SharedSubscription::default()
            });
        match group.members.iter_mut().find(|(s, _)| *s == slot) {
            Some(member) => {
                member.1 = options;
                false
            }
            None => {
                group.members.push((slot, options));
                self.count.0 += 1;
                self.count.1 += 1;
                true
            }
        }
    }

    fn prune(&mut self, filter: &str, take: &mut dyn FnMut(&mut Node) -> bool) -> bool {
        fn go(
            node: &mut Node,
            mut levels: std::str::Split<'_, char>,
            take: &mut dyn FnMut(&mut Node) -> bool,
        ) -> bool {
            let Some(level) = levels.next() else {
                return take(node);
            };
            let Some(child) = node.children.get_mut(level) else {
                return false;
            };
            let was = go(child, levels, take);
            if child.is_empty() {
                node.children.remove(level);
            }
            was
        }
        go(&mut self.root, filter.split('/'), take)
    }

    /// Removes a subscription; true = it was there.
    pub fn remove(&mut self, filter: &str, slot: Slot) -> bool {
        let was = self.prune(filter, &mut |node| match node
            .subscribers
            .binary_search_by_key(&slot, |(s, _)| *s)
        {
            Ok(at) => {
                node.subscribers.remove(at);
                true
            }
            Err(_) => false,
        });
        self.count.0 -= usize::from(was);
        was
    }

    /// Removes a member from a shared subscription; true = it was there.
    pub fn remove_shared(&mut self, group: &str, filter: &str, slot: Slot) -> bool {
        let was = self.prune(filter, &mut |node| {
            let Some(known) = node.shared.get_mut(group) else {
                return false;
            };
            let before = known.members.len();
            known.members.retain(|(s, _)| *s != slot);
            let was = known.members.len() < before;
            if known.members.is_empty() {
                node.shared.remove(group);
            }
            was
        });
        self.count.0 -= usize::from(was);
        self.count.1 -= usize::from(was);
        was
    }

    /// Calls `direct` with the subscribers of every filter that matches, and `shared` with every
    /// shared subscription whose filter does. A session with overlapping filters occurs once per
    /// filter.
    pub fn for_each_match(
        &mut self,
        topic: &str,
        direct: &mut dyn FnMut(&[(Slot, SubscriptionOptions)]),
        shared: &mut dyn FnMut(&mut SharedSubscription),
    ) {
        let hidden = topic.starts_with('$');
        visit_matches(&mut self.root, Some(topic), hidden, direct, shared);
    }

    /// The shared subscription of that name and filter, if it has members.
    pub fn shared_subscription(
        &mut self,
        name: &str,
        filter: &str,
    ) -> Option<&mut SharedSubscription> {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = node.children.get_mut(level)?;
        }
        node.shared.get_mut(name)
    }
}

fn visit_node(
    node: &mut Node,
    direct: &mut dyn FnMut(&[(Slot, SubscriptionOptions)]),
    shared: &mut dyn FnMut(&mut SharedSubscription),
) {
    if !node.subscribers.is_empty() {
        direct(&node.subscribers);
    }
    node.shared.values_mut().for_each(shared);
}

/// `rest` = the levels that are left; none = the topic's end. Topics have few levels
/// (`Limits::topic_levels`), so the recursion is shallow.
fn visit_matches(
    node: &mut Node,
    rest: Option<&str>,
    hidden: bool,
    direct: &mut dyn FnMut(&[(Slot, SubscriptionOptions)]),
    shared: &mut dyn FnMut(&mut SharedSubscription),
) {
    if node.children.is_empty() && rest.is_some() {
        return;
    }
    if !hidden && let Some(all) = node.children.get_mut("#") {
        visit_node(all, direct, shared);
    }
    let Some(rest) = rest else {
        return visit_node(node, direct, shared);
    };
    let (level, rest) = rest
        .split_once('/')
        .map_or((rest, None), |(level, rest)| (level, Some(rest)));
    if let Some(child) = node.children.get_mut(level) {
        visit_matches(child, rest, false, direct, shared);
    }
    if !hidden && let Some(child) = node.children.get_mut("+") {
        visit_matches(child, rest, false, direct, shared);
    }
}

/// Adds a filter, shared or not, to the trie; true = it is new.
pub fn add_subscription(
    tree: &mut SubscriptionTree,
    filter: &str,
    slot: Slot,
    options: SubscriptionOptions,
) -> bool {
    match parse_shared(filter) {
        Some((group, inner)) => tree.add_shared(group, inner, slot, options),
        None => tree.add(filter, slot, options),
    }
}

/// Removes a filter, shared or not, from the trie; true = it was there.
pub fn remove_subscription(tree: &mut SubscriptionTree, filter: &str, slot: Slot) -> bool {
    match parse_shared(filter) {
        Some((group, inner)) => tree.remove_shared(group, inner, slot),
        None => tree.remove(filter, slot),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::mqtt::topic::matches;

    const PLAIN: SubscriptionOptions = SubscriptionOptions {
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        subscription_id: None,
    };

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 400,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]
        #[test]
        fn the_trie_says_what_the_rule_says(
            filters in prop::collection::vec(
                (
                    prop::sample::select(vec![
                        "a", "a/b", "a/+", "#", "+/b", "a/#", "+", "$x/a", "+/a", "a//b", "/",
                        "a/b/#"
                    ]),
                    any::<bool>(),
                ),
                0..12,
            ),
            gone in prop::collection::vec(any::<bool>(), 12),
            topic in prop::sample::select(vec!["a", "a/b", "b/b", "$x/a", "a//b", "/", "a/b/c"]),
        ) {
            let mut trie = SubscriptionTree::default();
            let mut model = std::collections::BTreeSet::<(String, bool, Slot)>::new();
            for (i, (filter, grouped)) in filters.iter().enumerate() {
                let slot = Slot::try_from(i % 3).expect("small");
                let fresh = if *grouped {
                    trie.add_shared("g", filter, slot, PLAIN)
                } else {
                    trie.add(filter, slot, PLAIN)
                };
                prop_assert_eq!(fresh, model.insert(((*filter).to_owned(), *grouped, slot)));
            }
            for (i, (filter, grouped)) in filters.iter().enumerate().filter(|(i, _)| gone[*i]) {
                let slot = Slot::try_from(i % 3).expect("small");
                let was = if *grouped {
                    trie.remove_shared("g", filter, slot)
                } else {
                    trie.remove(filter, slot)
                };
                prop_assert_eq!(was, model.remove(&((*filter).to_owned(), *grouped, slot)));
            }
            prop_assert_eq!(trie.count, (model.len(), model.iter().filter(|(_, g, _)| *g).count()));
            let (mut direct, mut shared) = (Vec::new(), Vec::new());
            trie.for_each_match(
                topic,
                &mut |all| direct.extend(all.iter().map(|(s, _)| *s)),
                &mut |g| shared.extend(g.members.iter().map(|(s, _)| *s)),
            );
            for (grouped, mut found) in [(false, direct), (true, shared)] {
                found.sort_unstable();
                let mut expected: Vec<Slot> = model
                    .iter()
                    .filter(|(f, g, _)| *g == grouped && matches(f, topic))
                    .map(|(.., s)| *s)
                    .collect();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
            for (filter, grouped, slot) in &model {
                if *grouped {
                    trie.remove_shared("g", filter, *slot);
                } else {
                    trie.remove(filter, *slot);
                }
            }
            prop_assert!(trie.root.is_empty() && trie.count == (0, 0), "nothing stays behind");
        }
    }
}
