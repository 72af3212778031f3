//! The mistakes of a file with procedures, and their places.

use serde::{Deserialize, Serialize};

use crate::protocol::reason_table::reason_table;

reason_table! {
    /// A mistake.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum FileMistake {
        /// The file is too large.
        TooLarge {
            /// Megabytes that it may have.
            most: usize,
        } = "procedure-file-large", "the file is too large";
        /// A workbook or something else that is no text.
        NoText = "procedure-file-no-text", "the file is no text";
        /// The encoding or the font is not known.
        UnknownFont = "procedure-file-font", "the encoding or font of the text is not known";
        /// There is no row below the headings, or nothing at all.
        Empty = "procedure-file-empty", "the file has no procedure";
        /// A quotation mark is open until the end of the file.
        OpenQuote = "procedure-file-quote", "a quotation mark is not closed";
        /// There are more rows than a list may have.
        TooMany {
            /// The most.
            most: usize,
        } = "procedure-file-many", "too many procedures";
        /// A heading that is not known.
        UnknownColumn = "procedure-file-column", "the heading is not known";
        /// A heading that stands there twice.
        ColumnTwice = "procedure-file-column-twice", "the column is there twice";
        /// A column that every list has is missing.
        NoColumn {
            /// Its heading.
            name: String,
        } = "procedure-file-no-column", "a column is missing";
        /// A cell in a column without a heading.
        NoHeading = "procedure-file-no-heading", "the cell has no heading";
        /// The cell may not be empty.
        Missing = "procedure-file-missing", "the cell is empty";
        /// The cell is no code.
        NoCode {
            /// It.
            text: String,
        } = "procedure-file-code", "no code";
        /// Another row has the same code.
        CodeTwice {
            /// The code.
            code: String,
            /// The line of the other row.
            first: u64,
        } = "procedure-file-code-twice", "the code is there twice";
        /// The text is too long.
        TooLong {
            /// Its characters.
            n: usize,
            /// The most.
            most: usize,
        } = "procedure-file-long", "the text is too long";
        /// There are too many papers.
        TooManyPapers {
            /// The most.
            most: usize,
        } = "procedure-file-papers", "too many papers";
        /// The cell is no address of a page.
        NoLink {
            /// It.
            text: String,
        } = "procedure-file-link", "no address of a page";
        /// The cell is no day.
        NoDay {
            /// It.
            text: String,
        } = "procedure-file-day", "no day";
        /// The last day is before the first.
        EndsBeforeItBegins = "procedure-file-days", "the last day is before the first";
    }
}

/// A mistake, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MistakeAt {
    /// The line, counted from 1; 0 = the whole file.
    pub line: u64,
    /// The column, counted from 1; 0 = the whole line.
    pub column: usize,
    /// The heading of the column, as the file has it.
    pub heading: String,
    /// The mistake.
    pub mistake: FileMistake,
}

impl MistakeAt {
    /// A mistake of the whole file.
    pub(super) const fn whole(mistake: FileMistake) -> Self {
        Self::in_line(0, mistake)
    }

    /// A mistake of a whole line.
    pub(super) const fn in_line(line: u64, mistake: FileMistake) -> Self {
        Self {
            line,
            column: 0,
            heading: String::new(),
            mistake,
        }
    }
}
