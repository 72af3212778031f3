//! Cameras, as people know them: a name, whether the stream is there, and who viewed it.
//!
//! History records every view; the last few are also here, so that a page need not search for them.
//! Deliberately absent: addresses and passwords. They are configuration (a secret file), never
//! history.

#![allow(
    missing_docs,
    reason = "fields of variants are named by what they are; the variant says the rest"
)]

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::id::CameraId;
use super::lane::{EventProperties, Lane};
use super::rejection::Rejection;
use super::validation::{check_name, check_number};
use crate::time::WallMs;

pub mod rules;

/// Most cameras of one view.
const MAX_CAMERAS_PER_VIEW: usize = 500;

/// How many of its last views a camera remembers.
pub const MAX_VIEWS: usize = 10;

/// One view of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraView {
    /// The actor that viewed it.
    pub who: Actor,
    /// When.
    pub at: WallMs,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// “Ngã ba Cây Đa”.
    pub name: String,
    /// Whether its stream is there, and since when.
    #[serde(default)]
    pub signal: super::device::Availability,
    /// The last views, newest last; at most [`MAX_VIEWS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<CameraView>,
}

/// A request about cameras.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Declares a camera.
    #[serde(rename = "DeclareCamera")]
    Declare { camera: Camera },
    /// A camera is not part of the village any more. Its recordings stay as long as the ring
    /// allows.
    #[serde(rename = "RemoveCamera")]
    Remove { camera: CameraId },
    /// The stream of a camera began or was lost, for longer than a moment.
    #[serde(rename = "ReportCamera")]
    Report { camera: CameraId, here: bool },
    /// The actor views these cameras.
    #[serde(rename = "LookAtPictures")]
    View { cameras: Vec<CameraId> },
}

/// Something that happened to a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Event {
    /// A camera was declared.
    Declared { camera: Camera },
    /// A camera was removed from the village.
    Removed { camera: CameraId },
    /// The stream of a camera began or was lost.
    SignalChanged { camera: CameraId, here: bool },
    /// The actor viewed these cameras; these entries are the access log.
    Viewed { cameras: Vec<CameraId> },
}

impl Event {
    /// How this event is filed.
    #[must_use]
    pub fn properties(&self) -> EventProperties<'_> {
        match self {
            Self::Declared { camera } => {
                EventProperties::in_lane(Lane::State).naming(camera.id.as_str(), &camera.name)
            }
            Self::Removed { camera } | Self::SignalChanged { camera, .. } => {
                EventProperties::in_lane(Lane::State).about(camera.as_str())
            }
            Self::Viewed { cameras } => {
                EventProperties::in_lane(Lane::Log).and_about(cameras.iter().map(CameraId::as_str))
            }
        }
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Declare { camera } => check_name("name", &camera.name),
        Command::View { cameras } => check_number("cameras", cameras.len() <= MAX_CAMERAS_PER_VIEW),
        // These carry ids only.
        Command::Remove { .. } | Command::Report { .. } => Ok(()),
    }
}
