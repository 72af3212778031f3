//! Rows of bulletins: one for each bulletin with how many villages received it; and one for each
//! village of a bulletin with what became of it there. Counts and sentences are made of the same
//! receipts ([`ReceiptTotals`]).

use super::super::receipt_totals::ReceiptTotals;
use super::super::sent_bulletins::{Receipt, SentBulletin};
use super::super::store::Remover;
use super::context::Console;
use super::frame::{LinkRow, Summary};
use super::village_rows::{call, names_text};
use crate::http::fragment::{Fragment, html};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::time::WallMs;

/// Bulletins on one page of the list.
pub(super) const BULLETINS_A_PAGE: usize = 20;
/// Bulletins on the first page.
pub(super) const BULLETINS_ON_HOME: usize = 3;
/// Bulletins of one village on its page.
const BULLETINS_OF_VILLAGE: usize = 10;

/// One sentence for each trouble that an officer may have to act on.
fn troubles(console: &Console, lang: Lang, totals: &ReceiptTotals) -> Vec<String> {
    let names = |ids: &[String]| {
        let names: Vec<String> = ids
            .iter()
            .map(|id| console.village_name(lang, id))
            .collect();
        names_text(lang, &names)
    };
    let mut out = Vec::new();
    for (key, ids) in [
        ("commune-not-taken-by", &totals.failed),
        ("commune-waiting-for", &totals.waiting),
    ] {
        if !ids.is_empty() {
            out.push(lang.f(key, &[("names", &names(ids))]));
        }
    }
    if totals.taken_down > 0 {
        let n = totals.taken_down.to_string();
        out.push(lang.f("commune-taken-down-in", &[("n", &n)]));
    }
    out
}

/// The class of a receipt's mark, and its words.
fn receipt_text(lang: Lang, now: WallMs, receipt: &Receipt) -> (&'static str, String) {
    let at = |key: &str, at: Option<WallMs>| match at {
        Some(at) => lang.f(
            "commune-at",
            &[("what", &lang.t(key)), ("time", &dates::since(now, at))],
        ),
        None => lang.t(key),
    };
    match receipt {
        Receipt::Published(answered) => ("", at("commune-bulletin-taken", *answered)),
        Receipt::TakenDown(gone, by) => {
            let key = match by {
                Some(Remover::Chief) => "commune-removed-by-chief",
                Some(Remover::Technician) => "commune-removed-by-technician",
                Some(Remover::Program) => "commune-removed-by-program",
                Some(Remover::Other) | None => "commune-removed-by-village",
            };
            ("off", at(key, Some(*gone)))
        }
        Receipt::Waiting => ("warn", lang.t("commune-bulletin-waiting")),
        Receipt::Expired => ("bad", lang.t("commune-bulletin-expired")),
        Receipt::Refused(why, answered) => {
            let words = lang.f("commune-bulletin-refused", &[("why", &lang.t(why))]);
            match answered {
                Some(at) => ("bad", format!("{words} ({})", dates::since(now, *at))),
                None => ("bad", words),
            }
        }
    }
}

/// “Chị Hoa, văn hóa xã”; in other words when the PIN of the office was used.
fn sender(lang: Lang, sent: &SentBulletin) -> String {
    if sent.by.is_empty() {
        lang.t("commune-officer-unnamed")
    } else {
        lang.verbatim(&sent.by)
    }
}

fn heading(lang: Lang, sent: &SentBulletin) -> String {
    let title = lang.verbatim(&sent.bulletin.title);
    if sent.bulletin.urgent {
        format!("{} · {title}", lang.t("kind-urgent"))
    } else {
        title
    }
}

fn link(sent: &SentBulletin) -> String {
    format!("/bulletins/{}", sent.number)
}

/// The row of what cannot be read.
fn unread_row(lang: Lang) -> String {
    html(&LinkRow {
        mark: "bad",
        name: lang.t("commune-unread"),
        ..LinkRow::default()
    })
}

