//! The details of a notice beside its text: its kind, whether it is urgent, its days, the risk
//! that it warns of, its pictures and attachments.
//!
//! Invariants: nothing in it was typed by a person (the text, a place, a source and the names of
//! files are in the blob, see `words`). The details of older programs decode for ever: they had
//! four kinds, of which `urgent` is a warning that is urgent today. A field that is not set is not
//! stored. Deliberately absent: the content of the files.

#![allow(
    missing_docs,
    reason = "fields of plain values are named by what they are"
)]

use serde::{Deserialize, Serialize};

use crate::domain::calendar::{day_number, day_start};
use crate::domain::rejection::Rejection;
use crate::domain::validation::{MAX_WALL_MS, check_hash, check_number};
use crate::time::WallMs;

/// Most files of one notice.
pub const MAX_ATTACHMENTS: usize = 8;
/// Largest file of a notice, bytes.
pub const MAX_ATTACHMENT_BYTES: u64 = 20 * 1024 * 1024;
/// Longest side of a stored picture, pixels.
pub const MAX_PICTURE_SIDE: u32 = 1_600;

/// Kind of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Thông báo.
    Notice,
    /// Văn bản.
    Document,
    /// Quy định.
    Regulation,
    /// Sự kiện.
    Event,
    /// Cảnh báo.
    Warning,
    /// Tin buồn.
    Obituary,
    /// Mời họp.
    Meeting,
}

impl NoticeKind {
    /// All kinds, in the order in which people choose among them.
    pub const ALL: [Self; 7] = [
        Self::Notice,
        Self::Meeting,
        Self::Event,
        Self::Warning,
        Self::Document,
        Self::Regulation,
        Self::Obituary,
    ];

    /// Its name, as it is stored and in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Document => "document",
            Self::Regulation => "regulation",
            Self::Event => "event",
            Self::Warning => "warning",
            Self::Obituary => "obituary",
            Self::Meeting => "meeting",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A level of disaster risk by QĐ 18/2021/QĐ-TTg, article 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct RiskLevel(u8);

impl RiskLevel {
    /// All levels, the lowest first: pale blue, pale yellow, orange, red, purple.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// The level of a number; none = there is none.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=5).contains(&number).then_some(Self(number))
    }

    /// Its number, 1–5.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for RiskLevel {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("a risk level is a number from 1 to 5")
    }
}

impl From<RiskLevel> for u8 {
    fn from(level: RiskLevel) -> Self {
        level.0
    }
}

/// The risk that a notice warns of. Only authorities warn: the source stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    pub level: RiskLevel,
    /// The moment that the source itself gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<WallMs>,
}

/// When an event or a meeting takes place; the place stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    pub at: WallMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<WallMs>,
}

impl Occasion {
    /// It is over; without an end it lasts until the end of its day.
    #[must_use]
    pub fn is_past(self, now: WallMs) -> bool {
        let ends = self.ends;
        ends.map_or_else(
            || day_start(day_number(self.at) + 1) <= now,
            |ends| ends < now,
        )
    }
}

/// The language that a notice is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLanguage {
    #[default]
    Vietnamese,
    English,
    Muong,
    Thai,
    Hmong,
    Khmer,
}

impl NoticeLanguage {
    /// All languages.
    pub const ALL: [Self; 6] = [
        Self::Vietnamese,
        Self::English,
        Self::Muong,
        Self::Thai,
        Self::Hmong,
        Self::Khmer,
    ];

    /// Its tag by BCP 47, for the attribute `lang` and in addresses.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
            Self::Muong => "mtq",
            Self::Thai => "blt",
            Self::Hmong => "hmn",
            Self::Khmer => "km",
        }
    }

    /// The language of this tag.
    #[must_use]
    pub fn tagged(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }
}

/// The kind of a file of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A picture as the gateway wrote it anew: a JPEG without metadata.
    Picture,
    Pdf,
    Docx,
    Xlsx,
}

/// A file of a notice. Its name stands in the text, at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 of its content, lower-case hexadecimal; also its address.
    pub sha256: String,
    pub kind: AttachmentKind,
    pub bytes: u64,
    /// Width and height of a picture, pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
}

/// A kind as it is stored. Programs up to journal version 6 had `urgent` among the kinds; that name
/// is only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredKind {
    Urgent,
    #[serde(untagged)]
    Known(NoticeKind),
}

