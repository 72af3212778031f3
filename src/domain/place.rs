//! Places: the roads and alleys where devices hang.
//!
//! Deliberately absent: households. House numbers and directions are not implemented yet, and names
//! of people are never stored in a place.

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
