//! The commune's history in words, for the officers' page and for the technician's command.
//!
//! What villages did with a bulletin stands in the row of the bulletin when that is among the
//! entries; else what several of them did alike is one row. The same for villages that the
//! configuration brought together.

use std::collections::BTreeMap;

use super::history::{Author, CommuneEntry, CommuneEvent};
use super::officers::Officers;
use super::receipt_totals::ReceiptTotals;
use super::sent_bulletins::SentBulletin;
use super::store::{CommuneStore, Remover};
use crate::config::CommuneVillage;
use crate::i18n::locale::{Arg, Lang, capital};
use crate::time::WallMs;
use crate::view::history_rows::HistoryRow;
use crate::view::history_text::{ResultPart, uncapital};

/// Acts of one kind with more time between them have rows of their own, ms.
const TOGETHER_WITHIN_MS: u64 = 86_400_000;

/// The language and the names from which the words are made.
pub(super) struct CommuneHistoryText<'a> {
    pub(super) lang: Lang,
    pub(super) now: WallMs,
    pub(super) store: &'a CommuneStore,
    pub(super) villages: &'a [CommuneVillage],
    pub(super) officers: &'a Officers,
}

/// A row that is being made.
struct OpenRow<'a> {
    first: &'a CommuneEntry,
    /// Other entries of the row, newest first.
    others: Vec<&'a CommuneEntry>,
}

/// Entries of one fold share a row; none = the entry has a row to itself.
fn fold_key(entry: &CommuneEntry) -> Option<String> {
    match &entry.event {
        CommuneEvent::BulletinPublished { number } => Some(format!("published {number}")),
        CommuneEvent::VillageAdded { .. } => Some(format!("added {}", entry.at.ms())),
        _ => None,
    }
}

/// The bulletin of an act of a village.
const fn bulletin_of(event: &CommuneEvent) -> Option<u64> {
    match event {
        CommuneEvent::BulletinPublished { number }
        | CommuneEvent::BulletinRefused { number, .. }
        | CommuneEvent::BulletinTakenDown { number, .. }
        | CommuneEvent::BulletinRestored { number } => Some(*number),
        _ => None,
    }
}

