//! Cameras, as people know them: a place that can be looked at.
//!
//! Deliberately absent: addresses and passwords. They are configuration (a secret file), never history.

use serde::{Deserialize, Serialize};

use super::id::CameraId;

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// “Ngã ba Cây Đa”.
    pub name: String,
    /// Whether pictures come, and since when.
    #[serde(default)]
    pub signal: super::device::Presence,
}
