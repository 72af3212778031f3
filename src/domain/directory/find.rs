//! Finding a house, a road or a place by what people type: “so 7 ngo 12”, “gieng lang”, “7/12”.
//!
//! Invariants: marks and capitals make no difference; an old name is as good as the name of today;
//! the best hits come first, and there are never more than [`MAX_HITS`]. Deliberately absent:
//! people's names. Nobody is found here by who they are.

use super::map::VillageMap;
use crate::domain::text::fold::{fold, words};

/// Most hits of a search.
pub const MAX_HITS: usize = 40;
/// Most words of what somebody types that are looked at.
const MAX_WORDS: usize = 12;

/// Words before the number of a house, in both languages of the pages.
const HOUSE_WORDS: [&str; 4] = ["so", "nha", "house", "number"];

/// A hit, by its place in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapHit {
    /// A road or an alley.
    Road(usize),
    /// A house.
    House(usize),
    /// A place.
    Site(usize),
}

/// A typed text, understood as far as it can be.
struct Asked {
    words: Vec<String>,
    /// The number of the house and that of its alley, when they were typed as `7/12`.
    slash: Option<(String, String)>,
}

impl Asked {
    fn new(text: &str) -> Self {
        let folded = fold(text);
        let slash = folded.split_whitespace().find_map(|token| {
            let (alley, house) = token.split_once('/')?;
            let is_number = |t: &str| t.bytes().next().is_some_and(|b| b.is_ascii_digit());
            (is_number(alley) && is_number(house)).then(|| (house.to_owned(), alley.to_owned()))
        });
        Self {
            words: words(&folded).take(MAX_WORDS).map(str::to_owned).collect(),
            slash,
        }
    }
}

/// The words that are left when the words of a key are taken out where they stand together; the
/// last word that was typed may be the beginning of one.
fn without_key(asked: &[String], key: &[String]) -> Option<Vec<String>> {
    if key.len() > asked.len() {
        return None;
    }
    (0..=asked.len() - key.len()).find_map(|from| {
        let to = from + key.len();
        let fits = asked[from..to]
            .iter()
            .zip(key)
            .enumerate()
            .all(|(n, (word, key))| {
                let is_last = from + n + 1 == asked.len();
                word == key || (is_last && word.len() >= 2 && key.starts_with(word.as_str()))
            });
        fits.then(|| [&asked[..from], &asked[to..]].concat())
    })
}

/// The number of a house in the words that are left: with or without “số”, “nhà”, “số nhà”,
/// “house”.
fn house_number(rest: &[String]) -> Option<String> {
    let rest: Vec<&String> = rest
        .iter()
        .skip_while(|w| HOUSE_WORDS.contains(&w.as_str()))
        .collect();
    let first = rest.first()?;
    let starts_with_digit = first.bytes().next().is_some_and(|b| b.is_ascii_digit());
    match rest.get(1) {
        // “7 A” is 7A.
        Some(letter)
            if starts_with_digit
                && letter.len() == 1
                && letter.bytes().all(|b| b.is_ascii_alphabetic()) =>
        {
            Some(format!("{first}{letter}"))
        }
        _ => starts_with_digit.then(|| (*first).clone()),
    }
}

fn is_filler(rest: &[String]) -> bool {
    let fillers = ["duong", "ngo", "o", "tim", "road", "alley"];
    let is_filler = |word: &str| fillers.contains(&word) || HOUSE_WORDS.contains(&word);
    rest.iter().all(|word| is_filler(word))
}

impl VillageMap {
    /// The hits of these words, the best first.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<MapHit> {
        let asked = Asked::new(text);
        if asked.words.is_empty() {
            return Vec::new();
        }
        let mut hits: Vec<(usize, MapHit)> = Vec::new();
        if let Some((house, alley)) = &asked.slash {
            for (n, road) in self.data().roads.iter().enumerate() {
                if fold(&road.number) == *alley {
                    self.add_houses(&mut hits, n, house, 0);
                }
            }
        }
        for (n, keys) in self.keys.roads.iter().enumerate() {
            let left = keys
                .iter()
                .find_map(|key| Some((key.len(), without_key(&asked.words, key)?)));
            let Some((length, rest)) = left else { continue };
            // Of two names that fit, the longer one is meant.
            let rank = MAX_WORDS.saturating_sub(length);
            if let Some(number) = house_number(&rest) {
                self.add_houses(&mut hits, n, &number, rank);
            }
            if is_filler(&rest) {
                hits.push((rank, MapHit::Road(n)));
            }
        }
        for (n, site) in self.keys.sites.iter().enumerate() {
            let fits = |word: &String| site.iter().any(|key| key.starts_with(word.as_str()));
            if asked.words.iter().all(fits) {
                hits.push((0, MapHit::Site(n)));
            }
        }
        if hits.is_empty() {
            self.add_partly_named(&mut hits, &asked);
        }
        hits.sort_by_key(|(rank, _)| *rank);
        let mut found: Vec<MapHit> = Vec::new();
        for (_, hit) in hits {
            if !found.contains(&hit) {
                found.push(hit);
            }
        }
        found.truncate(MAX_HITS);
        found
    }

    /// Houses of a road with this number, and those that begin with it.
    fn add_houses(&self, hits: &mut Vec<(usize, MapHit)>, road: usize, number: &str, rank: usize) {
        for house in self.houses_of(road) {
            let its = self.house(*house).map(|h| fold(&h.number));
            let its = its.unwrap_or_default();
            let letters = its.strip_prefix(number);
            if its == number {
                hits.push((rank, MapHit::House(*house)));
            } else if letters.is_some_and(|l| l.bytes().all(|b| b.is_ascii_lowercase())) {
                hits.push((rank + 1, MapHit::House(*house)));
            }
        }
    }

    /// Roads of which some words were typed, or a number alone: houses of this number on every
    /// road.
    fn add_partly_named(&self, hits: &mut Vec<(usize, MapHit)>, asked: &Asked) {
        let number = house_number(&asked.words);
        let names: Vec<&String> = asked
            .words
            .iter()
            .filter(|w| Some(*w) != number.as_ref() && !is_filler(std::slice::from_ref(*w)))
            .collect();
        for (n, keys) in self.keys.roads.iter().enumerate() {
            let fits = |word: &&String| {
                keys.iter()
                    .flatten()
                    .any(|key| key.starts_with(word.as_str()))
            };
            if !names.iter().all(fits) {
                continue;
            }
            match &number {
                Some(number) => self.add_houses(hits, n, number, 0),
                None if !names.is_empty() => hits.push((0, MapHit::Road(n))),
                None => {}
            }
        }
    }
}
