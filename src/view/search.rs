//! The search over everything that the village publishes: an index of words in memory.
//!
//! Invariants: a text is found by the beginnings of its words, without marks and capitals
//! (`domain::text::fold`); every word of the question must be in it. Words that were asked for with
//! their marks count first where they stand so (“họp” before “hợp”), then a title before a body,
//! what is in force before what is over, the newer before the older. Where the words that were
//! asked for stand together in a title, a body that has only pieces of them (“thông” for “thôn”) is
//! not an answer. The index is made of what is
//! published and is never needed to begin serving. Its bounds: [`MAX_DOCUMENTS`] texts of
//! [`MAX_DOCUMENT_WORDS`] different words each, [`MAX_QUERY_WORDS`] words of a question; a word in
//! a text takes four bytes. A question of one letter finds that letter only, as a word of its own.
//!
//! Deliberately absent: the texts themselves (a page reads those that it shows), spelling mistakes,
//! an order by how often a word occurs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::domain::text::fold::{MarkedWord, marked_words};
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
    /// The label of a house.
    House,
    /// An official address.
    Address,
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

/// The texts of one kind that a question found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindHits {
    /// The kind.
    pub kind: SearchKind,
    /// Its texts.
    pub hits: SearchHits,
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

/// A word as it is written, and where it stands.
#[derive(Debug)]
struct Spelling {
    /// With its marks (`MarkedWord::marked`).
    marked: Box<str>,
    places: Vec<WordPlace>,
}

/// The index.
#[derive(Debug, Default)]
pub struct SearchIndex {
    /// By number; none = it was removed.
    documents: Vec<Option<Document>>,
    numbers: BTreeMap<(SearchKind, String), u32>,
    /// The spellings of each word without marks.
    terms: BTreeMap<Box<str>, Vec<Spelling>>,
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
        let in_order: Vec<MarkedWord> = marked_words(&text.title).collect();
        let title: Vec<&str> = in_order.iter().map(|word| &*word.folded).collect();
        let title = title.join(" ");
        let of_title: BTreeSet<_> = in_order.into_iter().take(MAX_DOCUMENT_WORDS).collect();
        let room = MAX_DOCUMENT_WORDS - of_title.len();
        let mut of_body = BTreeSet::new();
        for word in marked_words(&text.body).filter(|word| !of_title.contains(word)) {
            if of_body.len() >= room {
                break;
            }
            of_body.insert(word);
        }
        for word in of_title {
            self.place(&word, WordPlace::new(number, true));
        }
        for word in of_body {
            self.place(&word, WordPlace::new(number, false));
        }
        self.numbers.insert((kind, id.to_owned()), number);
        self.documents.push(Some(Document {
            kind,
            id: id.to_owned(),
            title,
            at: text.at,
            until: text.until,
        }));
    }

    fn place(&mut self, word: &MarkedWord, place: WordPlace) {
        let spelling = || Spelling {
            marked: word.marked.as_str().into(),
            places: vec![place],
        };
        match self.terms.get_mut(word.folded.as_str()) {
            None => {
                self.terms
                    .insert(word.folded.as_str().into(), vec![spelling()]);
            }
            Some(all) => match all.iter_mut().find(|s| *s.marked == *word.marked) {
                Some(known) => known.places.push(place),
                None => all.push(spelling()),
            },
        }
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
        let new_number = |place: &WordPlace| {
            let number = renumbered.get(place.document()).copied().flatten()?;
            Some(WordPlace::new(number, place.is_in_title()))
        };
        self.terms.retain(|_, spellings| {
            spellings.retain_mut(|spelling| {
                spelling.places = spelling.places.iter().filter_map(new_number).collect();
                !spelling.places.is_empty()
            });
            !spellings.is_empty()
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
        let spelled = |s: &Spelling| s.marked.len() + 4 * s.places.capacity() + 56;
        let of_terms: usize = self
            .terms
            .iter()
            .map(|(term, spellings)| term.len() + 64 + spellings.iter().map(spelled).sum::<usize>())
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
        let mut hits = SearchHits::default();
        for (rank, document) in self.ranked(query, only, now) {
            hits.add(rank, document, most);
        }
        hits
    }

    /// The best `most` texts of each kind; the kind of the best text comes first.
    #[must_use]
    pub fn find_by_kind(&self, query: &str, now: WallMs, most: usize) -> Vec<KindHits> {
        let mut all: Vec<KindHits> = Vec::new();
        for (rank, document) in self.ranked(query, None, now) {
            let kind = document.kind;
            let at = all.iter().position(|of_kind| of_kind.kind == kind);
            let at = at.unwrap_or_else(|| {
                let hits = SearchHits::default();
                all.push(KindHits { kind, hits });
                all.len() - 1
            });
            all[at].hits.add(rank, document, most);
        }
        all
    }

    /// All texts that a question finds, best first.
    fn ranked(&self, query: &str, only: Option<SearchKind>, now: WallMs) -> Vec<(Rank, &Document)> {
        let query: String = query.chars().take(MAX_QUERY_CHARS).collect();
        let asked: Vec<MarkedWord> = marked_words(&query).take(MAX_QUERY_WORDS).collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let scores = self.scores(&asked);
        let phrase: Vec<&str> = asked.iter().map(|word| &*word.folded).collect();
        let phrase = phrase.join(" ");
        let all = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        let mut found: Vec<(Rank, &Document)> = self
            .documents
            .iter()
            .zip(&scores)
            .filter(|(_, score)| score.words == all)
            .filter_map(|(document, score)| {
                let document = document
                    .as_ref()
                    .filter(|d| only.is_none_or(|k| k == d.kind))?;
                let is_over = document.until.is_some_and(|until| until < now);
                let rank = Rank {
                    is_as_asked: score.as_asked == all,
                    is_in_title: score.in_title == all,
                    is_whole: score.pieces == 0,
                    is_in_force: !is_over,
                    points: score.points + 20 * u32::from(document.title.contains(&phrase)),
                    at: document.at,
                };
                Some((rank, document))
            })
            .collect();
        let has_phrase = |document: &&Document| {
            let title = format!(" {} ", document.title);
            asked.len() > 1 && title.contains(&format!(" {phrase} "))
        };
        if found.iter().any(|(_, document)| has_phrase(document)) {
            found.retain(|(rank, _)| rank.is_whole);
        }
        found.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.id.cmp(&y.id)));
        found
    }

    /// The share of each document in the words of a question.
    fn scores(&self, asked: &[MarkedWord]) -> Vec<WordScore> {
        let mut scores = vec![WordScore::default(); self.documents.len()];
        let mut best = vec![0_u8; self.documents.len()];
        for (word, nth) in asked.iter().zip(0_u32..) {
            best.fill(0);
            let folded = word.folded.as_str();
            let from = (Bound::Included(folded), Bound::Unbounded);
            let from = self.terms.range::<str, _>(from);
            for (term, spellings) in from.take_while(|(term, _)| term.starts_with(folded)) {
                let is_whole = term.len() == folded.len();
                if !is_whole && folded.chars().nth(1).is_none() {
                    // Every second word begins with one of few letters.
                    break;
                }
                for spelling in spellings {
                    let is_as_asked =
                        !word.has_marks() || spelling.marked.starts_with(&*word.marked);
                    for place in &spelling.places {
                        let points = points(place.is_in_title(), is_whole, is_as_asked);
                        let known = &mut best[place.document()];
                        *known = points.max(*known);
                    }
                }
            }
            for (score, points) in scores.iter_mut().zip(&best) {
                if *points > 0 && score.words == nth {
                    score.add(*points);
                }
            }
        }
        scores
    }
}

