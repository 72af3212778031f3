//! The search over everything that the village publishes: an index of words in memory.
//!
//! Invariants: a text is found by the beginnings of its words, without marks and capitals
//! (`domain::text::fold`); every word of the question must be in it. A title counts before a body,
//! what is in force before what is over, the newer before the older. The index is made of what is
//! published and is never needed to begin serving. Its bounds: [`MAX_DOCUMENTS`] texts of
//! [`MAX_DOCUMENT_WORDS`] different words each, [`MAX_QUERY_WORDS`] words of a question; a word in
//! a text takes four bytes. A question of one letter finds that letter only, as a word of its own.
//!
//! Deliberately absent: the texts themselves (a page reads those that it shows), spelling mistakes,
//! an order by how often a word occurs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::domain::text::fold::{fold, words};
use crate::time::WallMs;

/// Most texts.
pub const MAX_DOCUMENTS: usize = 20_000;
/// Most different words of a text; further ones are not found.
pub const MAX_DOCUMENT_WORDS: usize = 1_500;
/// Most words of a question; further ones do not count.
pub const MAX_QUERY_WORDS: usize = 8;
/// Most characters of a question.
pub const MAX_QUERY_CHARS: usize = 100;

/// The kind of a text; a noun that is searched adds its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SearchKind {
    /// A notice.
    Notice,
    /// An administrative procedure.
    Procedure,
    /// A paper of a notice.
    Paper,
}

/// A text that can be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchText {
    /// Its title.
    pub title: String,
    /// The rest.
    pub body: String,
    /// When it was published; decides among texts that are alike.
    pub at: WallMs,
    /// The last moment at which it is in force; none = no end is known.
    pub until: Option<WallMs>,
}

/// A text that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// Its kind.
    pub kind: SearchKind,
    /// Its id among those of its kind.
    pub id: String,
    /// It is no longer in force.
    pub is_over: bool,
}

/// The texts that a question found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchHits {
    /// The best, best first.
    pub best: Vec<SearchHit>,
    /// How many there are in all.
    pub total: usize,
}

#[derive(Debug)]
struct Document {
    kind: SearchKind,
    id: String,
    /// The folded title, its words with one space between them.
    title: String,
    at: WallMs,
    until: Option<WallMs>,
}

/// A word in a document: its number, and whether it is in the title.
#[derive(Debug, Clone, Copy)]
struct WordPlace(u32);

impl WordPlace {
    const fn new(document: u32, in_title: bool) -> Self {
        Self(document << 1 | in_title as u32)
    }

    const fn document(self) -> usize {
        (self.0 >> 1) as usize
    }

