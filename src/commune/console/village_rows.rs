//! How each village is: its last contact, the records received of it, what it reported of its
//! things, and what is wrong with it here. Deliberately absent: what villages report
//! (`report_rows`).

use super::super::store::VillageContact;
use super::context::Console;
use super::frame::{LinkRow, Summary};
use crate::config::CommuneVillage;
use crate::domain::calendar::DAY_MS;
use crate::domain::text::{self, MAX_NAME_CHARS};
use crate::http::fragment::html;
use crate::http::render::dial;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::divergence::{Divergence, DivergenceReport};
use crate::protocol::village_status::Status;
use crate::time::WallMs;
use crate::view::status_text;

/// A village that said nothing for longer is out of touch, ms.
const SILENCE_MS: i64 = 300_000;
/// Villages that a sentence names.
const MAX_VILLAGES_NAMED: usize = 4;

/// How a village is.
pub(super) struct VillageView<'a> {
    pub(super) village: &'a CommuneVillage,
    /// Its name as the page shows it.
    pub(super) name: String,
    /// The contact with it: how long it has said nothing.
    contact: Status,
    /// The worst of its contact, of its records here, and of what it reported of its things.
    status: Status,
    /// Wall ms of its last message; 0 = there was none.
    last_message_at: WallMs,
    /// The sentence of its own home page, with when it was reported; empty = none came.
    pub(super) reported: String,
    /// The second line of that sentence.
    pub(super) detail: String,
    /// Its last contact, and how far its records reach.
    pub(super) heard: String,
    /// The trouble that this server has with it; empty = none.
    pub(super) trouble: String,
}

/// The class of a status in the style sheet.
const fn status_class(status: Status) -> &'static str {
    match status {
        Status::Well => "",
        Status::Waiting | Status::Attention => "warn",
        Status::Broken => "bad",
    }
}

impl VillageView<'_> {
    /// A message came in the last five minutes, and its records can be read.
    pub(super) fn is_in_touch(&self) -> bool {
        self.contact == Status::Well
    }

    /// The name and since when nothing came, for a sentence: “Trại Cau (từ 12/11)”.
    pub(super) fn silent_since(&self, lang: Lang, now: WallMs) -> String {
        if self.last_message_at == WallMs::default() {
            return lang.f("commune-silent-ever", &[("name", &self.name)]);
        }
        let since = dates::since(now, self.last_message_at);
        lang.f(
            "commune-silent-since",
            &[("name", &self.name), ("time", &since)],
        )
    }

    /// All that is known, in one line.
    pub(super) fn words(&self) -> String {
        [&self.reported, &self.heard, &self.trouble]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" · ")
    }

    /// Its row in the list of villages.
    pub(super) fn row(&self) -> String {
        html(&LinkRow {
            mark: status_class(self.status),
            name: self.name.clone(),
            words: self.words(),
            href: format!("/villages/{}", self.village.id),
            ..LinkRow::default()
        })
    }

    /// The head of the village's own page.
    pub(super) fn summary(&self, lang: Lang) -> Summary {
        let banner = [&self.reported, &self.trouble]
            .into_iter()
            .find(|part| !part.is_empty())
            .cloned()
            .unwrap_or_else(|| lang.t("commune-nothing-reported"));
        let detail = [&self.detail, &self.trouble]
            .into_iter()
            .filter(|part| !part.is_empty() && **part != banner)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        Summary {
            title: self.name.clone(),
            words: self.heard.clone(),
            mark: status_class(self.status),
            banner,
            detail,
        }
    }
}

/// The words on the button that calls the chief, and the number that it dials; empty = no number is
/// known.
pub(super) fn call(lang: Lang, village: Option<&CommuneVillage>) -> (String, String) {
    let Some((village, phone)) = village.and_then(|v| Some((v, v.phone.as_deref()?))) else {
        return Default::default();
    };
    let chief = village
        .chief
        .as_deref()
        .map_or_else(|| lang.t("commune-chief"), |name| lang.verbatim(name));
    let words = lang.f(
        "commune-call",
        &[("name", chief.as_str()), ("phone", phone)],
    );
    (words, dial(phone))
}

