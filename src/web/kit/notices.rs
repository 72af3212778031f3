//! A notice in the few words of a list: title, kind, first words, when it was posted. The whole is
//! in `notice_sheet`.

use crate::domain::calendar::day_number;
use crate::domain::notice::{Notice, NoticeKind, NoticeWords};
use crate::domain::text;
use crate::http::notice_body::paragraphs;
use crate::http::render::{TextSpan, split_phones};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::store::files::Lost;
use crate::time::WallMs;
use crate::view::risk_sign::{RiskSign, risk_sign};
use crate::web::kit::app::App;

/// The key of a kind's name.
#[must_use]
pub const fn kind_key(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Notice => "kind-notice",
        NoticeKind::Document => "kind-document",
        NoticeKind::Regulation => "kind-regulation",
        NoticeKind::Event => "kind-event",
        NoticeKind::Warning => "kind-warning",
        NoticeKind::Obituary => "kind-obituary",
        NoticeKind::Meeting => "kind-meeting",
    }
}

/// A notice in a list.
#[derive(Debug, Clone)]
pub struct NoticeSummary {
    /// Id.
    pub id: String,
    /// Its name in public links.
    pub name: String,
    /// Title.
    pub title: String,
    /// Its kind in words; empty = it is not asked for.
    pub kind: String,
    /// First words of the body.
    pub summary: String,
    /// The body as far as a box holds it, without an opening that repeats the title; its telephone
    /// numbers are spans of their own.
    pub lead: Vec<TextSpan>,
    /// When it was posted.
    pub when: String,
    /// The one fact for a glance: when and where it takes place, from when it is in force, else how
    /// long ago it was posted.
    pub day: String,
    /// The risk that it warns of.
    pub risk: Option<RiskSign>,
    /// It came since yesterday, and its occasion has not been.
    pub fresh: bool,
    /// Its occasion has been.
    pub is_past: bool,
}

/// Title and paragraphs of a notice; an erased or damaged text has a sentence about that as its
/// title.
#[must_use]
pub fn title_and_paragraphs(app: &App, lang: Lang, notice: &Notice) -> (String, Vec<String>) {
    match words_of(app, notice) {
        Ok(words) => (words.title, paragraphs(&words.body)),
        Err(lost) => (lang.t(lost.key()), Vec::new()),
    }
}

/// The words of a notice. A text that was ordered to be erased is gone at once: its file goes a
/// moment later.
///
/// # Errors
/// Its text is erased or damaged.
pub fn words_of(app: &App, notice: &Notice) -> Result<NoticeWords, Lost> {
    if app.journal.state().erased.contains(&notice.text.id) {
        return Err(Lost::Erased);
    }
    app.files
        .text(&notice.text)
        .map(|text| NoticeWords::decode(&text))
}

/// The title of a notice; a sentence that stands for it is none that people typed.
fn title_on_page(lang: Lang, title: String, body: &[String]) -> String {
    if body.is_empty() {
        title
    } else {
        lang.verbatim(&title)
    }
}

/// A text that people typed, split at its telephone numbers.
#[must_use]
pub fn verbatim_spans(lang: Lang, text: &str) -> Vec<TextSpan> {
    let mut spans = split_phones(text);
    for span in spans.iter_mut().filter(|span| span.dial.is_empty()) {
        span.words = lang.verbatim(&span.words);
    }
    spans
}

/// When and by whom a notice was posted, and until when it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Posting {
    /// When it was posted.
    pub at: WallMs,
    /// The last moment at which it is shown; none = until it is taken down.
    pub until: Option<WallMs>,
    /// True when the commune sent it.
    pub from_commune: bool,
}

impl From<&Notice> for Posting {
    fn from(notice: &Notice) -> Self {
        Self {
            at: notice.at,
            until: notice.details.until,
            from_commune: notice.from_commune,
        }
    }
}

/// When it was posted, by whom and until when, in words.
#[must_use]
pub fn posted_when(lang: Lang, posting: impl Into<Posting>) -> String {
    posted_text(lang, posting.into(), |ms| dates::long(lang, ms))
}

