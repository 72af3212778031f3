//! Cameras, as people know them: a name, whether the stream is there, and who viewed it.
//!
//! History records every view; the last few are also here, so that a page need not search for them.
//! Deliberately absent: addresses and passwords. They are configuration (a secret file), never
//! history.

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::id::CameraId;

/// How many of its last views a camera remembers.
pub const MAX_VIEWS: usize = 10;

/// One view of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraView {
    /// The actor that viewed it.
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
    /// Whether its stream is there, and since when.
    #[serde(default)]
    pub signal: super::device::Availability,
    /// The last views, newest last; at most [`MAX_VIEWS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<CameraView>,
}