    const fn is_in_title(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The index.
#[derive(Debug, Default)]
pub struct SearchIndex {
    /// By number; none = it was removed.
    documents: Vec<Option<Document>>,
    numbers: BTreeMap<(SearchKind, String), u32>,
    terms: BTreeMap<Box<str>, Vec<WordPlace>>,
}

impl SearchIndex {
    /// Adds a text, or replaces the one with this kind and id. A text beyond [`MAX_DOCUMENTS`] is
    /// left out.
    pub fn put(&mut self, kind: SearchKind, id: &str, text: &SearchText) {
        self.remove(kind, id);
        let number = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        if self.numbers.len() >= MAX_DOCUMENTS {
            return;
        }
        let (title, body) = (fold(&text.title), fold(&text.body));
        let of_title: BTreeSet<&str> = words(&title).take(MAX_DOCUMENT_WORDS).collect();
        let room = MAX_DOCUMENT_WORDS - of_title.len();
        let mut of_body = BTreeSet::new();
        for word in words(&body).filter(|word| !of_title.contains(word)) {
            if of_body.len() >= room {
                break;
            }
            of_body.insert(word);
        }
        let all = of_title.iter().map(|word| (*word, true));
        for (word, in_title) in all.chain(of_body.iter().map(|word| (*word, false))) {
            let posting = WordPlace::new(number, in_title);
            match self.terms.get_mut(word) {
                Some(postings) => postings.push(posting),
                None => {
                    self.terms.insert(word.into(), vec![posting]);
                }
            }
        }
        self.numbers.insert((kind, id.to_owned()), number);
        self.documents.push(Some(Document {
            kind,
            id: id.to_owned(),
            title: words(&title).collect::<Vec<_>>().join(" "),
            at: text.at,
            until: text.until,
        }));
    }

    /// Removes a text, if it is there.
    pub fn remove(&mut self, kind: SearchKind, id: &str) {
        if let Some(number) = self.numbers.remove(&(kind, id.to_owned())) {
            self.documents[number as usize] = None;
            let gone = self.documents.len() - self.numbers.len();
            if gone > 100 && gone * 4 > self.documents.len() {
                self.compact();
            }
        }
    }

    /// Removes all texts of a kind.
    pub fn remove_all(&mut self, kind: SearchKind) {
        let of_kind = self.numbers.keys().filter(|(k, _)| *k == kind);
        let ids: Vec<String> = of_kind.map(|(_, id)| id.clone()).collect();
        for id in ids {
            self.remove(kind, &id);
        }
    }

    /// Gives the numbers of removed texts to others.
    fn compact(&mut self) {
        let mut next = 0;
        let renumbered: Vec<Option<u32>> = self
            .documents
            .iter()
            .map(|document| {
                document.is_some().then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let new_number = |posting: &WordPlace| {
            let number = renumbered.get(posting.document()).copied().flatten()?;
            Some(WordPlace::new(number, posting.is_in_title()))
        };
        self.terms.retain(|_, postings| {
            *postings = postings.iter().filter_map(new_number).collect();
            !postings.is_empty()
        });
        for number in self.numbers.values_mut() {
            *number = renumbered[*number as usize].unwrap_or_default();
        }
        self.documents.retain(Option::is_some);
    }

    /// How many texts can be found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// About how much memory it takes, bytes: texts, words and where they are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let documents = self.documents.iter().flatten();
        let of_documents: usize = documents
            .map(|d| d.title.len() + 2 * d.id.len() + 160)
            .sum();
        let of_terms: usize = self
            .terms
            .iter()
            .map(|(term, postings)| term.len() + 4 * postings.capacity() + 64)
            .sum();
        of_documents + of_terms
    }

    /// The best `most` texts for a question, of one kind or of all.
    #[must_use]
    pub fn find(
        &self,
        query: &str,
        only: Option<SearchKind>,
        now: WallMs,
        most: usize,
    ) -> SearchHits {
        let query: String = query.chars().take(MAX_QUERY_CHARS).collect();
        let folded = fold(&query);
        let asked: Vec<&str> = words(&folded).take(MAX_QUERY_WORDS).collect();
        if asked.is_empty() {
            return SearchHits::default();
        }
        let scores = self.scores(&asked);
        let phrase = asked.join(" ");
        let all = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        let mut found: Vec<_> = self
            .documents
            .iter()
            .zip(&scores)
            .filter_map(|(document, score)| {
                let document = document
                    .as_ref()
                    .filter(|d| only.is_none_or(|k| k == d.kind))?;
                (score.words == all).then(|| {
                    let is_over = document.until.is_some_and(|until| until < now);
                    let phrases = 20 * u32::from(document.title.contains(&phrase))
                        + 10 * u32::from(document.title.starts_with(&phrase));
                    let in_title = score.in_title == all;
                    let rank = (in_title, !is_over, score.points + phrases, document.at);
                    (rank, document)
                })
            })
            .collect();
        let total = found.len();
        found.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.id.cmp(&y.id)));
        let hit = |(rank, document): ((bool, bool, u32, WallMs), &Document)| SearchHit {
            kind: document.kind,
            id: document.id.clone(),
            is_over: !rank.1,
        };
        SearchHits {
            best: found.into_iter().take(most).map(hit).collect(),
            total,
        }
    }

    /// The share of each document in the words of a question.
    fn scores(&self, asked: &[&str]) -> Vec<WordScore> {
        let mut scores = vec![WordScore::default(); self.documents.len()];
        let mut best = vec![0_u8; self.documents.len()];
        for (word, nth) in asked.iter().zip(0_u32..) {
            best.fill(0);
            let from = (Bound::Included(*word), Bound::Unbounded);
            let from = self.terms.range::<str, _>(from);
            for (term, postings) in from.take_while(|(term, _)| term.starts_with(word)) {
                let is_whole = term.len() == word.len();
                if !is_whole && word.chars().nth(1).is_none() {
                    // Every second word begins with one of few letters.
                    break;
                }
                for posting in postings {
                    let points = match (posting.is_in_title(), is_whole) {
                        (true, true) => 8,
                        (true, false) => 6,
                        (false, true) => 2,
                        (false, false) => 1,
                    };
                    let place = &mut best[posting.document()];
                    *place = points.max(*place);
                }
            }
            for (score, points) in scores.iter_mut().zip(&best) {
                if *points > 0 && score.words == nth {
                    score.words += 1;
                    score.in_title += u32::from(*points >= 6);
                    score.points += u32::from(*points);
                }
            }
        }
        scores
    }
}

/// The share of a document in the words of a question.
#[derive(Debug, Clone, Copy, Default)]
struct WordScore {
    words: u32,
    in_title: u32,
    points: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(title: &str, body: &str, at: i64) -> SearchText {
        SearchText {
            title: title.to_owned(),
            body: body.to_owned(),
            at: WallMs::new(at),
            until: None,
        }
    }