/// The details as they are stored, by any version.
#[derive(Deserialize)]
struct StoredDetails {
    kind: StoredKind,
    #[serde(default)]
    urgent: bool,
    #[serde(default)]
    language: NoticeLanguage,
    #[serde(default)]
    from: Option<WallMs>,
    #[serde(default)]
    until: Option<WallMs>,
    #[serde(default)]
    risk: Option<Risk>,
    #[serde(default)]
    occasion: Option<Occasion>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

impl From<StoredDetails> for NoticeDetails {
    fn from(stored: StoredDetails) -> Self {
        let (kind, was_urgent) = match stored.kind {
            StoredKind::Urgent => (NoticeKind::Warning, true),
            StoredKind::Known(kind) => (kind, false),
        };
        Self {
            kind,
            urgent: stored.urgent || was_urgent,
            language: stored.language,
            from: stored.from,
            until: stored.until,
            risk: stored.risk,
            occasion: stored.occasion,
            attachments: stored.attachments,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
const fn is_false(yes: &bool) -> bool {
    !*yes
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
const fn is_usual(language: &NoticeLanguage) -> bool {
    matches!(language, NoticeLanguage::Vietnamese)
}

/// The details of a notice beside its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredDetails")]
pub struct NoticeDetails {
    pub kind: NoticeKind,
    /// It stands first on every page.
    #[serde(skip_serializing_if = "is_false")]
    pub urgent: bool,
    #[serde(skip_serializing_if = "is_usual")]
    pub language: NoticeLanguage,
    /// The moment from which what it says is in force; it is shown before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<WallMs>,
    /// The last moment at which it is shown; none = until it is taken down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<WallMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// Whether a notice may bear this moment: of its end, its occasion, its source. The commune's form
/// asks for it too, because a village refuses a bulletin that bears another.
#[must_use]
pub fn is_moment(at: WallMs) -> bool {
    (0..MAX_WALL_MS).contains(&at.ms())
}

impl NoticeDetails {
    /// A notice of this kind, with nothing else to say of it.
    #[must_use]
    pub const fn of(kind: NoticeKind) -> Self {
        Self {
            kind,
            urgent: false,
            language: NoticeLanguage::Vietnamese,
            from: None,
            until: None,
            risk: None,
            occasion: None,
            attachments: Vec::new(),
        }
    }

    /// The same, shown until this moment.
    #[must_use]
    pub fn until(self, until: Option<WallMs>) -> Self {
        Self { until, ..self }
    }

    /// The same, first on every page.
    #[must_use]
    pub fn urgent(self) -> Self {
        Self {
            urgent: true,
            ..self
        }
    }

    /// Its time is over.
    #[must_use]
    pub fn is_over(&self, now: WallMs) -> bool {
        self.until.is_some_and(|until| until < now)
    }

    /// Its occasion has been.
    #[must_use]
    pub fn is_past(&self, now: WallMs) -> bool {
        self.occasion.is_some_and(|occasion| occasion.is_past(now))
    }

    /// The moment that lies ahead: of its occasion, or from which it is in force.
    #[must_use]
    pub fn ahead(&self, now: WallMs) -> Option<WallMs> {
        match self.occasion {
            Some(occasion) => (!occasion.is_past(now)).then_some(occasion.at),
            None => self.from.filter(|from| *from > now),
        }
    }

    /// Checks that every part is within its bounds.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the first part that is not.
    pub fn validate(&self) -> Result<(), Rejection> {
        let is_moment = |at: Option<WallMs>| at.is_none_or(is_moment);
        check_number("until", is_moment(self.until))?;
        let occasion = self.occasion;
        let others = [
            self.from,
            self.risk.and_then(|risk| risk.at),
            occasion.map(|o| o.at),
            occasion.and_then(|o| o.ends),
        ];
        check_number("moment", others.into_iter().all(is_moment))?;
        check_number(
            "moment",
            occasion.is_none_or(|o| o.ends.is_none_or(|ends| ends >= o.at)),
        )?;
        check_number("attachments", self.attachments.len() <= MAX_ATTACHMENTS)?;
        for file in &self.attachments {
            check_hash("attachments", &file.sha256)?;
            check_number("attachments", file.bytes <= MAX_ATTACHMENT_BYTES)?;
            let is_size = |(width, height): (u32, u32)| {
                let side = 1..=MAX_PICTURE_SIDE;
                side.contains(&width) && side.contains(&height)
            };
            check_number("attachments", file.size.is_none_or(is_size))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urgent_kind_of_older_programs_is_a_warning_that_is_urgent() {
        let read = |json: &str| serde_json::from_str::<NoticeDetails>(json);
        let old = read(r#"{"kind":"urgent","until":5}"#).expect("decodes");
        let until = Some(WallMs::new(5));
        assert_eq!(
            old,
            NoticeDetails::of(NoticeKind::Warning).urgent().until(until)
        );
        let today = serde_json::to_string(&old).expect("json");
        assert_eq!(today, r#"{"kind":"warning","urgent":true,"until":5}"#);
        assert_eq!(read(&today).expect("decodes"), old);
        for kind in NoticeKind::ALL {
            let plain = read(&format!(r#"{{"kind":"{}"}}"#, kind.name())).expect("decodes");
            assert_eq!(plain, NoticeDetails::of(kind));
            assert_eq!(NoticeKind::named(kind.name()), Some(kind));
        }
        assert!(read(r#"{"kind":"khẩn"}"#).is_err() && read("{}").is_err());
    }

    #[test]
    fn a_risk_level_is_one_of_five_and_a_language_is_known_by_its_tag() {
        let read = |json: &str| serde_json::from_str::<Risk>(json);
        for level in RiskLevel::ALL {
            let json = format!(r#"{{"level":{}}}"#, level.number());
            assert_eq!(read(&json).expect("decodes").level, level);
        }
        assert!(read(r#"{"level":0}"#).is_err() && read(r#"{"level":6}"#).is_err());
        for language in NoticeLanguage::ALL {
            assert_eq!(NoticeLanguage::tagged(language.tag()), Some(language));
        }
        assert_eq!(NoticeLanguage::tagged("ar"), None);
    }

    #[test]
    fn what_a_notice_invites_to_is_past_with_its_end_or_its_day() {
        let hour = 3_600_000;
        let at = day_start(20_000) + 19 * hour;
        let mut details = NoticeDetails::of(NoticeKind::Meeting);
        assert!(!details.is_past(at) && details.ahead(at).is_none());
        details.from = Some(at);
        assert_eq!(details.ahead(at + -1), Some(at));
        assert_eq!(details.ahead(at), None, "it is in force");
        details.occasion = Some(Occasion { at, ends: None });
        assert_eq!(details.ahead(at + 4 * hour), Some(at), "the same evening");
        assert!(!details.is_past(at + (5 * hour - 1)));
        assert!(details.is_past(at + 5 * hour), "midnight");
        assert_eq!(details.ahead(at + 5 * hour), None);
        let ends = Some(at + hour);
        details.occasion = Some(Occasion { at, ends });
        assert!(!details.is_past(at + hour) && details.is_past(at + (hour + 1)));
    }

    #[test]
    fn what_is_beyond_its_bounds_is_refused_by_its_part() {
        let part = |change: fn(&mut NoticeDetails)| {
            let mut details = NoticeDetails::of(NoticeKind::Meeting);
            change(&mut details);
            match details.validate() {
                Err(Rejection::Invalid { what, .. }) => what,
                other => format!("{other:?}"),
            }
        };
        let file = || Attachment {
            sha256: "0a".repeat(32),
            kind: AttachmentKind::Picture,
            bytes: 5,
            size: Some((800, 600)),
        };
        assert_eq!(part(|d| d.until = Some(WallMs::MAX)), "until");
        assert_eq!(part(|d| d.from = Some(WallMs::MIN)), "moment");
        let backwards = |d: &mut NoticeDetails| {
            d.occasion = Some(Occasion {
                at: WallMs::new(5),
                ends: Some(WallMs::new(4)),
            });
        };
        assert_eq!(part(backwards), "moment");
        let mut details = NoticeDetails::of(NoticeKind::Event);
        details.attachments = vec![file(); MAX_ATTACHMENTS];
        assert!(details.validate().is_ok());
        for wrong in [
            Attachment {
                sha256: "../x".into(),
                ..file()
            },
            Attachment {
                bytes: MAX_ATTACHMENT_BYTES + 1,
                ..file()
            },
            Attachment {
                size: Some((0, 5)),
                ..file()
            },
        ] {
            details.attachments = vec![wrong];
            assert!(details.validate().is_err(), "{details:?}");
        }
        details.attachments = vec![file(); MAX_ATTACHMENTS + 1];
        assert!(details.validate().is_err());
    }
}
