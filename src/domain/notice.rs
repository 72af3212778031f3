//! Notices: what the village reads.
//!
//! A notice is a draft first, or published at once; a draft may be scheduled, and the gateway
//! publishes it when its time comes. A published notice may be corrected (the versions before are
//! kept), is taken down by a person, or expires.
//!
//! Invariants: each step is an event, with its actor and its moment in the entry; nothing that a
//! person typed is in it (`words`). Deliberately absent: who may take a step (`rules`), what
//! readers see.

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
use super::validation::{MAX_WALL_MS, check_blob, check_number};
use crate::time::WallMs;

mod code;
mod details;
pub mod rules;
mod words;

pub use self::code::NoticeCode;
pub use self::details::{
    Attachment, AttachmentKind, MAX_ATTACHMENT_BYTES, MAX_ATTACHMENTS, MAX_PICTURE_SIDE,
    NoticeDetails, NoticeKind, NoticeLanguage, Occasion, Risk, RiskLevel, is_moment,
};
pub use self::words::{
    MAX_BODY_CHARS, MAX_LINE_CHARS, MAX_TITLE_CHARS, NoticeWords, normalize, text_problem,
};

/// A notice that is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id; also a path on the web, for ever (`public_name` is the one that is given out).
    pub id: NoticeId,
    /// Its words, see [`NoticeWords`].
    pub text: BlobRef,
    /// Its details beside its text.
    #[serde(flatten)]
    pub details: NoticeDetails,
    /// When it was published.
    pub at: WallMs,
    /// The seq of the entry that published it.
    pub order: u64,
    /// The seq of the entry that published it first, when it was published anew after it had ended:
    /// its code stays the one on paper. None = `order`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_order: Option<u64>,
    /// True when the commune sent it.
    #[serde(default)]
    pub from_commune: bool,
    /// The versions before each correction, the oldest first; no more than
    /// [`rules::VERSIONS_KEPT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<NoticeVersion>,
}

impl Notice {
    /// When it was corrected last; none = it is as it was published.
    #[must_use]
    pub fn corrected_at(&self) -> Option<WallMs> {
        self.versions.last().map(|version| version.replaced_at)
    }

    /// Its texts: the one of now, and those before corrections.
    pub fn texts(&self) -> impl Iterator<Item = &BlobRef> {
        let before = self.versions.iter().map(|version| &version.text);
        std::iter::once(&self.text).chain(before)
    }

    /// Its files with the text that they belong to, and those of its versions with theirs.
    pub fn files_of_texts(&self) -> impl Iterator<Item = (&BlobRef, &Vec<Attachment>)> {
        let before = self.versions.iter();
        let before = before.map(|v| (&v.text, &v.details.attachments));
        std::iter::once((&self.text, &self.details.attachments)).chain(before)
    }
}

/// A notice as it was before it was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeVersion {
    /// Its words then.
    pub text: BlobRef,
    /// Its details then.
    #[serde(flatten)]
    pub details: NoticeDetails,
    /// When the correction took its place.
    pub replaced_at: WallMs,
    /// The actor who corrected it.
    pub by: Actor,
}

/// A notice that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDraft {
    /// The id that the notice will have.
    pub id: NoticeId,
    /// Its words.
    pub text: BlobRef,
    /// Its details beside its text.
    #[serde(flatten)]
    pub details: NoticeDetails,
    /// When it was saved.
    pub at: WallMs,
    /// The seq of the entry that saved it.
    pub order: u64,
    /// The actor who saved it.
    pub by: Actor,
    /// The moment at which the gateway publishes it; none = a person will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<WallMs>,
}

/// A notice that is not up any more, as it was: the archive shows it. One whose time is over may
/// still be read by everybody, until it is taken down. One that was taken down before its time was
/// over may be put up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedNotice {
    /// The notice.
    pub notice: Notice,
    /// When it was taken down, or when the gateway noticed that its time is over.
    pub at: WallMs,
    /// The seq of the entry that ended it.
    pub order: u64,
    /// The actor who ended it.
    pub by: Actor,
    /// Its time was over; otherwise it was taken down.
    #[serde(default)]
    pub is_expired: bool,
}

