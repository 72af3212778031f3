//! The content of the form of a notice: the fields that people fill in, and the notice that they
//! make.
//!
//! Invariants: the fields go from the form to its preview and back as they were typed. A field that
//! cannot be read is named, and nothing is guessed. A warning with a risk level names the
//! authority that gave it: a village gives none.

use super::templates::NoticeTemplate;
use super::upload::FILE_FIELD;
use crate::domain::calendar::{
    DAY_MS, Day, day_number, day_start, day_text, minute_of_day, number_of, parse_day,
};
use crate::domain::id::NoticeId;
use crate::domain::notice::{
    MAX_LINE_CHARS, NoticeDetails, NoticeDraft, NoticeKind, NoticeLanguage, NoticeWords, Occasion,
    Risk, RiskLevel,
};
use crate::domain::text;
use crate::http::form::FormFields;
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
const MINUTE_MS: i64 = 60_000;

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
        let until = details
            .until
            .map(|until| format!("{UNTIL_MARK}{}", until.ms()));
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
        details.until = self.until(posted);
        if details.is_over(posted) {
            return Err(wrong("days", "notice-until-past"));
        }
        Ok(WrittenNotice {
            words: words.cleaned(),
            details,
            publish_at,
        })
    }

    /// The last moment of a notice that is posted then; none = until it is taken down.
    fn until(&self, posted: WallMs) -> Option<WallMs> {
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
        let typed_time = self.get(time).trim();
        if self.get(day).trim().is_empty() {
            if typed_time.is_empty() {
                return Ok(None);
            }
            return Err(WrongInput::in_field(day, lang.t("notice-time-alone")));
        }
        let Some(number) = typed_day(self.get(day)) else {
            return Err(WrongInput::in_field(day, lang.t("notice-wrong-day")));
        };
        let minutes = if typed_time.is_empty() {
            0
        } else {
            let wrong = || WrongInput::in_field(time, lang.t("notice-wrong-time"));
            minutes(typed_time).ok_or_else(wrong)?
        };
        Ok(Some(day_start(number) + minutes * MINUTE_MS))
    }
}

/// A moment as a field of a time has it; midnight = it has none.
fn time_text(at: Option<WallMs>) -> String {
    match at.map(minute_of_day) {
        None | Some(0) => String::new(),
        Some(minute) => format!("{:02}:{:02}", minute / 60, minute % 60),
    }
}

/// A day as a date field sends it, or as people type it: “21/11/2026”.
fn typed_day(typed: &str) -> Option<i64> {
    let typed = typed.trim();
    parse_day(typed).or_else(|| {
        let mut parts = typed.split(['/', '.', '-']).map(str::trim);
        let day = Day {
            day: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            year: parts.next()?.parse().ok()?,
        };
        let is_day = parts.next().is_none() && (1970..10_000).contains(&day.year);
        is_day.then(|| number_of(day))?
    })
}

/// Minutes since midnight: “19:30”, “19h30”, “19 giờ”.
fn minutes(typed: &str) -> Option<i64> {
    let mut numbers = typed
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<i64>().ok());
    let hour = numbers.next()??;
    let minute = numbers.next().unwrap_or(Some(0))?;
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute);
    is_time.then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_as_fields_send_them_and_as_people_type_them() {
        for typed in ["2026-12-12", "12/12/2026", "12.12.2026", " 12-12-2026 "] {
            assert_eq!(
                typed_day(typed).map(day_text).as_deref(),
                Some("2026-12-12")
            );
        }
        for typed in ["31/2/2026", "12/2026", "mai", "1/1/99999", "1/1/2026/5"] {
            assert_eq!(typed_day(typed), None, "{typed}");
        }
        for (typed, read) in [
            ("19:30", Some(1_170)),
            ("19h30", Some(1_170)),
            ("19 giờ", Some(1_140)),
            ("7 giờ 5", Some(425)),
            ("25:00", None),
            ("tối", None),
        ] {
            assert_eq!(minutes(typed), read, "{typed}");
        }
    }
}
