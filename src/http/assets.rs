//! The style sheets that pages have in common.

/// The style sheet of the village's pages and the commune's.
pub const STYLE: &str = include_str!("assets/village.css");

/// The same with what only the visitors' pages have: the other pages stay small without it.
pub const BOARD_STYLE: &str = concat!(
    include_str!("assets/village.css"),
    include_str!("assets/board.css")
);
