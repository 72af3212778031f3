//! The official part of a bulletin: the level of risk, the authority with the number and the day of
//! its paper, and until when villages show it.
//!
//! Invariants: the fields are those of the village's own form, by the same names; what cannot be
//! read is a sentence at its field, and so is what every village would refuse, or a source of a day
//! that has not come. A level has a source. Deliberately absent: pictures and papers, which no
//! message to a village carries.

use super::super::sent_bulletins::{BULLETIN_LIFETIME_MS, MAX_SHOWN_MS};
use crate::domain::calendar::{day_number, day_start};
use crate::domain::notice::{MAX_LINE_CHARS, Risk, RiskLevel, is_moment};
use crate::domain::text;
use crate::http::form::FormFields;
use crate::http::typed_moment::{moment, typed_day};
use crate::http::wrong_input::WrongInput;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::protocol::commune::Bulletin;
use crate::time::WallMs;
use crate::view::risk_sign::{risk_sign, source_words};

/// The names of the fields.
const FIELDS: [&str; 6] = [
    "risk",
    "source",
    "paper",
    "source-day",
    "source-time",
    "until",
];

/// The fields as they were typed.
#[derive(Debug, Clone, Default)]
pub(in crate::commune) struct OfficialFields([String; 6]);

/// The fields as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfficialContent {
    pub(super) risk: Option<Risk>,
    /// The authority with the number of its paper, in Vietnamese; empty = it is not said.
    pub(super) source: String,
    /// The last moment at which villages show it.
    pub(super) until: WallMs,
}

impl OfficialFields {
    pub(super) fn of_form(fields: &FormFields) -> Self {
        Self(FIELDS.map(|name| text::line(fields.get(name), usize::MAX)))
    }

    /// The value of a field.
    pub(in crate::commune) fn get(&self, name: &str) -> &str {
        let at = FIELDS.iter().position(|field| *field == name);
        at.and_then(|at| self.0.get(at)).map_or("", String::as_str)
    }

    /// The fields that are filled in.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let filled = FIELDS.into_iter().zip(self.0.iter().cloned());
        filled.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The content of the fields; the error is the first that cannot be read.
    pub(super) fn checked(&self, lang: Lang, now: WallMs) -> Result<OfficialContent, WrongInput> {
        let wrong = |field: &'static str, key: &str| WrongInput::in_field(field, lang.t(key));
        let at = moment(self.get("source-day"), self.get("source-time")).map_err(|problem| {
            let field = if problem.is_of_time {
                "source-time"
            } else {
                "source-day"
            };
            wrong(field, problem.key)
        })?;
        let is_here = |at: WallMs| is_moment(at) && day_number(at) <= day_number(now);
        if !at.is_none_or(is_here) {
            return Err(wrong("source-day", "commune-source-day-wrong"));
        }
        let level = self.get("risk").parse().ok().and_then(RiskLevel::new);
        if level.is_some() && self.get("source").is_empty() {
            return Err(wrong("source", "notice-risk-source"));
        }
        let risk = level.map(|level| Risk { level, at });
        let source = self.source_line(at.filter(|_| risk.is_none()));
        if source.chars().count() > MAX_LINE_CHARS {
            return Err(wrong("source", "notice-long-line"));
        }
        let until = match self.get("until") {
            "" => now + BULLETIN_LIFETIME_MS,
            typed => {
                let day = typed_day(typed).ok_or_else(|| wrong("until", "notice-wrong-day"))?;
                day_start(day + 1) - 1
            }
        };
        if until <= now || until > now + MAX_SHOWN_MS {
            return Err(wrong("until", "commune-until-wrong"));
        }
        Ok(OfficialContent {
            risk,
            source,
            until,
        })
    }

