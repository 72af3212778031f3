//! The words by which roads and places are found, made once for a map.

use super::data::{MapData, Road};
use crate::domain::text::fold::{fold, words};

/// The words by which roads and places are found.
#[derive(Debug, Clone, Default)]
pub(super) struct SearchKeys {
    /// For each road, its names as words; longer ones first.
    pub roads: Vec<Vec<Vec<String>>>,
    /// For each place, the words of its name and of what it is.
    pub sites: Vec<Vec<String>>,
}

fn split(text: &str) -> Vec<String> {
    words(&fold(text)).map(str::to_owned).collect()
}

impl SearchKeys {
    pub(super) fn new(data: &MapData) -> Self {
        let parent_name = |road: &Road| {
            let id = road.part_of.as_ref()?;
            let parent = data.roads.iter().find(|r| r.id == *id)?;
            let name = split(&parent.name);
            let kind = fold(parent.kind.word());
            let bare = name.iter().filter(|w| **w != kind).cloned().collect();
            Some((name, bare))
        };
        let of_road = |road: &Road| {
            let kind = fold(road.kind.word());
            let mut keys: Vec<Vec<String>> = Vec::new();
            for name in std::iter::once(&road.name).chain(&road.old_names) {
                let all = split(name);
                // “gieng lang” finds “Ngõ Giếng Làng”.
                let bare: Vec<String> = all.iter().filter(|w| **w != kind).cloned().collect();
                keys.push(all);
                keys.push(bare);
            }
            if !road.number.is_empty() {
                let called: Vec<String> = [kind].into_iter().chain(split(&road.number)).collect();
                if let Some((name, bare)) = parent_name(road) {
                    let of = |rest: Vec<String>| called.iter().cloned().chain(rest).collect();
                    keys.push(of(name));
                    keys.push(of(bare));
                }
                keys.push(called);
            }
            keys.retain(|key| !key.is_empty());
            keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
            keys.dedup();
            keys
        };
        Self {
            roads: data.roads.iter().map(of_road).collect(),
            sites: data
                .sites
                .iter()
                .map(|site| split(&format!("{} {}", site.name, site.kind)))
                .collect(),
        }
    }
}
