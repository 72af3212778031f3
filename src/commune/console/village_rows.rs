//! A row for each village: its last contact, the records received of it, and what is wrong with it.
//! Deliberately absent: what villages report (`report_rows`).

use super::context::{Console, DAY_MS};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::divergence::Divergence;
use crate::protocol::village_status::Status;
use crate::view::status_text;

pub(super) struct VillageRow {
    pub(super) id: String,
    pub(super) name: String,
    /// A message of the village came in the last five minutes, and its records can be read.
    pub(super) in_touch: bool,
    /// The worst of its contact, of its records here, and of what it reported of its things.
    status: Status,
    pub(super) words: String,
    /// Chosen for the bulletin.
    pub(super) chosen: bool,
}

impl VillageRow {
    /// The class of its mark in the style sheet.
    pub(super) const fn status_class(&self) -> &'static str {
        match self.status {
            Status::Well => "",
            Status::Waiting | Status::Attention => "warn",
            Status::Broken => "bad",
        }
    }
}

impl Console {
    pub(super) fn village_rows(&self, lang: Lang, now: i64) -> Vec<VillageRow> {
        self.villages
            .iter()
            .map(|(id, name)| {
                let (contact, status, words) = self
                    .village_row(lang, now, id)
                    .unwrap_or_else(|_| (Status::Broken, Status::Broken, lang.t("commune-unread")));
                VillageRow {
                    id: id.clone(),
                    name: name.clone(),
                    in_touch: contact == Status::Well,
                    status,
                    words,
                    chosen: true,
                }
            })
            .collect()
    }

    /// How the contact with a village is, the status of its row, and the words.
    fn village_row(
        &self,
        lang: Lang,
        now: i64,
        id: &str,
    ) -> std::io::Result<(Status, Status, String)> {
        let (seen, account) = (self.store.contact(id)?, self.store.account(id)?);
        let trouble = self.store.divergence(id, now)?;
        let contact = match now.saturating_sub(seen.last_message_at) {
            ..300_000 => Status::Well,
            300_000..DAY_MS => Status::Attention,
            _ => Status::Broken,
        };
        let mut words = if seen.last_message_at == 0 {
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
        let mut status = contact;
        // The sentence of the village's own home page, in the same words.
        if let Some(reported) = self.store.statuses.get(id) {
            let sentence = status_text::sentence(lang, now, &reported.summary);
            let time = dates::since(now, reported.at);
            let sentence = lang.f(
                "commune-status",
                &[("sentence", &sentence.title), ("time", &time)],
            );
            words = format!("{sentence} · {words}");
            status = status.max(reported.summary.status);
        }
        // A divergence, an exhausted quota and unreadable batches are shown in the row of their
        // village.
        if let Some(t) = trouble {
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
            words = format!("{words} · {told} ({})", dates::since(now, t.at));
            return Ok((Status::Broken, Status::Broken, words));
        }
        if account.is_exhausted(self.store.daily_quota(now)) {
            words = format!("{words} · {}", lang.t("commune-full"));
            return Ok((Status::Broken, Status::Broken, words));
        }
        if account.unreadable > 0 {
            let unreadable = lang.f(
                "commune-unreadable",
                &[("n", &account.unreadable.to_string())],
            );
            words = format!("{words} · {unreadable}");
            let least = Status::Attention;
            return Ok((contact.max(least), status.max(least), words));
        }
        Ok((contact, status, words))
    }
}
