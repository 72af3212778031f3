//! Entries as rows: which share a row, which are only the result of another, and the words of each.
//!
//! An order and what came of it are one row: the lamp that reported itself on, each cluster that
//! played. The row names the person who gave the order. Entries that swing (a device on a bad link,
//! a gauge at its threshold) are one row, too. History itself is not changed by that. Deliberately
//! absent: HTML, and the reading of history.

use std::collections::{BTreeMap, BTreeSet};

use super::history_text::{Placement, ResultPart, SentenceContext, row_rule};
use crate::domain::actor::Actor;
use crate::domain::event::{Entry, Event};
use crate::domain::{device, light};
use crate::i18n::dates;
use crate::i18n::locale::capital;
use crate::i18n::verbatim::bare;
use crate::protocol::control::HistoryLine;
use crate::time::WallMs;

/// The entries of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Story<'a> {
    /// The entries that stand for themselves, newest first; never empty.
    pub entries: Vec<&'a Entry>,
    /// Their results, oldest first.
    pub effects: Vec<&'a Entry>,
}

impl<'a> Story<'a> {
    /// The entry whose sentence the row has, unless they have one together: the first.
    #[must_use]
    pub fn first(&self) -> Option<&'a Entry> {
        self.entries.last().copied()
    }

    /// The newest of its entries.
    #[must_use]
    pub fn newest(&self) -> Option<&'a Entry> {
        self.entries.first().copied()
    }
}

/// A row in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryRow {
    /// The number of its first entry.
    pub seq: u64,
    /// Wall ms of its newest entry.
    pub at: WallMs,
    /// The mark: `""` well, `off`, `warn`, `bad`.
    pub mark: &'static str,
    /// The sentence that says what happened, and who did it.
    pub what: String,
    /// The result in words; or the cause, when the sentence does not name it.
    pub detail: String,
    /// The results one by one.
    pub parts: Vec<ResultPart>,
}

impl From<HistoryRow> for HistoryLine {
    /// The row as the technician's commands print it.
    fn from(row: HistoryRow) -> Self {
        let part = |part: ResultPart| match part.at {
            Some(at) => format!("{} · {}", dates::clock(at), bare(&part.words)),
            None => bare(&part.words),
        };
        // The rows are those of pages, and a terminal knows no languages of words.
        Self {
            at: row.at,
            what: bare(&row.what),
            detail: bare(&row.detail),
            parts: row.parts.into_iter().map(part).collect(),
        }
    }
}

/// Whether an entry is the result of another one, and is shown in that one's row.
#[must_use]
pub fn is_effect(entry: &Entry) -> bool {
    entry.cause.is_some() && row_rule(&entry.event).placement == Placement::Effect
}

/// Whether people want to see an entry on the home page, in a row of its own.
#[must_use]
pub fn is_news(entry: &Entry) -> bool {
    match row_rule(&entry.event).placement {
        Placement::Routine => false,
        Placement::News => true,
        Placement::Effect => entry.cause.is_none(),
    }
}

