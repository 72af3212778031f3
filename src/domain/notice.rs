//! Notices: what the village reads.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::blob::BlobRef;
use super::id::NoticeId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::text;
use super::validation::{MAX_WALL_MS, check_blob, check_number};
use crate::time::WallMs;

pub mod rules;

/// Most characters of a title.
pub const MAX_TITLE_CHARS: usize = 150;
/// Most characters of a body.
pub const MAX_BODY_CHARS: usize = 8_000;

/// A title and a body as a person typed them, cleaned: no hidden characters, and nothing that
/// changes the direction of writing.
#[must_use]
pub fn normalize(title: &str, body: &str) -> (String, String) {
    (text::line(title, usize::MAX), text::body(body, usize::MAX))
}

/// The first problem of a title and a body as they were typed: the key of the sentence, the number
/// of characters and the most there may be; `None` when there is no problem. Notices and the
/// commune's bulletins have the same bounds.
#[must_use]
pub fn text_problem(title: &str, body: &str) -> Option<(&'static str, usize, usize)> {
    if title.is_empty() || body.is_empty() {
        return Some(("notice-empty", 0, 0));
    }
    let long = [
        ("notice-long-title", title.chars().count(), MAX_TITLE_CHARS),
        ("notice-long-body", body.chars().count(), MAX_BODY_CHARS),
    ];
    long.into_iter().find(|(_, n, most)| n > most)
}

/// A notice that is published. Title and body are one blob: the first line is the title, the rest
/// is the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id; also its path on the web.
    pub id: NoticeId,
    /// Title and body.
    pub text: BlobRef,
    /// Its kind.
    pub kind: NoticeKind,
    /// When it was published.
    pub at: WallMs,
    /// The seq of the entry that published it.
    pub order: u64,
    /// The last moment at which it is shown; `None` = until it is taken down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WallMs>,
    /// True when the commune sent it.
    #[serde(default)]
    pub from_commune: bool,
}

/// A notice that was taken down, as it was: the archive shows it, and it may be put up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenDownNotice {
    /// The notice.
    pub notice: Notice,
    /// When it was taken down.
    pub at: WallMs,
    /// The seq of the entry that took it down.
    pub order: u64,
    /// The actor who took it down.
    pub by: Actor,
}

/// Kind of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Tin khẩn: shown first on every page.
    Urgent,
    /// Thông báo.
    Notice,
    /// Sự kiện.
    Event,
    /// Văn bản.
    Document,
}

/// A request about notices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Publishes a notice.
    #[serde(rename = "PublishNotice")]
    Publish {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        until: Option<WallMs>,
    },
    /// Takes a notice down.
    #[serde(rename = "TakeDownNotice")]
    TakeDown { id: NoticeId },
    /// Puts a notice up again that was taken down, as it was.
    #[serde(rename = "RestoreNotice")]
    Restore { id: NoticeId },
}

/// Something that happened to a notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A notice was published.
    Published {
        id: NoticeId,
        text: BlobRef,
        kind: NoticeKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<WallMs>,
    },
    /// A notice was taken down.
    TakenDown { id: NoticeId },
    /// A notice that had been taken down was put up again, as it was.
    Restored { id: NoticeId },
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Publish { text, .. } => Some(text),
            Self::TakeDown { .. } | Self::Restore { .. } => None,
        }
    }
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let filed = EventProperties::in_lane(Lane::Log);
        match self {
            Self::Published { id, text, .. } => filed.about(id.as_str()).with_blob(text),
            Self::TakenDown { id } | Self::Restored { id } => filed.about(id.as_str()),
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Publish { text, until, .. } => {
            check_blob(text)?;
            check_number(
                "until",
                until.is_none_or(|u| (0..MAX_WALL_MS).contains(&u.ms())),
            )
        }
        // An id only.
        Command::TakeDown { .. } | Command::Restore { .. } => Ok(()),
    }
}
