//! The content of the form of a notice: the fields that people fill in, and the notice that they
//! make.
//!
//! Invariants: the fields go from the form to its preview and back as they were typed. A field that
//! cannot be read is named, and nothing is guessed. A warning with a risk level names the
//! authority that gave it: a village gives none.

use super::templates::{NoticeTemplate, UNTIL_HELD};
use super::upload::FILE_FIELD;
use crate::domain::calendar::{DAY_MS, day_number, day_start, day_text, minute_of_day};
use crate::domain::id::NoticeId;
use crate::domain::notice::{
    MAX_LINE_CHARS, NoticeDetails, NoticeDraft, NoticeKind, NoticeLanguage, NoticeWords, Occasion,
    Risk, RiskLevel,
};
use crate::domain::text;
use crate::http::form::FormFields;
use crate::http::typed_moment::{MINUTE_MS, minutes, moment};
use crate::http::wrong_input::WrongInput;
use crate::i18n::locale::Lang;
use crate::time::WallMs;
use crate::web::kit::app::App;

/// The fields that people fill in, with those that say which notice it is.
pub(in crate::web::dashboard) const NOTICE_FIELDS: &[&str] = &[
    "notice",
    "correct",
    SEEN_FIELD,
    "title",
    "body",
    "kind",
    "urgent",
    "days",
    "held-day",
    "held-time",
    "held-end",
    "place",
    "from",
    "risk",
    "source",
    "source-day",
    "source-time",
    "language",
    "publish-day",
    "publish-time",
    FILE_FIELD,
];

/// The field with the text of before that the form began with: whoever changed it meanwhile is not
/// undone in silence.
pub(super) const SEEN_FIELD: &str = "seen";
/// The kind of forms that were opened before urgency stood beside the kind: an urgent warning.
const URGENT_KIND: &str = "urgent";
/// Begins a choice of `days` that is a moment.
const UNTIL_MARK: char = '@';
/// The button of the preview that chooses it.
pub(super) const HANG_LONGER_FIELD: &str = "until-held";
/// How long a notice is shown that was to end with its day and has none, days.
const USUAL_DAYS: i64 = 7;

/// A notice as it was typed.
#[derive(Debug, Clone, Default)]
pub struct NoticeForm(FormFields);

/// A notice that may be published: what the form says, checked.
pub(super) struct WrittenNotice {
    pub(super) words: NoticeWords,
    pub(super) details: NoticeDetails,
    /// When it is to be published; none = when the button is pressed.
    pub(super) publish_at: Option<WallMs>,
}

impl NoticeForm {
    /// The form with these fields.
    pub(super) fn new(fields: FormFields) -> Self {
        if !fields.get(HANG_LONGER_FIELD).is_empty() {
            return Self(fields).with(&[
                ("days", UNTIL_HELD.to_owned()),
                (HANG_LONGER_FIELD, String::new()),
            ]);
        }
        if fields.get("kind") != URGENT_KIND {
            return Self(fields);
        }
        let today = |(name, value): (String, String)| {
            let value = if name == "kind" {
                NoticeKind::Warning.name().to_owned()
            } else {
                value
            };
            (name, value)
        };
        let pairs = fields.into_pairs().into_iter().map(today);
        let urgent = ("urgent".to_owned(), "1".to_owned());
        Self(FormFields::from_pairs(pairs.chain([urgent]).collect()))
    }

