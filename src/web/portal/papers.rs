//! A paper of a notice as a page: its text in paragraphs with marks of the pages, and pictures of
//! these. A long paper is read in parts.
//!
//! Invariants: whoever may read the notice may read its papers, and nobody else. Text that a
//! program read from a picture says so on each page. A page is made in turn (`busy`), because the
//! whole record is read for each. The paper itself is always offered: a page is a help to read it,
//! never its place.

use std::ops::Range;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::Portal;
use super::notices::{file_of, paper_title, size_key};
use super::visit::PortalVisit;
use crate::domain::notice::{Attachment, AttachmentKind};
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render};
use crate::i18n::locale::{Arg, Lang};
use crate::protocol::paper::{MAX_PAGES, PaperProblem};
use crate::store::paper_pages::PaperRecord;
use crate::web::kit::notice_files;

/// Most characters of a part: it opens at once on an old phone.
const PART_CHARS: usize = 8_000;
/// Most pages without text, which are shown as pictures, of a part.
const PART_PICTURES: usize = 4;
/// Most characters of a paragraph; a longer one is broken between words.
const PARAGRAPH_CHARS: usize = 2_000;

/// A picture on the page.
struct ShownPicture {
    href: String,
    words: String,
    width: u32,
    height: u32,
}

/// A page of a paper, or a piece of one.
struct PaperPiece {
    /// “Trang 3”; empty = the paper has no pages, or the page began in the part before.
    mark: String,
    is_recognised: bool,
    paragraphs: Vec<String>,
    /// Where its picture is; empty = it has none, or the picture is shown.
    picture_href: String,
    /// “Xem ảnh chụp trang 3”.
    picture_words: String,
    /// The picture, where there is no text.
    picture: Option<ShownPicture>,
}

#[derive(askama::Template)]
#[template(path = "portal_paper.html")]
struct PaperPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    id: String,
    name: String,
    href: String,
    /// Sentences about the whole of it.
    says: Vec<String>,
    /// Where it can be heard; empty = it has no text.
    listen: String,
    pieces: Vec<PaperPiece>,
    /// “Phần 2/7”; empty = it has one part.
    part: String,
    /// The addresses of the part before and of the next; empty = there is none.
    before: String,
    next: String,
}

/// The page.
pub(super) async fn page(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path((id, sha256)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let asked = Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let part = asked.iter().find(|(name, _)| name == "part");
    let part = part.and_then(|(_, n)| n.parse::<usize>().ok()).unwrap_or(1);
    let make = move |portal: &Portal| part_page(portal, visit, id, &sha256, part);
    portal.in_turn(visit, &uri, make).await
}

/// A part of a paper; its whole record is read for it. Blocks.
fn part_page(
    portal: &Portal,
    visit: PortalVisit,
    id: String,
    sha256: &str,
    part: usize,
) -> Response {
    let f = visit.context(portal);
    let Some((paper, _)) = file_of(portal, &id, sha256) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let state = portal.app.journal.state();
    let notice = state.notice_linked(&id);
    let name = notice.and_then(|n| paper_title(&portal.app, f.lang, n, sha256));
    let Some(record) = portal.app.papers.record(&paper) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (q, href) = (visit.query(), format!("/t/{id}/{sha256}"));
    let blocks = blocks(&record);
    let parts = parts(&blocks);
    let number = part.clamp(1, parts.len().max(1));
    let range = parts.get(number - 1).cloned().unwrap_or(0..0);
    let address = |n: usize| {
        let is_there = (1..=parts.len()).contains(&n);
        is_there.then(|| format!("{href}/read{q}&part={n}"))
    };
    let shown = ShownPaper {
        lang: f.lang,
        kind: paper.kind,
        record: &record,
        href: &href,
    };
    render(&PaperPage {
        css: &BOARD_STYLE,
        size: size_key(&f),
        says: shown.says(),
        listen: if record.texts.is_empty() {
            String::new()
        } else {
            format!("{href}/listen.mp3")
        },
        pieces: shown.pieces(&blocks[range]),
        part: if parts.len() > 1 {
            let counts = [("n", number), ("all", parts.len())];
            f.lang.f("paper-part", &counts)
        } else {
            String::new()
        },
        before: address(number - 1).unwrap_or_default(),
        next: address(number + 1).unwrap_or_default(),
        name: name.unwrap_or_else(|| f.t("paper-unnamed")),
        id,
        href,
        q,
        f,
    })
}

/// The picture of a page.
pub(super) async fn picture(
    State(portal): State<Portal>,
    Path((id, sha256, number)): Path<(String, String, u32)>,
) -> Response {
    let paper: Option<Attachment> = file_of(&portal, &id, &sha256).map(|(paper, _)| paper);
    let is_paper = |paper: &Attachment| paper.kind != AttachmentKind::Picture;
    match paper.filter(is_paper) {
        Some(paper) => notice_files::picture(portal.app.papers.picture_path(&paper, number)).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A piece of a paper that stands in one part.
enum PaperBlock<'a> {
    /// A page begins; whether a program read it.
    Mark(u32, bool),
    Paragraph(&'a str),
    /// A page without text.
    Picture(u32),
}

fn blocks(record: &PaperRecord) -> Vec<PaperBlock<'_>> {
    let mut blocks = Vec::new();
    let mut texts = record.texts.iter().peekable();
    for page in 1..=record.pages.min(MAX_PAGES) {
        match texts.next_if(|text| text.page == page) {
            Some(text) => {
                blocks.push(PaperBlock::Mark(page, text.is_recognised));
                let paragraphs = text.text.lines().filter(|line| !line.is_empty());
                blocks.extend(paragraphs.flat_map(broken).map(PaperBlock::Paragraph));
            }
            None if record.picture(page).is_some() => blocks.push(PaperBlock::Picture(page)),
            None => {}
        }
    }
    blocks
}

/// A paragraph in pieces that are no longer than [`PARAGRAPH_CHARS`].
fn broken(paragraph: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), paragraph);
    while let Some((end, _)) = rest.char_indices().nth(PARAGRAPH_CHARS) {
        let space = rest[..end].rfind(' ').filter(|at| *at > 0).unwrap_or(end);
        pieces.push(rest[..space].trim());
        rest = rest[space..].trim_start();
    }
    pieces.push(rest);
    pieces
}