/// The same, with days as `date` writes them.
pub(super) fn posted_text(lang: Lang, posting: Posting, date: impl Fn(WallMs) -> String) -> String {
    let key = posted_key(posting.from_commune);
    let posted = lang.f(key, &[("when", &date(posting.at))]);
    posting.until.map_or_else(
        || posted.clone(),
        |until| {
            format!(
                "{posted} · {}",
                lang.f("posted-until", &[("when", &date(until))])
            )
        },
    )
}

/// A notice for a list.
#[must_use]
pub fn summarize(app: &App, lang: Lang, notice: &Notice) -> NoticeSummary {
    let words = words_of(app, notice);
    let (title, body) = match &words {
        Ok(words) => (words.title.clone(), paragraphs(&words.body)),
        Err(lost) => (lang.t(lost.key()), Vec::new()),
    };
    let words = words.unwrap_or_default();
    let clock = app.supervisor.clock();
    let now = clock.wall_ms();
    let is_past = notice.details.is_past(now);
    let age = day_number(now) - day_number(notice.at);
    NoticeSummary {
        id: notice.id.to_string(),
        name: notice.public_name(),
        risk: notice
            .details
            .risk
            .map(|risk| risk_sign(lang, risk, &words.source)),
        kind: lang.t(kind_key(notice.details.kind)),
        day: day_words(lang, now, notice, &words.place),
        fresh: (0..=1).contains(&age) && !is_past,
        is_past,
        ..summarize_text(lang, title, &body, notice.into())
    }
}

/// When and where a notice takes place, from when it is in force, or when it was posted.
fn day_words(lang: Lang, now: WallMs, notice: &Notice, place: &str) -> String {
    let details = &notice.details;
    let words = match (details.occasion, details.ahead(now)) {
        (Some(occasion), _) => {
            let when = dates::near_moment(lang, now, occasion.at);
            if place.is_empty() {
                when
            } else {
                format!("{when} · {}", lang.verbatim(place))
            }
        }
        (None, Some(from)) => {
            let when = dates::near_moment(lang, now, from);
            lang.f("from-day", &[("when", &when)])
        }
        (None, None) => {
            let key = posted_key(notice.from_commune);
            lang.f(key, &[("when", &dates::near(lang, now, notice.at))])
        }
    };
    capital(&words)
}

const fn posted_key(from_commune: bool) -> &'static str {
    if from_commune {
        "posted-by-commune"
    } else {
        "posted"
    }
}

/// The same of a text that is not published: it has no id, and is new.
#[must_use]
pub fn summarize_text(
    lang: Lang,
    title: String,
    body: &[String],
    posting: Posting,
) -> NoticeSummary {
    let first = body.first().cloned().unwrap_or_default();
    let lead = verbatim_spans(lang, &lead(&title, body));
    let summary = if first.chars().count() > 140 {
        first.chars().take(140).chain(['…']).collect()
    } else {
        first
    };
    NoticeSummary {
        id: String::new(),
        name: String::new(),
        kind: String::new(),
        title: title_on_page(lang, title, body),
        summary: lang.verbatim(&summary),
        lead,
        when: posted_text(lang, posting, dates::date),
        day: String::new(),
        risk: None,
        fresh: true,
        is_past: false,
    }
}

/// Most characters of an urgent notice on the home page and the first page of the portal.
const MAX_LEAD_CHARS: usize = 300;

fn lead(title: &str, body: &[String]) -> String {
    let repeats = body.len() > 1
        && body
            .first()
            .is_some_and(|first| first.to_lowercase().starts_with(&title.to_lowercase()));
    let words = body
        .iter()
        .skip(usize::from(repeats))
        .map(|piece| text::sentence(piece))
        .collect::<Vec<_>>()
        .join(" ");
    if words.chars().count() > MAX_LEAD_CHARS {
        words.chars().take(MAX_LEAD_CHARS).chain(['…']).collect()
    } else {
        words
    }
}
