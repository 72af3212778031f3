//! Cameras, as people know them: a place that can be looked at.
//!
//! Whoever looked stands in the history; the last few stand here too, so that a page need not
//! search. Deliberately absent: addresses and passwords. They are configuration (a secret file),
//! never history.

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::id::CameraId;

/// How many of the last looks a camera remembers.
pub const MAX_VIEWS: usize = 10;

/// Somebody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraView {
    /// Who.
    pub who: Actor,
    /// When, wall ms.
    pub at: i64,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// “Ngã ba Cây Đa”.
    pub name: String,
    /// Whether pictures come, and since when.
    #[serde(default)]
    pub signal: super::device::Availability,
    /// The last looks, newest last; at most [`LOOKS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<CameraView>,
}
