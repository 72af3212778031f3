//! Roads and alleys: where things hang.
//!
//! Deliberately absent: households. House numbers and directions come with their own issue, and
//! names of people never stand here.

use serde::{Deserialize, Serialize};

use super::id::PlaceId;

/// A named place in the village.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// “Ngõ Cầu Tre”.
    pub name: String,
}
