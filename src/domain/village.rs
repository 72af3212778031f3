//! The village itself: its name and where it is.

use serde::{Deserialize, Serialize};

use super::id::VillageId;

/// A village as people name it. Coordinates are WGS 84 degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Village {
    /// Its id at the commune.
    pub id: VillageId,
    /// “Thôn Bến Thóc”.
    pub name: String,
    /// “xã Đồng Nếp”.
    pub commune: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}