    /// The value of a field; empty = it has none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name)
    }

    /// The id of the draft, or of the notice that is corrected; none = it is a new one.
    pub(super) fn notice_id(&self) -> Option<NoticeId> {
        NoticeId::new(self.get("notice")).ok()
    }

    /// It takes the place of what is published.
    pub(super) fn is_correction(&self) -> bool {
        !self.get("correct").is_empty()
    }

    /// The same with other fields in the place of those of their names.
    pub(super) fn with(&self, further: &[(&'static str, String)]) -> Self {
        let mut pairs = self.0.clone().into_pairs();
        pairs.retain(|(name, _)| further.iter().all(|(other, _)| other != name));
        let further = further.iter().cloned();
        pairs.extend(further.map(|(name, value)| (name.to_owned(), value)));
        Self(FormFields::from_pairs(pairs))
    }

    /// The files that are kept, as their fields have them.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.all(FILE_FIELD)
    }

    /// All that was filled in, for hidden fields.
    pub(super) fn filled_in(&self) -> Vec<(&'static str, String)> {
        let fields = NOTICE_FIELDS.iter();
        fields
            .flat_map(|name| self.0.all(name).map(move |value| (*name, value.to_owned())))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The beginning of a notice.
    pub(super) fn of_template(template: &NoticeTemplate) -> Self {
        let fields = [
            ("title", template.title.as_str()),
            ("body", template.body.trim()),
            ("kind", template.kind.as_str()),
            ("days", template.days.as_str()),
            ("urgent", if template.urgent { "1" } else { "" }),
        ];
        Self::of_pairs(fields.map(|(name, value)| (name, value.to_owned())))
    }

    fn of_pairs(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        Self(FormFields::from_pairs(
            fields.into_iter().map(owned).collect(),
        ))
    }

    /// The form of a notice that was written before, with further fields, which take the place of
    /// others of their name.
    pub(super) fn of(
        words: &NoticeWords,
        details: &NoticeDetails,
        further: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let flag = |yes: bool| if yes { "1".to_owned() } else { String::new() };
        let day = |at: Option<WallMs>| at.map_or_else(String::new, |at| day_text(day_number(at)));
        let (held, risk) = (details.occasion, details.risk);
        // A notice that ends with its day goes on doing so when the day is corrected.
        let is_held = held.is_some_and(|held| details.until == Some(end_of_day(held)));
        let until = details.until.map(|until| {
            if is_held {
                UNTIL_HELD.to_owned()
            } else {
                format!("{UNTIL_MARK}{}", until.ms())
            }
        });
        let mut fields = vec![
            ("title", words.title.clone()),
            ("body", words.body.clone()),
            ("kind", details.kind.name().to_owned()),
            ("urgent", flag(details.urgent)),
            ("days", until.unwrap_or_else(|| "0".to_owned())),
            ("held-day", day(held.map(|o| o.at))),
            ("held-time", time_text(held.map(|o| o.at))),
            ("held-end", time_text(held.and_then(|o| o.ends))),
            ("place", words.place.clone()),
            ("from", day(details.from)),
            (
                "risk",
                risk.map_or_else(String::new, |r| r.level.number().to_string()),
            ),
            ("source", words.source.clone()),
            ("source-day", day(risk.and_then(|r| r.at))),
            ("source-time", time_text(risk.and_then(|r| r.at))),
            ("language", details.language.tag().to_owned()),
        ];
        for (number, file) in details.attachments.iter().enumerate() {
            let name = words.files.get(number).map_or("", String::as_str);
            fields.push((FILE_FIELD, format!("{} {name}", file.sha256)));
        }
        let further: Vec<_> = further.into_iter().collect();
        fields.retain(|(name, _)| further.iter().all(|(other, _)| other != name));
        fields.extend(further);
        Self::of_pairs(fields)
    }

    /// The form of a draft.
    pub(super) fn of_draft(words: &NoticeWords, draft: &NoticeDraft) -> Self {
        let publish_at = draft.publish_at;
        let day = publish_at.map_or_else(String::new, |at| day_text(day_number(at)));
        let further = [
            ("notice", draft.id.to_string()),
            (SEEN_FIELD, draft.text.id.to_string()),
            ("publish-day", day),
            ("publish-time", time_text(publish_at)),
        ];
        Self::of(words, &draft.details, further)
    }

    /// The moment of the choice “until”, when it is one of before.
    pub(super) fn until_of_before(&self) -> Option<WallMs> {
        let ms = self.get("days").strip_prefix(UNTIL_MARK)?;
        ms.parse().ok().map(WallMs::new)
    }

    /// The notice that the form says; the error is the first field that cannot be read.
    pub(super) fn written(
        &self,
        app: &App,
        lang: Lang,
        now: WallMs,
    ) -> Result<WrittenNotice, WrongInput> {
        let wrong = |field: &'static str, key: &str| WrongInput::in_field(field, lang.t(key));
        let mut words = NoticeWords::of(self.get("title"), self.get("body"));
        if let Some(wrong) = WrongInput::in_notice(lang, &words.title, &words.body) {
            return Err(wrong);
        }
        for (field, line) in [("place", &mut words.place), ("source", &mut words.source)] {
            *line = text::line(self.get(field), usize::MAX);
            if line.chars().count() > MAX_LINE_CHARS {
                return Err(wrong(field, "notice-long-line"));
            }
        }
        let kind = NoticeKind::named(self.get("kind")).unwrap_or(NoticeKind::Notice);
        let mut details = NoticeDetails::of(kind);
        details.urgent = !self.get("urgent").is_empty();
        details.language = NoticeLanguage::tagged(self.get("language")).unwrap_or_default();
        details.from = self.moment(lang, "from", "")?;
        details.occasion = self.occasion(lang)?;
        let level = self.get("risk").parse().ok().and_then(RiskLevel::new);
        if let Some(level) = level {
            if words.source.is_empty() {
                return Err(wrong("source", "notice-risk-source"));
            }
            let at = self.moment(lang, "source-day", "source-time")?;
            details.risk = Some(Risk { level, at });
        }
        for field in self.files() {
            let (sha256, name) = field.split_once(' ').unwrap_or((field, ""));
            let Some(file) = app.attachments.hold(sha256) else {
                let told = [("name", &lang.verbatim(name))];
                return Err(WrongInput::in_field(
                    "files",
                    lang.f("notice-file-gone", &told),
                ));
            };
            details.attachments.push(file);
            words.files.push(text::line(name, MAX_LINE_CHARS));
        }
        let publish_at = self.moment(lang, "publish-day", "publish-time")?;
        if publish_at.is_some_and(|at| at <= now) {
            return Err(wrong("publish-day", "notice-publish-past"));
        }
        let posted = publish_at.unwrap_or(now);
        details.until = self.until(posted, details.occasion);
        if details.is_over(posted) {
            return Err(if self.get("days") == UNTIL_HELD {
                wrong("held-day", "notice-held-past")
            } else {
                wrong("days", "notice-until-past")
            });
        }
        Ok(WrittenNotice {
            words: words.cleaned(),
            details,
            publish_at,
        })
    }

    /// The last moment of a notice that is posted then; none = until it is taken down.
    fn until(&self, posted: WallMs, occasion: Option<Occasion>) -> Option<WallMs> {
        if self.get("days") == UNTIL_HELD {
            let usual = posted + USUAL_DAYS * DAY_MS;
            return Some(occasion.map_or(usual, end_of_day));
        }
        let days = self.get("days").parse::<i64>().ok();
        days.filter(|days| (1..=366).contains(days))
            .map(|days| posted + days * DAY_MS)
            .or_else(|| self.until_of_before())
    }

    fn occasion(&self, lang: Lang) -> Result<Option<Occasion>, WrongInput> {
        let Some(at) = self.moment(lang, "held-day", "held-time")? else {
            if self.get("held-end").trim().is_empty() {
                return Ok(None);
            }
            let why = lang.t("notice-time-alone");
            return Err(WrongInput::in_field("held-day", why));
        };
        let ends = match minutes(self.get("held-end")) {
            None if self.get("held-end").trim().is_empty() => None,
            Some(minutes) => Some(day_start(day_number(at)) + minutes * MINUTE_MS),
            None => {
                return Err(WrongInput::in_field(
                    "held-end",
                    lang.t("notice-wrong-time"),
                ));
            }
        };
        // An event that ends before it begins ends on the next day.
        let ends = ends.map(|ends| if ends < at { ends + DAY_MS } else { ends });
        Ok(Some(Occasion { at, ends }))
    }

    /// The moment in a field of a day and one of a time; without a time it is midnight.
    fn moment(
        &self,
        lang: Lang,
        day: &'static str,
        time: &'static str,
    ) -> Result<Option<WallMs>, WrongInput> {
        let read = moment(self.get(day), self.get(time));
        read.map_err(|problem| {
            let field = if problem.is_of_time { time } else { day };
            WrongInput::in_field(field, lang.t(problem.key))
        })
    }
}

/// The last moment of the day on which an event or a meeting ends.
fn end_of_day(occasion: Occasion) -> WallMs {
    let last = occasion.ends.unwrap_or(occasion.at);
    day_start(day_number(last) + 1) - 1
}

/// A moment as a field of a time has it; midnight = it has none.
fn time_text(at: Option<WallMs>) -> String {
    match at.map(minute_of_day) {
        None | Some(0) => String::new(),
        Some(minute) => format!("{:02}:{:02}", minute / 60, minute % 60),
    }
}