    /// The source as villages show it; the day of the paper stands in it when no level carries it.
    fn source_line(&self, day: Option<WallMs>) -> String {
        // Villages read it: it is Vietnamese on an English page too.
        let words = |key: &str, name: &str, value: &str| Lang::Vi.f(key, &[(name, value)]);
        let named = |typed: &str| (!typed.is_empty()).then(|| typed.to_owned());
        let paper = named(self.get("paper"));
        let parts = [
            named(self.get("source")),
            paper.map(|number| words("commune-paper-number", "number", &number)),
            day.map(|day| words("commune-paper-day", "day", &dates::date(day))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }
}

/// A bulletin's sign of risk as the console shows it: the class, its words and its source. None =
/// it has neither level nor source.
pub(super) struct OfficialSign {
    pub(super) class: String,
    pub(super) words: String,
    pub(super) source: String,
}

impl OfficialSign {
    pub(super) fn of(lang: Lang, bulletin: &Bulletin) -> Option<Self> {
        let at = bulletin.risk.and_then(|risk| risk.at);
        let source = source_words(lang, &bulletin.source, at);
        let Some(risk) = bulletin.risk else {
            return (!source.is_empty()).then(|| Self {
                class: "info".to_owned(),
                words: String::new(),
                source,
            });
        };
        let sign = risk_sign(lang, risk, &bulletin.source);
        Some(Self {
            class: format!("risk risk-{}", sign.level),
            words: sign.words,
            source: sign.source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::{NoticeDetails, NoticeKind};

    /// 30/11/2026 at 10:00 in the village.
    const NOW: WallMs = WallMs::new(1_796_007_600_000);
    const DAY_MS: i64 = 86_400_000;

    fn checked(fields: &[(&str, &str)]) -> Result<OfficialContent, &'static str> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let fields = FormFields::from_pairs(fields.iter().map(owned).collect());
        let typed = OfficialFields::of_form(&fields);
        typed.checked(Lang::En, NOW).map_err(|wrong| wrong.field)
    }

    #[test]
    fn a_level_stands_with_its_source_its_paper_and_the_moment_of_the_source() {
        let storm = checked(&[
            ("risk", "3"),
            ("source", "Đài khí tượng tỉnh"),
            ("paper", "12/CĐ-BCH"),
            ("source-day", "30/11/2026"),
            ("source-time", "2 giờ"),
            ("until", "2026-12-02"),
        ])
        .expect("good");
        let risk = storm.risk.expect("a level");
        assert_eq!(risk.level.number(), 3);
        assert_eq!(risk.at, Some(NOW - 8 * 3_600_000));
        assert_eq!(storm.source, "Đài khí tượng tỉnh, văn bản số 12/CĐ-BCH");
        assert_eq!(storm.until, NOW + 2 * DAY_MS + 14 * 3_600_000 - 1);
    }

    #[test]
    fn without_a_level_the_day_of_the_paper_stands_in_the_source_and_a_week_is_usual() {
        let plain = checked(&[]).expect("good");
        let usual = NOW + 7 * DAY_MS;
        assert_eq!((plain.risk, plain.until), (None, usual));
        assert_eq!(plain.source, "");
        let paper = checked(&[("paper", "7/TB-UBND"), ("source-day", "2026-11-28")]);
        assert_eq!(
            paper.expect("good").source,
            "văn bản số 7/TB-UBND, ngày 28/11/2026"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_its_field() {
        let long = "x".repeat(121);
        let source = ("source", "Đài khí tượng tỉnh");
        for (fields, field) in [
            (vec![("risk", "4")], "source"),
            (vec![("source", &*long)], "source"),
            (vec![("source-time", "19:30")], "source-day"),
            (
                vec![("source-day", "1/1/2026"), ("source-time", "tối")],
                "source-time",
            ),
            (vec![("source-day", "1/12/2026")], "source-day"),
            (
                vec![("risk", "2"), source, ("source-day", "31/12/9999")],
                "source-day",
            ),
            (vec![("source-day", "1/1/1970")], "source-day"),
            (vec![("until", "mai")], "until"),
            (vec![("until", "29/11/2026")], "until"),
            (vec![("until", "1/3/2027")], "until"),
        ] {
            assert_eq!(checked(&fields), Err(field), "{fields:?}");
        }
        // A paper of this evening may be written about in the morning.
        let evening = checked(&[("source-day", "30/11/2026"), ("source-time", "20 giờ")]);
        assert!(evening.is_ok());
        // A level that there is not is none.
        assert_eq!(checked(&[("risk", "6")]).expect("good").risk, None);
    }

    #[test]
    fn whatever_the_form_takes_every_village_takes() {
        let days = [
            "1/1/1970",
            "2/1/1970",
            "30/11/2026",
            "1/12/2026",
            "31/12/9999",
        ];
        let ends = ["", "30/11/2026", "28/1/2027", "30/1/2027", "31/12/9999"];
        let mut taken = 0;
        for (day, until) in days.iter().flat_map(|day| ends.map(|until| (*day, until))) {
            let fields = [
                ("risk", "2"),
                ("source", "Đài khí tượng tỉnh"),
                ("source-day", day),
                ("until", until),
            ];
            if let Ok(content) = checked(&fields) {
                let mut details = NoticeDetails::of(NoticeKind::Warning);
                details.risk = content.risk;
                let details = details.until(Some(content.until));
                assert_eq!(details.validate(), Ok(()), "{fields:?}");
                taken += 1;
            }
        }
        assert_eq!(taken, 2 * 3);
    }
}