impl CommuneHistoryText<'_> {
    /// The rows of entries; both newest first.
    pub(super) fn rows(&self, entries: &[CommuneEntry]) -> Vec<HistoryRow> {
        let sent: BTreeMap<u64, u64> = entries
            .iter()
            .filter_map(|entry| match entry.event {
                CommuneEvent::BulletinSent { number, .. } => Some((number, entry.number)),
                _ => None,
            })
            .collect();
        let mut rows: Vec<OpenRow<'_>> = Vec::new();
        let mut folds: BTreeMap<String, usize> = BTreeMap::new();
        let mut acts: BTreeMap<u64, Vec<&CommuneEntry>> = BTreeMap::new();
        for entry in entries {
            let cause = bulletin_of(&entry.event).and_then(|number| sent.get(&number));
            if let Some(cause) = cause {
                acts.entry(*cause).or_default().push(entry);
                continue;
            }
            let key = fold_key(entry);
            let open = key.as_ref().and_then(|key| folds.get(key)).copied();
            let open = open
                .and_then(|at| rows.get_mut(at))
                .filter(|row| row.first.at.distance(entry.at) < TOGETHER_WITHIN_MS);
            if let Some(row) = open {
                row.others.push(entry);
                continue;
            }
            folds.extend(key.map(|key| (key, rows.len())));
            rows.push(OpenRow {
                first: entry,
                others: Vec::new(),
            });
        }
        for row in &mut rows {
            row.others
                .extend(acts.remove(&row.first.number).into_iter().flatten());
        }
        rows.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &OpenRow<'_>) -> HistoryRow {
        let entry = row.first;
        let (mut mark, mut words) = self.words(&entry.event);
        let mut detail = String::new();
        let mut parts = Vec::new();
        if let CommuneEvent::BulletinSent { number, .. } = &entry.event {
            if let Some(totals) = self.totals(*number) {
                mark = totals.mark();
                detail = totals.received_text(self.lang);
            }
            parts.extend(row.others.iter().rev().map(|act| self.part(act)));
        } else if !row.others.is_empty() {
            let alike = [entry].into_iter().chain(row.others.iter().copied());
            parts.extend(alike.rev().map(|act| self.part(act)));
            words = self.words_of_many(&entry.event, parts.len());
        }
        let subject = self
            .subject(&entry.author)
            .filter(|_| row.others.is_empty() || !matches!(entry.author, Author::Village { .. }));
        let what = subject.map_or_else(
            || capital(&words),
            |subject| format!("{subject} {}", uncapital(&words)),
        );
        HistoryRow {
            seq: entry.number,
            at: entry.at,
            mark,
            what,
            detail,
            parts,
        }
    }

    /// One of several acts of a row.
    fn part(&self, entry: &CommuneEntry) -> ResultPart {
        let (_, words) = self.words(&entry.event);
        let words = match (&entry.event, self.subject(&entry.author)) {
            (CommuneEvent::VillageAdded { name, .. }, _) => self.lang.verbatim(name),
            (_, Some(subject)) => format!("{subject}: {}", uncapital(&words)),
            (_, None) => words,
        };
        ResultPart {
            at: Some(entry.at),
            words,
        }
    }

    /// An author in words that stand at the beginning of a sentence; none = the server itself.
    pub(super) fn subject(&self, author: &Author) -> Option<String> {
        match author {
            Author::Officer { name, .. } => Some(self.person(name)),
            Author::Technician => Some(self.lang.t("commune-technician")),
            Author::Village { id } => Some(self.village(id)),
            Author::Server => None,
        }
    }

    fn person(&self, name: &str) -> String {
        if name.is_empty() {
            self.lang.t("commune-officer-unnamed")
        } else {
            self.lang.verbatim(name)
        }
    }

    fn village(&self, id: &str) -> String {
        let known = self.villages.iter().find(|v| v.id == id);
        self.lang.verbatim(known.map_or(id, |v| v.name.as_str()))
    }

    fn bulletin(&self, number: u64) -> Option<SentBulletin> {
        self.store.sent_bulletin(number).ok().flatten()
    }

    fn totals(&self, number: u64) -> Option<ReceiptTotals> {
        let sent = self.bulletin(number)?;
        let receipts = self.store.receipts(&sent, self.now).ok()?;
        Some(ReceiptTotals::of(&receipts))
    }

    /// A sentence about a bulletin, by its title.
    fn titled(&self, key: &str, number: u64) -> String {
        self.lang.f(key, &[("title", &self.title(number))])
    }

    /// The title of a bulletin; its number when it cannot be read.
    fn title(&self, number: u64) -> String {
        self.bulletin(number).map_or_else(
            || number.to_string(),
            |sent| self.lang.verbatim(&sent.bulletin.title),
        )
    }

    fn named(&self, key: &str, name: &str) -> String {
        self.lang.f(key, &[("name", name)])
    }

    /// A sentence about a name that people gave.
    fn given(&self, key: &str, name: &str) -> String {
        self.named(key, &self.lang.verbatim(name))
    }

    fn renamed(&self, before: &str, name: &str) -> String {
        let (before, name) = (self.lang.verbatim(before), self.lang.verbatim(name));
        let names = [("before", &before), ("name", &name)];
        self.lang.f("commune-did-rename", &names)
    }

    /// The mark of what happened, and its words without who did it.
    fn words(&self, event: &CommuneEvent) -> (&'static str, String) {
        let lang = self.lang;
        let well = |words: String| ("", words);
        match event {
            CommuneEvent::SignedIn { address } => {
                well(lang.f("commune-did-sign-in", &[("address", address)]))
            }
            CommuneEvent::SignedOut => well(lang.t("happened-signed-out")),
            CommuneEvent::OthersSignedOut { count } => (
                "warn",
                lang.f("commune-did-others-out", &[("n", Arg::from(*count))]),
            ),
            CommuneEvent::WrongPinsTried {
                name,
                count,
                is_locked,
                ..
            } => {
                let key = if *is_locked {
                    "happened-pins-locked"
                } else {
                    "happened-pins-wrong"
                };
                let (name, n) = (self.person(name), count.to_string());
                ("warn", lang.f(key, &[("name", &name), ("n", &n)]))
            }
            CommuneEvent::BulletinSent { number, villages } => {
                let title = self.title(*number);
                let n = villages.len().to_string();
                well(lang.f("commune-did-send", &[("title", &title), ("n", &n)]))
            }
            CommuneEvent::BulletinPublished { number } => {
                well(self.titled("commune-did-publish", *number))
            }
            CommuneEvent::BulletinRefused { number, why } => {
                let words = self.titled("commune-did-refuse", *number);
                let why = uncapital(lang.t(why).trim_end_matches('.'));
                ("bad", format!("{words}: {why}"))
            }
            CommuneEvent::BulletinTakenDown { number, by } => {
                let key = match by {
                    Remover::Chief => "commune-did-take-down-chief",
                    Remover::Technician => "commune-did-take-down-technician",
                    Remover::Program => "commune-did-take-down-program",
                    Remover::Other => "commune-did-take-down",
                };
                ("warn", self.titled(key, *number))
            }
            CommuneEvent::BulletinRestored { number } => {
                well(self.titled("commune-did-restore", *number))
            }
            CommuneEvent::OfficerAdded { name, .. } => {
                well(self.given("commune-did-add-officer", name))
            }
            CommuneEvent::OfficerPinChanged { name, .. } => well(self.given("happened-user", name)),
            CommuneEvent::OfficerRemoved { name, .. } => {
                ("warn", self.given("happened-user-gone", name))
            }
            CommuneEvent::OfficerRenamed { before, name, .. }
            | CommuneEvent::VillageRenamed { before, name, .. } => well(self.renamed(before, name)),
            CommuneEvent::VillageAdded { name, .. } => {
                well(self.given("commune-did-add-village", name))
            }
            CommuneEvent::VillageRemoved { name, .. } => {
                ("warn", self.given("commune-did-remove-village", name))
            }
            CommuneEvent::VillageKeyAdmitted { id } => {
                well(self.named("commune-key-admitted", &self.village(id)))
            }
            CommuneEvent::VillageKeyRevoked { id } => {
                ("warn", self.named("commune-key-revoked", &self.village(id)))
            }
            CommuneEvent::KeyMade { file } => well(self.named("commune-key-made", file)),
            CommuneEvent::KeyLost { file } => ("bad", self.named("commune-key-lost", file)),
            CommuneEvent::Unknown => ("off", lang.t("commune-did-unknown")),
        }
    }

    /// The words of several acts of one kind.
    fn words_of_many(&self, event: &CommuneEvent, count: usize) -> String {
        let n = count.to_string();
        match event {
            CommuneEvent::BulletinPublished { number } => {
                let title = self.titled("commune-title-of", *number);
                let args = [("title", title.as_str()), ("n", &n)];
                self.lang.f("commune-did-publish-n", &args)
            }
            _ => self.lang.f("commune-did-add-villages", &[("n", &n)]),
        }
    }

    /// The names of the people by whom history is chosen, with their keys.
    pub(super) fn people(&self) -> Vec<(String, String)> {
        let officers = self.officers.list().into_iter();
        let officers = officers.map(|o| (o.id, self.lang.verbatim(&o.name)));
        let others = [
            Author::Officer {
                id: String::new(),
                name: String::new(),
            },
            Author::Technician,
        ];
        let others = others
            .iter()
            .filter_map(|author| Some((author.key(), self.subject(author)?)));
        officers.chain(others).collect()
    }
}