/// The rows of `entries` (newest first), in the order of their newest entries. `effects` are
/// results of any of them, whether they are among `entries` or not; a result whose cause is not
/// there has a row to itself.
#[must_use]
pub fn stories<'a>(entries: &[&'a Entry], effects: &[&'a Entry]) -> Vec<Story<'a>> {
    let there: BTreeSet<u64> = entries.iter().map(|e| e.seq).collect();
    let is_told_elsewhere =
        |e: &Entry| is_effect(e) && e.cause.is_some_and(|cause| there.contains(&cause));
    let mut stories = Vec::new();
    for cluster in clusters(entries.iter().filter(|e| !is_told_elsewhere(e)).copied()) {
        stories.push(Story {
            entries: cluster,
            effects: Vec::new(),
        });
    }
    stories.sort_by_key(|s: &Story<'_>| std::cmp::Reverse(s.newest().map(|e| e.seq)));
    let row_of: BTreeMap<u64, usize> = stories
        .iter()
        .enumerate()
        .flat_map(|(row, story)| story.entries.iter().map(move |e| (e.seq, row)))
        .collect();
    let results: BTreeMap<u64, &Entry> = entries
        .iter()
        .chain(effects)
        .filter(|e| is_effect(e))
        .map(|e| (e.seq, *e))
        .collect();
    for (seq, effect) in results {
        let row = effect.cause.and_then(|cause| row_of.get(&cause));
        if let Some(story) = row.and_then(|row| stories.get_mut(*row))
            && !story.entries.iter().any(|e| e.seq == seq)
        {
            story.effects.push(effect);
        }
    }
    stories
}

/// Entries that share a row, newest first in each. Others may have happened in between.
fn clusters<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Vec<&'a Entry>> {
    let mut out: Vec<(Vec<&Entry>, usize)> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        let Some(fold) = row_rule(&entry.event).fold else {
            out.push((vec![entry], 1));
            continue;
        };
        let key = format!("{} {:?}", fold.key, entry.actor);
        let joined = open.get(&key).and_then(|at| out.get_mut(*at));
        if let Some((cluster, _)) = joined
            && cluster.last().is_some_and(|last| {
                last.wall_ms.distance(entry.wall_ms) < fold.within_ms.unsigned_abs()
            })
        {
            cluster.push(entry);
        } else {
            open.insert(key, out.len());
            out.push((vec![entry], fold.least));
        }
    }
    out.into_iter()
        .flat_map(|(cluster, least)| {
            if cluster.len() < least {
                cluster.into_iter().map(|e| vec![e]).collect()
            } else {
                vec![cluster]
            }
        })
        .collect()
}

/// A row in words. `cause` is the entry that led to its first one, when that is another row.
#[must_use]
pub fn row(context: &SentenceContext<'_>, story: &Story<'_>, cause: Option<&Entry>) -> HistoryRow {
    let (Some(first), Some(newest)) = (story.first(), story.newest()) else {
        return HistoryRow::default();
    };
    let mut sentence = context
        .folded(&story.entries)
        .unwrap_or_else(|| context.event(first));
    let undone = cause.filter(|cause| takes_back(&first.event, &cause.event));
    if let Some(undone) = undone {
        let what = context.event(undone).words;
        sentence.words = context.lang.f("happened-undone", &[("what", &what)]);
    }
    let result = context
        .result(&story.entries, &story.effects)
        .unwrap_or_default();
    let (what, names_actor) = context.with_subject(&sentence, &first.actor);
    let mut detail = Vec::new();
    if !result.words.is_empty() {
        detail.push(capital(&result.words));
    }
    if !names_actor {
        detail.push(actor(context, first));
    }
    if let Some(cause) = cause.filter(|_| undone.is_none()) {
        let why = context.entry(cause);
        detail.push(context.lang.f("because", &[("what", &why)]));
    }
    HistoryRow {
        seq: first.seq,
        at: newest.wall_ms,
        mark: result.mark.unwrap_or(sentence.mark),
        what,
        detail: detail.join(" · "),
        parts: result.parts,
    }
}

/// Whether an order to a light group, or a decision about a guest's device, takes back the one that
/// caused it.
fn takes_back(event: &Event, cause: &Event) -> bool {
    match (event, cause) {
        (
            Event::Light(light::Event::Desired { group: Some(g), .. }),
            Event::Light(light::Event::Desired { group: Some(h), .. }),
        ) => g == h,
        (Event::Guest(event), Event::Guest(cause)) => event
            .decided()
            .is_some_and(|device| cause.decided() == Some(device)),
        _ => false,
    }
}

/// The actor who caused an entry, in words that stand by themselves.
fn actor(context: &SentenceContext<'_>, entry: &Entry) -> String {
    // A dead device publishes nothing: the gateway noticed.
    let is_silence = matches!(
        entry.event,
        Event::Device(device::Event::PresenceChanged { here: false, .. })
    );
    context.actor(if is_silence {
        &Actor::System
    } else {
        &entry.actor
    })
}

/// The row of an entry by itself, whatever led to it or came of it.
#[must_use]
pub fn single(context: &SentenceContext<'_>, entry: &Entry, cause: Option<&Entry>) -> HistoryRow {
    let story = Story {
        entries: vec![entry],
        effects: Vec::new(),
    };
    row(context, &story, cause)
}

#[cfg(test)]
mod tests;
