//! Rows of the bulletins that were sent, with the outcome of each.

use super::super::store::BulletinOutcome;
use super::context::{BULLETIN_LIFETIME_MS, Console};
use crate::i18n::dates;
use crate::i18n::locale::Lang;

/// Bulletins that are shown.
const MAX_BULLETIN_ROWS: usize = 20;

impl Console {
    pub(super) fn bulletin_rows(&self, lang: Lang, now: i64) -> Vec<String> {
        let mut out: Vec<(u64, String)> = Vec::new();
        for (id, name) in self.villages.iter() {
            let Ok(sent) = self.store.latest(id, MAX_BULLETIN_ROWS) else {
                out.push((
                    u64::MAX,
                    crate::http::render::plain_row(
                        "bad",
                        &format!("{name}: {}", lang.t("commune-unread")),
                        "",
                    ),
                ));
                continue;
            };
            for w in sent {
                let (words, mark) = match (&w.outcome, w.taken_down_at) {
                    (BulletinOutcome::Done, Some(at)) => (
                        lang.f(
                            "commune-bulletin-taken-down",
                            &[("time", &dates::since(now, at))],
                        ),
                        "off",
                    ),
                    (BulletinOutcome::Waiting, _) => (lang.t("commune-bulletin-waiting"), "warn"),
                    (BulletinOutcome::Done, None) => (lang.t("commune-bulletin-taken"), ""),
                    (BulletinOutcome::Refused(why), _) => (
                        lang.f("commune-bulletin-refused", &[("why", &lang.t(why))]),
                        "bad",
                    ),
                };
                let urgent = if w.bulletin.urgent {
                    format!("{} · ", lang.t("kind-urgent"))
                } else {
                    String::new()
                };
                let sent = dates::since(now, w.expires_at - BULLETIN_LIFETIME_MS);
                out.push((
                    w.seq,
                    crate::http::render::plain_row(
                        mark,
                        &format!("{urgent}“{}” · {name}: {words}", w.bulletin.title),
                        &sent,
                    ),
                ));
            }
        }
        out.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        out.into_iter()
            .take(MAX_BULLETIN_ROWS)
            .map(|(_, r)| r)
            .collect()
    }
}