/// The names of these villages: the first ones, and how many more there are.
pub(super) fn names_text(lang: Lang, names: &[String]) -> String {
    let first = names
        .iter()
        .take(MAX_VILLAGES_NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(MAX_VILLAGES_NAMED) {
        0 => first,
        more => lang.f(
            "commune-and-more",
            &[("names", first.as_str()), ("n", &more.to_string())],
        ),
    }
}

impl Console {
    /// Every village, in the order of the configuration.
    pub(super) fn village_views(&self, lang: Lang, now: WallMs) -> Vec<VillageView<'_>> {
        self.villages
            .iter()
            .map(|village| self.village_view(lang, now, village))
            .collect()
    }

    /// One village; one that cannot be read says so and looks broken.
    pub(super) fn village_view<'a>(
        &self,
        lang: Lang,
        now: WallMs,
        village: &'a CommuneVillage,
    ) -> VillageView<'a> {
        self.read_village(lang, now, village)
            .unwrap_or_else(|_| VillageView {
                village,
                name: lang.verbatim(&village.name),
                contact: Status::Broken,
                status: Status::Broken,
                last_message_at: WallMs::default(),
                reported: String::new(),
                detail: String::new(),
                heard: String::new(),
                trouble: lang.t("commune-unread"),
            })
    }

    fn read_village<'a>(
        &self,
        lang: Lang,
        now: WallMs,
        village: &'a CommuneVillage,
    ) -> std::io::Result<VillageView<'a>> {
        let id = village.id.as_str();
        let seen = self.store.contact(id)?;
        let mut contact = match now.since(seen.last_message_at) {
            ..SILENCE_MS => Status::Well,
            SILENCE_MS..DAY_MS => Status::Attention,
            _ => Status::Broken,
        };
        let mut status = contact;
        let (mut reported, mut detail) = Default::default();
        // The officer reads the same words as the village does on its own home page.
        if let Some(told) = self.store.statuses.get(id) {
            let summary = told
                .summary
                .clone()
                .with_names(|name| lang.verbatim(&text::line(name, MAX_NAME_CHARS)));
            let sentence = status_text::sentence(lang, now, &summary);
            let time = dates::since(now, told.at);
            reported = lang.f(
                "commune-status",
                &[("sentence", &sentence.title), ("time", &time)],
            );
            detail = sentence.detail;
            status = status.max(told.summary.status);
        }
        let trouble = match self.trouble(lang, now, id)? {
            Some((worst, words)) => {
                contact = contact.max(worst);
                status = status.max(worst);
                words
            }
            None => String::new(),
        };
        Ok(VillageView {
            village,
            name: lang.verbatim(&village.name),
            contact,
            status,
            last_message_at: seen.last_message_at,
            reported,
            detail,
            heard: heard_text(lang, now, &seen),
            trouble,
        })
    }

    /// A divergence, an exhausted quota and unreadable batches are shown with their village.
    fn trouble(
        &self,
        lang: Lang,
        now: WallMs,
        id: &str,
    ) -> std::io::Result<Option<(Status, String)>> {
        if let Some(note) = self.store.divergence(id, now)? {
            let words = divergence_text(lang, &note);
            let words = format!("{words} ({})", dates::since(now, note.at));
            return Ok(Some((Status::Broken, words)));
        }
        let account = self.store.account(id)?;
        if account.is_exhausted(self.store.daily_quota(now)) {
            return Ok(Some((Status::Broken, lang.t("commune-full"))));
        }
        Ok((account.unreadable > 0).then(|| {
            let n = account.unreadable.to_string();
            let words = lang.f("commune-unreadable", &[("n", &n)]);
            (Status::Attention, words)
        }))
    }
}

fn heard_text(lang: Lang, now: WallMs, seen: &VillageContact) -> String {
    if seen.last_message_at == WallMs::default() {
        return lang.t("commune-never");
    }
    let received = if seen.newest_at == WallMs::default() {
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
}

fn divergence_text(lang: Lang, note: &DivergenceReport) -> String {
    let key = match note.how {
        Divergence::Shorter => "commune-parted-shorter",
        Divergence::Older => "commune-parted-older",
        Divergence::Twin => "commune-parted-twin",
        Divergence::Differs => "commune-parted-differs",
    };
    lang.f(
        key,
        &[
            ("n", &note.missing.to_string()),
            ("boot", &note.boot.to_string()),
            ("highest", &note.highest.to_string()),
        ],
    )
}
