//! Bulletins that were sent, and what became of each.

use super::super::store::Outcome;
use super::office::{BULLETIN_MS, Console};
use crate::doors::dates;
use crate::doors::locale::Lang;

/// Rows of bulletins.
const SENT: usize = 20;

impl Console {
    pub(super) fn bulletins(&self, lang: Lang, now: i64) -> Vec<String> {
        let mut out: Vec<(u64, String)> = Vec::new();
        for (id, name) in self.villages.iter() {
            let Ok(sent) = self.store.lately(id, SENT) else {
                out.push((
                    u64::MAX,
                    crate::doors::page::plain_row(
                        "bad",
                        &format!("{name}: {}", lang.t("commune-unread")),
                        "",
                    ),
                ));
                continue;
            };
            for w in sent {
                let (words, mark) = match &w.outcome {
                    Outcome::Waiting => (lang.t("commune-bulletin-waiting"), "warn"),
                    Outcome::Done => (lang.t("commune-bulletin-taken"), ""),
                    Outcome::Refused(why) => (
                        lang.f("commune-bulletin-refused", &[("why", &lang.t(why))]),
                        "bad",
                    ),
                };
                let urgent = if w.bulletin.urgent {
                    format!("{} · ", lang.t("kind-urgent"))
                } else {
                    String::new()
                };
                let sent = dates::since(now, w.expires_at - BULLETIN_MS);
                out.push((
                    w.seq,
                    crate::doors::page::plain_row(
                        mark,
                        &format!("{urgent}“{}” · {name}: {words}", w.bulletin.title),
                        &sent,
                    ),
                ));
            }
        }
        out.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        out.into_iter().take(SENT).map(|(_, r)| r).collect()
    }
}