/// How well a text answers a question; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Every word stands there with the marks with which it was asked for.
    is_as_asked: bool,
    is_in_title: bool,
    is_in_force: bool,
    points: u32,
    at: WallMs,
    /// Of no word the body has only the beginning of another.
    is_whole: bool,
}

impl SearchHits {
    fn add(&mut self, rank: Rank, document: &Document, most: usize) {
        self.total += 1;
        if self.best.len() < most {
            self.best.push(SearchHit {
                kind: document.kind,
                id: document.id.clone(),
                is_over: !rank.is_in_force,
            });
        }
    }
}

/// Added to the points of a word that stands there as it was asked for.
const AS_ASKED: u8 = 16;
/// Points of a word of which the body has only the beginning of another.
const PIECE: u8 = 1;
/// Least points of a word in a title.
const IN_TITLE: u8 = 6;

/// The points of a word in a text.
const fn points(in_title: bool, is_whole: bool, is_as_asked: bool) -> u8 {
    let points = match (in_title, is_whole) {
        (true, true) => 8,
        (true, false) => IN_TITLE,
        (false, true) => 2,
        (false, false) => PIECE,
    };
    if is_as_asked {
        points + AS_ASKED
    } else {
        points
    }
}

/// The share of a document in the words of a question.
#[derive(Debug, Clone, Copy, Default)]
struct WordScore {
    words: u32,
    as_asked: u32,
    in_title: u32,
    /// Words of which the body has only the beginning of another.
    pieces: u32,
    points: u32,
}

impl WordScore {
    /// Counts a word with its points.
    fn add(&mut self, points: u8) {
        let is_as_asked = points >= AS_ASKED;
        let points = if is_as_asked {
            points - AS_ASKED
        } else {
            points
        };
        self.words += 1;
        self.as_asked += u32::from(is_as_asked);
        self.in_title += u32::from(points >= IN_TITLE);
        self.pieces += u32::from(points == PIECE);
        self.points += u32::from(points);
    }
}

#[cfg(test)]
mod tests;
