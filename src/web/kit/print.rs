//! Sheets to print: PDF with codes, letters and an embedded font.
//!
//! Invariants: every code stands beside its address in letters; the same input gives the same
//! bytes; nothing about a household is on paper but number and direction. Texts are written in NFC,
//! for which the font has a letter with its marks. Deliberately absent: colours. Village printers
//! have black.

mod canvas;
mod font;
mod houses;
mod sheets;

pub use houses::{HouseSign, house_plates, sticker_sheets};
pub use sheets::{
    AlleySheet, HallSheet, NoticeSheet, SheetCode, alley_sheets, notice_sheet, wall_sheet,
};

/// Why a sheet could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrintFailed {
    /// There would be more plates than [`MAX_PLATES`].
    #[error("more plates than a file may have")]
    TooManyPlates,
    /// A text is too long for a code, there is nothing to print, or the library refused.
    #[error("the sheet could not be made")]
    NotMade,
}

/// Most plates of one file.
pub const MAX_PLATES: usize = 400;
