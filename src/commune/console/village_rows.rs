//! A row for each village: its last contact, the records received of it, and what is wrong with it.
//! Deliberately absent: what villages report (`report_rows`).

use super::context::{Console, DAY_MS};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::divergence::Divergence;

pub(super) struct VillageRow {
    pub(super) id: String,
    pub(super) name: String,
    /// `""` = a message in the last five minutes, `warn` = within a day, `bad` = longer ago or
    /// never, or something is wrong.
    pub(super) status_class: &'static str,
    pub(super) words: String,
    /// Chosen for the bulletin.
    pub(super) chosen: bool,
}

impl Console {
    pub(super) fn village_rows(&self, lang: Lang, now: i64) -> Vec<VillageRow> {
        let row = |(id, name): &(String, String)| {
            let Ok((seen, account)) = self
                .store
                .contact(id)
                .and_then(|seen| Ok((seen, self.store.account(id)?)))
            else {
                return VillageRow {
                    id: id.clone(),
                    name: name.clone(),
                    status_class: "bad",
                    words: lang.t("commune-unread"),
                    chosen: true,
                };
            };
            let mark = match now.saturating_sub(seen.last_message_at) {
                ..300_000 => "",
                300_000..DAY_MS => "warn",
                _ => "bad",
            };
            let words = if seen.last_message_at == 0 {
                lang.t("commune-never")
            } else {
                let received = if seen.newest_at == 0 {
                    "–".to_owned()
                } else {
                    dates::since(now, seen.newest_at)
                };
                lang.f(
                    "commune-heard",
                    &[
                        ("last", &dates::since(now, seen.last_message_at)),
                        ("received", &received),
                        ("n", &seen.records.to_string()),
                    ],
                )
            };
            // A divergence, an exhausted quota and unreadable batches are shown in the row of their
            // village.
            let Ok(trouble) = self.store.divergence(id, now) else {
                return VillageRow {
                    id: id.clone(),
                    name: name.clone(),
                    status_class: "bad",
                    words: lang.t("commune-unread"),
                    chosen: true,
                };
            };
            let (mark, words) = if let Some(t) = trouble {
                let key = match t.how {
                    Divergence::Shorter => "commune-parted-shorter",
                    Divergence::Older => "commune-parted-older",
                    Divergence::Twin => "commune-parted-twin",
                    Divergence::Differs => "commune-parted-differs",
                };
                let told = lang.f(
                    key,
                    &[
                        ("n", &t.missing.to_string()),
                        ("boot", &t.boot.to_string()),
                        ("highest", &t.highest.to_string()),
                    ],
                );
                (
                    "bad",
                    format!("{words} · {told} ({})", dates::since(now, t.at)),
                )
            } else if account.is_exhausted(self.store.daily_quota(now)) {
                ("bad", format!("{words} · {}", lang.t("commune-full")))
            } else if account.unreadable > 0 {
                (
                    if mark.is_empty() { "warn" } else { mark },
                    format!(
                        "{words} · {}",
                        lang.f(
                            "commune-unreadable",
                            &[("n", &account.unreadable.to_string())]
                        )
                    ),
                )
            } else {
                (mark, words)
            };
            VillageRow {
                id: id.clone(),
                name: name.clone(),
                status_class: mark,
                words,
                chosen: true,
            }
        };
        self.villages.iter().map(row).collect()
    }
}