impl Console {
    /// A row for each bulletin below `before`, the newest first; and the number below which there
    /// are more, 0 = there are none.
    pub(super) fn bulletin_rows(
        &self,
        lang: Lang,
        now: WallMs,
        before: u64,
        limit: usize,
    ) -> (Vec<String>, u64) {
        let Ok(mut sent) = self.store.sent_bulletins(before, limit + 1) else {
            return (vec![unread_row(lang)], 0);
        };
        let more = sent.len() > limit;
        sent.truncate(limit);
        let older = sent.last().filter(|_| more).map_or(0, |s| s.number);
        let rows = sent.iter().map(|s| self.bulletin_row(lang, now, s));
        (rows.collect(), older)
    }

    fn bulletin_row(&self, lang: Lang, now: WallMs, sent: &SentBulletin) -> String {
        let Ok(receipts) = self.store.receipts(sent, now) else {
            return unread_row(lang);
        };
        let totals = ReceiptTotals::of(&receipts);
        let mut words = vec![totals.received_text(lang), sender(lang, sent)];
        words.extend(troubles(self, lang, &totals));
        html(&LinkRow {
            mark: totals.mark(),
            name: heading(lang, sent),
            words: words.join(" · "),
            href: link(sent),
            side: dates::since(now, sent.at),
            ..LinkRow::default()
        })
    }

    /// The head of a bulletin's page.
    pub(super) fn bulletin_summary(
        &self,
        lang: Lang,
        now: WallMs,
        sent: &SentBulletin,
        receipts: &[(String, Receipt)],
    ) -> Fragment {
        let totals = ReceiptTotals::of(receipts);
        let until = sent.bulletin.until.unwrap_or(sent.expires_at);
        let when = format!("{} {}", dates::clock(sent.at), dates::long(lang, sent.at));
        Summary {
            title: heading(lang, sent),
            words: lang.f(
                "commune-sent-by",
                &[
                    ("name", &sender(lang, sent)),
                    ("when", &when),
                    ("until", &dates::since(now, until)),
                ],
            ),
            mark: totals.mark(),
            banner: totals.received_text(lang),
            detail: capital(&troubles(self, lang, &totals).join(" · ")),
        }
        .fragment()
    }

    /// A row for each village of a bulletin: what needs somebody comes first.
    pub(super) fn receipt_rows(
        &self,
        lang: Lang,
        now: WallMs,
        receipts: &[(String, Receipt)],
    ) -> Vec<String> {
        let mut sorted: Vec<&(String, Receipt)> = receipts.iter().collect();
        sorted.sort_by_key(|(_, receipt)| receipt.rank());
        let row = |(id, receipt): &(String, Receipt)| {
            let village = self.village(id);
            let (mark, mut words) = receipt_text(lang, now, receipt);
            let (mut words_of_call, mut dial) = Default::default();
            if let Some(village) = village.filter(|_| receipt.rank() < 3) {
                let view = self.village_view(lang, now, village);
                if !view.is_in_touch() {
                    words = format!("{words} · {}", view.heard);
                }
                (words_of_call, dial) = call(lang, Some(village));
            }
            html(&LinkRow {
                mark,
                name: self.village_name(lang, id),
                words,
                href: village.map_or_else(String::new, |v| format!("/villages/{}", v.id)),
                call: words_of_call,
                dial,
                ..LinkRow::default()
            })
        };
        sorted.into_iter().map(row).collect()
    }

    /// The newest bulletins for a village, each with what became of it there.
    pub(super) fn bulletins_of_village(&self, lang: Lang, now: WallMs, id: &str) -> Vec<String> {
        let Ok(queued) = self.store.latest(id, BULLETINS_OF_VILLAGE) else {
            return vec![unread_row(lang)];
        };
        let row = |queued: &super::super::store::UndeliveredBulletin| {
            let sent = self.store.sent_bulletin(queued.number).ok().flatten();
            let (mark, words) = receipt_text(lang, now, &Receipt::of(queued, now));
            match sent {
                Some(sent) => html(&LinkRow {
                    mark,
                    name: heading(lang, &sent),
                    words,
                    href: link(&sent),
                    side: dates::since(now, sent.at),
                    ..LinkRow::default()
                }),
                None => unread_row(lang),
            }
        };
        queued.iter().map(row).collect()
    }
}
