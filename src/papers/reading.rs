//! Has a paper read by a process of its own, and stores what that tells.
//!
//! Invariants: a frame is judged before its body is taken, and a page is taken once; pictures are
//! JPEG heads of a bounded size, whatever the process says. A process that is silent for too long
//! is ended, and what it told stays, with the sentence that it is not all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor};
use std::time::Duration;

use image::{ImageFormat, ImageReader};

use super::letters;
use crate::domain::notice::{Attachment, AttachmentKind};
use crate::domain::text;
use crate::protocol::paper::{
    FRAME_HEAD_BYTES, MAX_PAGES, MAX_PICTURES, MAX_SCANS, MAX_TEXT_CHARS, PaperFrame, PaperProblem,
};
use crate::store::attachments::Attachments;
use crate::store::paper_pages::{PagePicture, PageText, PaperPages, PaperRecord};
use crate::supervisor::helper::{self, HelperError, TellingHelper};
use crate::supervisor::recogniser;

/// Longest silence of the process: it works with a bound of the processor's time, and on a busy
/// machine that takes longer.
const SILENCE: Duration = Duration::from_secs(240);
/// Most frames: a head, pages with text, pictures, scans, a problem, the end.
const MAX_FRAMES: u32 = MAX_PAGES + MAX_PICTURES + MAX_SCANS + 3;
/// Longest side of a picture, pixels.
const MAX_PICTURE_SIDE: u32 = 4_096;

/// Reads papers.
#[derive(Debug, Clone)]
pub struct PaperReader {
    /// Our own program.
    pub program: String,
    /// The papers.
    pub attachments: Attachments,
    /// The cache of text and pictures.
    pub pages: PaperPages,
}

/// A paper as far as it has come.
#[derive(Default)]
struct Coming {
    pages: u32,
    texts: BTreeMap<u32, PageText>,
    chars: usize,
    pictures: Vec<PagePicture>,
    problem: Option<PaperProblem>,
    lacks_recogniser: bool,
}

impl Coming {
    fn text(&mut self, page: u32, words: &str, is_recognised: bool) {
        let left = MAX_TEXT_CHARS.saturating_sub(self.chars);
        let text = text::body(words, left);
        self.chars += text.chars().count();
        if !text.is_empty() {
            let text = PageText {
                page,
                text,
                is_recognised,
            };
            self.texts.entry(page).or_insert(text);
        }
    }
}

impl PaperReader {
    /// Reads a paper and stores what is read of it.
    ///
    /// # Errors
    /// When the paper is not there, or nothing can be stored.
    pub async fn read(&self, paper: &Attachment) -> io::Result<PaperRecord> {
        let role = match paper.kind {
            AttachmentKind::Pdf => "paper-pdf",
            AttachmentKind::Docx => "paper-docx",
            AttachmentKind::Xlsx => "paper-xlsx",
            AttachmentKind::Picture => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let file = File::open(self.attachments.path(paper))?;
        let mut process =
            helper::start(&self.program, &["worker", role], file).map_err(io::Error::other)?;
        let mut coming = Coming::default();
        let told = self.listen(paper, &mut process, &mut coming).await;
        process.end().await;
        match told {
            Ok(()) => {}
            Err(ListenError::Helper(cause)) => {
                tracing::info!(paper = %paper.sha256, %cause, "paper reader ended early");
                coming.problem = coming.problem.or(Some(PaperProblem::Ended));
            }
            Err(ListenError::Storage(cause)) => return Err(cause),
        }
        let record = PaperRecord {
            pages: coming.pages,
            texts: coming.texts.into_values().collect(),
            pictures: coming.pictures,
            problem: coming.problem,
            lacks_recogniser: coming.lacks_recogniser,
        };
        let (pages, paper, stored) = (self.pages.clone(), paper.clone(), record.clone());
        tokio::task::spawn_blocking(move || pages.put_record(&paper, &stored))
            .await
            .map_err(io::Error::other)??;
        Ok(record)
    }

    async fn listen(
        &self,
        paper: &Attachment,
        process: &mut TellingHelper,
        coming: &mut Coming,
    ) -> Result<(), ListenError> {
        let has_room = self.pages.has_room().map_err(ListenError::Storage)?;
        for _ in 0..MAX_FRAMES {
            match next_frame(process).await? {
                PaperFrame::Head { pages } => coming.pages = pages,
                PaperFrame::Text { page, text } => coming.text(page, &text, false),
                PaperFrame::Picture { page, jpeg } if has_room && is_next(coming, page) => {
                    if let Some((width, height)) = size_of(&jpeg) {
                        let (pages, paper) = (self.pages.clone(), paper.clone());
                        let put = move || pages.put_picture(&paper, page, &jpeg);
                        let put = tokio::task::spawn_blocking(put).await;
                        put.map_err(io::Error::other)
                            .flatten()
                            .map_err(ListenError::Storage)?;
                        coming.pictures.push(PagePicture {
                            page,
                            width,
                            height,
                        });
                    }
                }
                PaperFrame::Picture { .. } => {}
                PaperFrame::Scan { page, png } => self.recognise(page, &png, coming).await,
                PaperFrame::Problem(problem) => coming.problem = Some(problem),
                PaperFrame::End => return Ok(()),
            }
        }
        coming.problem = Some(PaperProblem::TooLarge);
        Ok(())
    }

    async fn recognise(&self, page: u32, png: &[u8], coming: &mut Coming) {
        if recogniser::letters().is_none() {
            coming.lacks_recogniser = true;
            return;
        }
        match letters::recognise(&self.program, png).await {
            Ok(text) => coming.text(page, &text, true),
            Err(cause) => tracing::info!(page, %cause, "letters of a page not read"),
        }
    }
}

/// Why there is no next frame.
enum ListenError {
    Helper(HelperError),
    Storage(io::Error),
}

async fn next_frame(process: &mut TellingHelper) -> Result<PaperFrame, ListenError> {
    let none = || {
        ListenError::Helper(HelperError::Pipe {
            program: "the reader of papers".to_owned(),
            cause: io::ErrorKind::InvalidData.into(),
        })
    };
    let mut head = [0; FRAME_HEAD_BYTES];
    let read = process.read(&mut head, SILENCE).await;
    read.map_err(ListenError::Helper)?;
    let mut body = vec![0; PaperFrame::body_length(&head).ok_or_else(none)?];
    let read = process.read(&mut body, SILENCE).await;
    read.map_err(ListenError::Helper)?;
    PaperFrame::decode(&head, body).ok_or_else(none)
}

fn is_next(coming: &Coming, page: u32) -> bool {
    page <= MAX_PICTURES && coming.pictures.last().is_none_or(|last| last.page < page)
}

/// Width and height of a JPEG, from its head; none = it is none, or too large.
fn size_of(jpeg: &[u8]) -> Option<(u32, u32)> {
    let reader = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
    let (width, height) = reader.into_dimensions().ok()?;
    (width.max(height) <= MAX_PICTURE_SIDE).then_some((width, height))
}
