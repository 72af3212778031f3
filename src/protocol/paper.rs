//! Frames that the process that reads a paper tells the gateway over its stdout, one after the
//! other.
//!
//! A frame is its kind (a byte), the number of a page (from 1, a big-endian `u32`), the length of
//! its body (the same) and the body. Invariants: a frame is no longer than [`MAX_FRAME_BYTES`], and
//! a page number no larger than [`MAX_PAGES`]; whoever reads judges both before it takes a byte of
//! the body. Deliberately absent: names of files, and anything that the gateway would carry out.

use serde::{Deserialize, Serialize};

/// Most pages of which the text is read.
pub const MAX_PAGES: u32 = 500;
/// Most pages that get a picture: the first ones.
pub const MAX_PICTURES: u32 = 50;
/// Most pages without text that are drawn for the program that reads letters.
pub const MAX_SCANS: u32 = 20;
/// Most characters of all pages together.
pub const MAX_TEXT_CHARS: usize = 300_000;
/// Longest body of a frame, bytes.
pub const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;
/// Bytes before a body.
pub const FRAME_HEAD_BYTES: usize = 9;

/// Why a paper has no text and no pictures, or not all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperProblem {
    /// A password opens it.
    Encrypted,
    /// Nothing can be read.
    Unreadable,
    /// Unpacked it is larger than is read.
    TooLarge,
    /// Reading it took too long or too much, and was ended.
    Ended,
}

impl PaperProblem {
    const ALL: [Self; 4] = [
        Self::Encrypted,
        Self::Unreadable,
        Self::TooLarge,
        Self::Ended,
    ];
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaperFrame {
    /// How many pages the paper has.
    Head {
        /// The pages.
        pages: u32,
    },
    /// The text of a page, a paragraph a line.
    Text {
        /// The page.
        page: u32,
        /// Its text.
        text: String,
    },
    /// The picture of a page, a JPEG.
    Picture {
        /// The page.
        page: u32,
        /// The JPEG.
        jpeg: Vec<u8>,
    },
    /// A page without text, as the program that reads letters wants it: a PNG in grey.
    Scan {
        /// The page.
        page: u32,
        /// The PNG.
        png: Vec<u8>,
    },
    /// Why not all of it comes.
    Problem(PaperProblem),
    /// All of it has come.
    End,
}

impl PaperFrame {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, page, body): (u8, u32, &[u8]) = match self {
            Self::Head { pages } => (0, *pages, &[]),
            Self::Text { page, text } => (1, *page, text.as_bytes()),
            Self::Picture { page, jpeg } => (2, *page, jpeg),
            Self::Scan { page, png } => (3, *page, png),
            Self::Problem(problem) => {
                let place = PaperProblem::ALL.iter().position(|p| p == problem);
                (4, u32::try_from(place.unwrap_or(0)).unwrap_or(0), &[])
            }
            Self::End => (5, 0, &[]),
        };
        let mut out = vec![kind];
        out.extend(page.to_be_bytes());
        out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(body);
        out
    }

    /// The length of the body that follows this head; none = it is longer than a frame may be.
    #[must_use]
    pub fn body_length(head: &[u8; FRAME_HEAD_BYTES]) -> Option<usize> {
        let [.., a, b, c, d] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        (length <= MAX_FRAME_BYTES).then_some(length)
    }

    /// Reads a frame; none = it is none.
    #[must_use]
    pub fn decode(head: &[u8; FRAME_HEAD_BYTES], body: Vec<u8>) -> Option<Self> {
        let [kind, a, b, c, d, ..] = *head;
        let page = u32::from_be_bytes([a, b, c, d]);
        let is_page = (1..=MAX_PAGES).contains(&page);
        match kind {
            0 => Some(Self::Head { pages: page }),
            1 if is_page => Some(Self::Text {
                page,
                text: String::from_utf8(body).ok()?,
            }),
            2 if is_page => Some(Self::Picture { page, jpeg: body }),
            3 if is_page => Some(Self::Scan { page, png: body }),
            4 => PaperProblem::ALL
                .get(page as usize)
                .copied()
                .map(Self::Problem),
            5 => Some(Self::End),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<PaperFrame> {
        let head: [u8; FRAME_HEAD_BYTES] = bytes.get(..FRAME_HEAD_BYTES)?.try_into().ok()?;
        let length = PaperFrame::body_length(&head)?;
        let body = bytes.get(FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + length)?;
        PaperFrame::decode(&head, body.to_vec())
    }

    #[test]
    fn frames_read_back_as_they_were_written() {
        let text = "Điều 1. Họp thôn".to_owned();
        let frames = [
            PaperFrame::Head { pages: 812 },
            PaperFrame::Text { page: 1, text },
            PaperFrame::Picture {
                page: 2,
                jpeg: vec![0xff, 0xd8],
            },
            PaperFrame::Scan {
                page: 500,
                png: Vec::new(),
            },
            PaperFrame::Problem(PaperProblem::TooLarge),
            PaperFrame::End,
        ];
        for frame in frames {
            assert_eq!(decoded(&frame.encode()), Some(frame));
        }
    }

    proptest::proptest! {
        #[test]
        fn noise_is_no_frame_and_no_panic(bytes in proptest::collection::vec(0..=255_u8, 0..64)) {
            let _ = decoded(&bytes);
        }
    }

    #[test]
    fn a_frame_beyond_its_bounds_is_none() {
        let long = [1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(PaperFrame::body_length(&long), None);
        let page = [2, 0, 0, 0x10, 0, 0, 0, 0, 0];
        assert_eq!(PaperFrame::decode(&page, Vec::new()), None);
        let words = [1, 0, 0, 0, 1, 0, 0, 0, 1];
        assert_eq!(PaperFrame::decode(&words, vec![0xff]), None);
    }
}