/// The parts that a paper is read in.
fn parts(blocks: &[PaperBlock<'_>]) -> Vec<Range<usize>> {
    let (mut parts, mut from, mut chars, mut pictures) = (Vec::new(), 0, 0, 0);
    for (at, block) in blocks.iter().enumerate() {
        let (more, picture) = match block {
            PaperBlock::Mark(..) => (0, 0),
            PaperBlock::Paragraph(words) => (words.chars().count(), 0),
            PaperBlock::Picture(_) => (0, 1),
        };
        if at > from && (chars + more > PART_CHARS || pictures + picture > PART_PICTURES) {
            // A mark stands above its words.
            let is_mark = matches!(blocks[at - 1], PaperBlock::Mark(..)) && at - 1 > from;
            let end = at - usize::from(is_mark);
            parts.push(from..end);
            (from, chars, pictures) = (end, 0, 0);
        }
        chars += more;
        pictures += picture;
    }
    if from < blocks.len() {
        parts.push(from..blocks.len());
    }
    parts
}

/// A paper, and how it is shown.
struct ShownPaper<'a> {
    lang: Lang,
    kind: AttachmentKind,
    record: &'a PaperRecord,
    href: &'a str,
}

impl ShownPaper<'_> {
    fn says(&self) -> Vec<String> {
        let (lang, record) = (self.lang, self.record);
        let mut says = Vec::new();
        if let Some(problem) = record.problem {
            says.push(lang.t(match problem {
                PaperProblem::Encrypted => "paper-encrypted",
                PaperProblem::Unreadable => "paper-unreadable",
                PaperProblem::TooLarge => "paper-too-large",
                PaperProblem::Ended => "paper-ended",
            }));
        } else if record.texts.is_empty() && record.pictures.is_empty() {
            says.push(lang.t("paper-empty"));
        }
        if record.texts.iter().any(|text| text.is_recognised) {
            says.push(lang.t("paper-recognised"));
        }
        let pictures = u32::try_from(record.pictures.len()).unwrap_or(u32::MAX);
        if self.kind == AttachmentKind::Pdf && (1..record.pages).contains(&pictures) {
            let counts = [("n", Arg::from(pictures)), ("pages", record.pages.into())];
            says.push(lang.f("paper-pictures-first", &counts));
        }
        if record.pages > MAX_PAGES {
            let counts = [("n", Arg::from(MAX_PAGES)), ("pages", record.pages.into())];
            says.push(lang.f("paper-text-first", &counts));
        }
        says
    }

    fn mark(&self, page: u32) -> String {
        match self.kind {
            AttachmentKind::Pdf => self.lang.f("paper-page", &[("n", page)]),
            AttachmentKind::Xlsx => self.lang.f("paper-sheet", &[("n", page)]),
            AttachmentKind::Docx | AttachmentKind::Picture => String::new(),
        }
    }

    fn pieces(&self, blocks: &[PaperBlock<'_>]) -> Vec<PaperPiece> {
        let mut pieces: Vec<PaperPiece> = Vec::new();
        for block in blocks {
            match block {
                PaperBlock::Mark(page, is_recognised) => {
                    let has_picture = self.record.picture(*page).is_some();
                    pieces.push(PaperPiece {
                        mark: self.mark(*page),
                        is_recognised: *is_recognised,
                        paragraphs: Vec::new(),
                        picture_href: if has_picture {
                            self.picture_href(*page)
                        } else {
                            String::new()
                        },
                        picture_words: if self.mark(*page).is_empty() {
                            self.lang.t("paper-see-picture")
                        } else {
                            self.lang.f("paper-see-picture-of", &[("n", *page)])
                        },
                        picture: None,
                    });
                }
                PaperBlock::Paragraph(words) => {
                    let words = self.lang.verbatim(words);
                    match pieces.last_mut().filter(|piece| piece.picture.is_none()) {
                        Some(piece) => piece.paragraphs.push(words),
                        None => pieces.push(PaperPiece {
                            mark: String::new(),
                            is_recognised: false,
                            paragraphs: vec![words],
                            picture_href: String::new(),
                            picture_words: String::new(),
                            picture: None,
                        }),
                    }
                }
                PaperBlock::Picture(page) => pieces.push(self.without_text(*page)),
            }
        }
        pieces
    }

    fn picture_href(&self, page: u32) -> String {
        format!("{}/page/{page}", self.href)
    }

    fn without_text(&self, page: u32) -> PaperPiece {
        let picture = self.record.picture(page).map(|picture| ShownPicture {
            href: self.picture_href(page),
            words: self.lang.f("paper-picture-of", &[("n", page)]),
            width: picture.width,
            height: picture.height,
        });
        PaperPiece {
            mark: self.mark(page),
            is_recognised: false,
            paragraphs: Vec::new(),
            picture_href: String::new(),
            picture_words: String::new(),
            picture,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::paper_pages::{PagePicture, PageText};

    #[test]
    fn a_long_paper_is_read_in_parts_that_lose_nothing() {
        let word = "thôn ";
        let text = |page, lines: usize| PageText {
            page,
            text: vec![word.repeat(300).trim().to_owned(); lines].join("\n"),
            is_recognised: false,
        };
        let long = word.repeat(1_000);
        let record = PaperRecord {
            pages: 9,
            texts: vec![
                text(1, 3),
                text(2, 20),
                PageText {
                    page: 9,
                    text: long.trim().to_owned(),
                    is_recognised: true,
                },
            ],
            pictures: (1..=8)
                .map(|page| PagePicture {
                    page,
                    width: 800,
                    height: 1_100,
                })
                .collect(),
            ..PaperRecord::default()
        };
        let blocks = blocks(&record);
        let parts = parts(&blocks);
        let mut at = 0;
        for part in &parts {
            assert_eq!(part.start, at, "nothing is left out");
            at = part.end;
            let (mut chars, mut pictures) = (0, 0);
            for block in &blocks[part.clone()] {
                match block {
                    PaperBlock::Paragraph(words) => chars += words.chars().count(),
                    PaperBlock::Picture(_) => pictures += 1,
                    PaperBlock::Mark(..) => {}
                }
            }
            assert!(chars <= PART_CHARS && pictures <= PART_PICTURES);
        }
        assert_eq!(at, blocks.len());
        let words = blocks.iter().map(|block| match block {
            PaperBlock::Paragraph(words) => words.split(' ').count(),
            _ => 0,
        });
        assert_eq!(words.sum::<usize>(), 23 * 300 + 1_000);
        let pages = blocks
            .iter()
            .filter(|b| matches!(b, PaperBlock::Picture(_)));
        assert_eq!(pages.count(), 6, "pages without text are pictures");
        assert!(super::parts(&[]).is_empty());
    }
}