    fn board() -> SearchIndex {
        let mut index = SearchIndex::default();
        for (id, title, body, at) in [
            ("meeting", "Họp thôn tháng 12", "Mời mỗi hộ một người.", 10),
            ("old", "Họp thôn tháng 3", "Bàn việc chung.", 5),
            (
                "power",
                "Cắt điện sửa đường dây",
                "Trước hôm họp thôn một ngày.",
                20,
            ),
            ("pump", "Lịch bơm nước", "Cánh Đồng Trước bơm trước.", 30),
        ] {
            index.put(SearchKind::Notice, id, &text(title, body, at));
        }
        let birth = text("Đăng ký khai sinh", "1.001193 Tờ khai; thôn", 0);
        index.put(SearchKind::Procedure, "1.001193", &birth);
        index
    }

    fn ids(index: &SearchIndex, query: &str) -> Vec<String> {
        let found = index.find(query, None, WallMs::new(100), 10);
        assert_eq!(found.total, found.best.len());
        found.best.into_iter().map(|hit| hit.id).collect()
    }

    #[test]
    fn words_are_found_without_marks_by_their_beginnings_and_titles_come_first() {
        let index = board();
        for (query, wanted) in [
            ("hop thon", &["meeting", "old", "power"][..]),
            ("HỌP THÔN", &["meeting", "old", "power"]),
            ("ho\u{323}p thang 3", &["old"]),
            ("hop ngay", &["power"]),
            ("dien", &["power"]),
            ("die", &["power"]),
            ("đien cat", &["power"]),
            ("dong truoc", &["pump"]),
            ("khai sinh", &["1.001193"]),
            ("1.001193", &["1.001193"]),
            ("0011", &["1.001193"]),
            ("hop san", &[]),
            ("1", &["1.001193"]),
            ("h", &[]),
            ("", &[]),
            ("… !", &[]),
        ] {
            assert_eq!(ids(&index, query), wanted, "{query}");
        }
        let only = index.find("thon", Some(SearchKind::Procedure), WallMs::new(0), 10);
        assert_eq!((only.total, only.best.len()), (1, 1));
        assert_eq!(index.find("thon", None, WallMs::new(0), 2).total, 4);
    }

    #[test]
    fn what_is_over_is_found_behind_and_marked_and_what_is_removed_is_not_found() {
        let mut index = board();
        let mut over = text("Họp thôn tháng 12", "", 10);
        over.until = Some(WallMs::new(50));
        index.put(SearchKind::Notice, "meeting", &over);
        let found = index.find("hop thon", None, WallMs::new(100), 10).best;
        let told: Vec<_> = found.iter().map(|h| (h.id.as_str(), h.is_over)).collect();
        assert_eq!(told, [("old", false), ("meeting", true), ("power", false)]);
        index.remove(SearchKind::Notice, "old");
        assert_eq!(ids(&index, "hop thon"), ["meeting", "power"]);
        index.remove_all(SearchKind::Notice);
        assert_eq!(index.len(), 1);
        assert_eq!(ids(&index, "khai sinh"), ["1.001193"]);
    }

    #[test]
    fn texts_that_come_and_go_take_no_memory_for_ever() {
        let mut index = board();
        let before = index.bytes();
        for n in 0..5_000 {
            let id = format!("n{}", n % 50);
            index.put(
                SearchKind::Notice,
                &id,
                &text("Thông báo", &format!("từ{n}"), n),
            );
        }
        for n in 0..50 {
            index.remove(SearchKind::Notice, &format!("n{n}"));
        }
        for n in 0..500 {
            index.put(SearchKind::Notice, "last", &text("Sau cùng", "", n));
        }
        index.remove(SearchKind::Notice, "last");
        assert!(
            index.bytes() < before + 40_000,
            "{} of {before}",
            index.bytes()
        );
        assert_eq!(ids(&index, "hop thon"), ["meeting", "old", "power"]);
        let long: String = (0..5_000).map(|n| format!("w{n} ")).collect();
        index.put(SearchKind::Notice, "long", &text("Dài", &long, 1));
        assert_eq!(ids(&index, "w1498"), ["long"]);
        assert!(ids(&index, "w1499").is_empty(), "beyond the bound");
    }
}