/// A request about notices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Publishes a notice; a draft of this id is a draft no more.
    #[serde(rename = "PublishNotice")]
    Publish {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// Takes a notice down, also one whose time is over.
    #[serde(rename = "TakeDownNotice")]
    TakeDown { id: NoticeId },
    /// Puts a notice up again that was taken down, as it was.
    #[serde(rename = "RestoreNotice")]
    Restore { id: NoticeId },
    /// Saves a draft, which a person will publish.
    #[serde(rename = "SaveNoticeDraft")]
    SaveDraft {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// Saves a draft that the gateway publishes at a moment.
    #[serde(rename = "ScheduleNotice")]
    Schedule {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
        publish_at: WallMs,
    },
    /// Throws a draft away.
    #[serde(rename = "RemoveNoticeDraft")]
    RemoveDraft { id: NoticeId },
    /// Corrects a notice that is published.
    #[serde(rename = "CorrectNotice")]
    Correct {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// Publishes a draft whose moment has come.
    #[serde(rename = "PublishDueNotice")]
    PublishDue { id: NoticeId },
    /// Ends a notice whose time is over.
    #[serde(rename = "ExpireNotice")]
    Expire { id: NoticeId },
}

/// Something that happened to a notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A notice was published.
    Published {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// A notice was taken down: from then on nobody reads it.
    TakenDown { id: NoticeId },
    /// A notice that had been taken down was put up again, as it was.
    Restored { id: NoticeId },
    /// A draft was saved; nothing publishes it by itself.
    DraftSaved {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// A draft was saved that is to be published at a moment.
    Scheduled {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
        publish_at: WallMs,
    },
    /// A draft was thrown away.
    DraftRemoved { id: NoticeId },
    /// A published notice was corrected.
    Corrected {
        id: NoticeId,
        text: BlobRef,
        #[serde(flatten)]
        details: NoticeDetails,
    },
    /// The time of a notice was over.
    Expired { id: NoticeId },
}

impl Command {
    /// The blob that this command names, if any.
    #[must_use]
    pub const fn blob(&self) -> Option<&BlobRef> {
        match self.content() {
            Some((text, _)) => Some(text),
            None => None,
        }
    }

    /// The text and the details that it gives a notice, published or not; none = it gives none.
    #[must_use]
    pub const fn content(&self) -> Option<(&BlobRef, &NoticeDetails)> {
        match self {
            Self::Publish { text, details, .. }
            | Self::SaveDraft { text, details, .. }
            | Self::Schedule { text, details, .. }
            | Self::Correct { text, details, .. } => Some((text, details)),
            Self::TakeDown { .. }
            | Self::Restore { .. }
            | Self::RemoveDraft { .. }
            | Self::PublishDue { .. }
            | Self::Expire { .. } => None,
        }
    }
}

impl Event {
    /// How this event is filed. A notice that is not published yet does not leave the gateway.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        let filed = EventProperties::in_lane;
        match self {
            Self::Published { id, text, .. } | Self::Corrected { id, text, .. } => {
                filed(Lane::Log).about(id.as_str()).with_blob(text)
            }
            Self::DraftSaved { id, text, .. } | Self::Scheduled { id, text, .. } => {
                filed(Lane::Local).about(id.as_str()).with_blob(text)
            }
            Self::TakenDown { id } | Self::Restored { id } | Self::Expired { id } => {
                filed(Lane::Log).about(id.as_str())
            }
            Self::DraftRemoved { id } => filed(Lane::Local).about(id.as_str()),
        }
    }

    /// The text that it gives a notice, published or not; none = it gives none.
    #[must_use]
    pub const fn text(&self) -> Option<&BlobRef> {
        match self {
            Self::Published { text, .. }
            | Self::DraftSaved { text, .. }
            | Self::Scheduled { text, .. }
            | Self::Corrected { text, .. } => Some(text),
            Self::TakenDown { .. }
            | Self::Restored { .. }
            | Self::DraftRemoved { .. }
            | Self::Expired { .. } => None,
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Publish { text, details, .. }
        | Command::SaveDraft { text, details, .. }
        | Command::Correct { text, details, .. } => {
            check_blob(text)?;
            details.validate()
        }
        Command::Schedule {
            text,
            details,
            publish_at,
            ..
        } => {
            check_blob(text)?;
            check_number("moment", (0..MAX_WALL_MS).contains(&publish_at.ms()))?;
            details.validate()
        }
        // These carry an id only.
        Command::TakeDown { .. }
        | Command::Restore { .. }
        | Command::RemoveDraft { .. }
        | Command::PublishDue { .. }
        | Command::Expire { .. } => Ok(()),
    }
}
