//! The style sheet that the pages of the village and of the commune have in common.

/// The style sheet.
pub const STYLE: &str = include_str!("assets/village.css");
