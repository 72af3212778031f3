//! The text of a `.docx` and of an `.xlsx`.
//!
//! Invariants: paragraphs come in the order in which they are written; what was deleted with the
//! changes tracked is left out, and so is the copy of a text box that old programs show. Of a table
//! each row is a line. XML is read without recursion and to a bounded depth; entities are the five
//! of XML. Deliberately absent: heads and feet of pages, notes, formulas (their last value stands
//! in the file), and the format of a cell: a day may show as the number that the file holds.

use std::io;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::unzip::Unzipped;
use super::{FrameWriter, PaperOutcome};
use crate::protocol::paper::{MAX_PAGES, MAX_TEXT_CHARS, PaperFrame, PaperProblem};

/// Deepest element.
const MAX_DEPTH: usize = 200;
/// Stands between the cells of a row.
const BETWEEN_CELLS: &str = " | ";

/// An element or a text of a file, as its reader sees it.
enum XmlPart<'a> {
    Start(&'a BytesStart<'a>),
    End(&'a str),
    Text(&'a str),
}

/// Walks through an XML file; `take` is told the parts in their order, without what stands within
/// an element that is left out.
fn walk(
    xml: &[u8],
    left_out: &[&str],
    mut take: impl FnMut(XmlPart<'_>),
) -> Result<(), PaperProblem> {
    let xml = std::str::from_utf8(xml).map_err(|_| PaperProblem::Unreadable)?;
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut out_of) = (0_usize, None);
    loop {
        let event = reader.read_event().map_err(|_| PaperProblem::Unreadable)?;
        match event {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(PaperProblem::TooLarge);
                }
                if out_of.is_none() && left_out.contains(&start.local_name().into_inner()) {
                    out_of = Some(depth);
                }
                if out_of.is_none() {
                    take(XmlPart::Start(&start));
                }
            }
            Event::End(end) => {
                if out_of.is_none() {
                    take(XmlPart::End(end.local_name().into_inner()));
                }
                if out_of == Some(depth) {
                    out_of = None;
                }
                depth = depth.saturating_sub(1);
            }
            Event::Text(text) if out_of.is_none() => {
                take(XmlPart::Text(&text));
            }
            Event::CData(text) if out_of.is_none() => {
                take(XmlPart::Text(&text));
            }
            Event::GeneralRef(name) if out_of.is_none() => {
                if let Some(letter) = entity(&name) {
                    take(XmlPart::Text(letter.encode_utf8(&mut [0; 4])));
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The character that an entity stands for.
fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number)?
        }
    })
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start
        .attributes()
        .flatten()
        .find(|a| a.key.local_name().into_inner() == name)?;
    let mut out = String::new();
    let mut rest: &str = &found.value;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (reference, behind) = after.split_once(';')?;
        out.extend(entity(reference));
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

/// Text that is collected as far as it may be told.
#[derive(Default)]
struct Collected {
    text: String,
}

impl Collected {
    fn push(&mut self, words: &str) {
        // A character takes four bytes at most.
        if self.text.len() < 4 * MAX_TEXT_CHARS {
            self.text.push_str(words);
        }
    }
}

/// Reads a `.docx`.
pub(super) fn read_docx(
    content: &[u8],
    to_parent: &mut FrameWriter<impl io::Write>,
) -> PaperOutcome {
    let text = match docx_text(content) {
        Ok(text) => text,
        Err(problem) => return Ok(Err(problem)),
    };
    to_parent.send(&PaperFrame::Head { pages: 1 })?;
    to_parent.text(1, &text)?;
    Ok(Ok(()))
}

fn docx_text(content: &[u8]) -> Result<String, PaperProblem> {
    let xml = Unzipped::open(content)?
        .unpack("word/document.xml")?
        .ok_or(PaperProblem::Unreadable)?;
    let (mut out, mut in_text, mut rows) = (Collected::default(), false, 0_usize);
    walk(&xml, &["Fallback", "del"], |part| match part {
        XmlPart::Start(start) => match start.local_name().into_inner() {
            "t" => in_text = true,
            "tab" => out.push(" "),
            "br" | "cr" => out.push("\n"),
            "tr" => rows += 1,
            _ => {}
        },
        XmlPart::End(name) => match name {
            "t" => in_text = false,
            // Within a table a row is the line, and a cell ends with its bar.
            "p" => out.push(if rows > 0 { " " } else { "\n" }),
            "tc" => out.push(BETWEEN_CELLS),
            "tr" => {
                rows = rows.saturating_sub(1);
                out.push("\n");
            }
            _ => {}
        },
        XmlPart::Text(words) if in_text => out.push(words),
        XmlPart::Text(_) => {}
    })?;
    Ok(tidy_rows(&out.text))
}

/// Rows without the bars of empty cells at their end.
fn tidy_rows(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let cells: Vec<String> = line
            .split(BETWEEN_CELLS)
            .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let kept = cells
            .iter()
            .rposition(|c| !c.is_empty())
            .map_or(0, |n| n + 1);
        if kept > 0 {
            lines.push(cells[..kept].join(BETWEEN_CELLS));
        }
    }
    lines.join("\n")
}

/// Reads an `.xlsx`: a sheet is a page, and its name its first line.
pub(super) fn read_xlsx(
    content: &[u8],
    to_parent: &mut FrameWriter<impl io::Write>,
) -> PaperOutcome {
    let mut files = match Unzipped::open(content) {
        Ok(files) => files,
        Err(problem) => return Ok(Err(problem)),
    };
    let (names, shared) = match (sheet_names(&mut files), shared_texts(&mut files)) {
        (Ok(names), Ok(shared)) => (names, shared),
        (Err(problem), _) | (_, Err(problem)) => return Ok(Err(problem)),
    };
    let sheets = sheet_files(&files);
    if sheets.is_empty() {
        return Ok(Err(PaperProblem::Unreadable));
    }
    let pages = u32::try_from(sheets.len()).unwrap_or(u32::MAX);
    to_parent.send(&PaperFrame::Head { pages })?;
    for (number, sheet) in (1..=MAX_PAGES).zip(&sheets) {
        let rows = match sheet_text(&mut files, sheet, &shared) {
            Ok(rows) => rows,
            Err(problem) => return Ok(Err(problem)),
        };
        // Names stand in the order of the sheets; a file that has others tells none.
        let name = if names.len() == sheets.len() {
            names[number as usize - 1].as_str()
        } else {
            ""
        };
        let has_more = rows.is_empty() || to_parent.text(number, &format!("{name}\n{rows}"))?;
        if !has_more {
            break;
        }
    }
    Ok(Ok(()))
}

/// The files of the sheets, by their numbers.
fn sheet_files(files: &Unzipped<'_>) -> Vec<String> {
    let number = |name: &str| {
        let rest = name.strip_prefix("xl/worksheets/sheet")?;
        rest.strip_suffix(".xml")?.parse::<u32>().ok()
    };
    let mut sheets: Vec<_> = files
        .names()
        .filter_map(|name| Some((number(name)?, name.to_owned())))
        .collect();
    sheets.sort();
    sheets.into_iter().map(|(_, name)| name).collect()
}

fn sheet_names(files: &mut Unzipped<'_>) -> Result<Vec<String>, PaperProblem> {
    let xml = files
        .unpack("xl/workbook.xml")?
        .ok_or(PaperProblem::Unreadable)?;
    let mut names = Vec::new();
    walk(&xml, &[], |part| {
        if let XmlPart::Start(start) = part
            && start.local_name().into_inner() == "sheet"
        {
            names.push(attribute(start, "name").unwrap_or_default());
        }
    })?;
    Ok(names)
}

/// The texts that cells name by number; readings of Japanese signs are left out.
fn shared_texts(files: &mut Unzipped<'_>) -> Result<Vec<String>, PaperProblem> {
    let Some(xml) = files.unpack("xl/sharedStrings.xml")? else {
        return Ok(Vec::new());
    };
    let (mut texts, mut in_text) = (Vec::new(), false);
    walk(&xml, &["rPh"], |part| match part {
        XmlPart::Start(start) => match start.local_name().into_inner() {
            "si" => texts.push(String::new()),
            "t" => in_text = true,
            _ => {}
        },
        XmlPart::End("t") => in_text = false,
        XmlPart::Text(words) if in_text => {
            if let Some(last) = texts.last_mut() {
                last.push_str(words);
            }
        }
        _ => {}
    })?;
    Ok(texts)
}

fn sheet_text(
    files: &mut Unzipped<'_>,
    sheet: &str,
    shared: &[String],
) -> Result<String, PaperProblem> {
    let xml = files.unpack(sheet)?.ok_or(PaperProblem::Unreadable)?;
    let (mut out, mut cell) = (Collected::default(), String::new());
    let (mut is_shared, mut in_value) = (false, false);
    walk(&xml, &["f", "rPh"], |part| match part {
        XmlPart::Start(start) => match start.local_name().into_inner() {
            "c" => {
                cell.clear();
                is_shared = attribute(start, "t").as_deref() == Some("s");
            }
            "v" | "t" => in_value = true,
            _ => {}
        },
        XmlPart::End(name) => match name {
            "v" | "t" => in_value = false,
            "c" => {
                let named = || shared.get(cell.trim().parse::<usize>().ok()?);
                out.push(if is_shared {
                    named().map_or("", String::as_str)
                } else {
                    &cell
                });
                out.push(BETWEEN_CELLS);
            }
            "row" => out.push("\n"),
            _ => {}
        },
        XmlPart::Text(words) if in_value => cell.push_str(words),
        XmlPart::Text(_) => {}
    })?;
    Ok(tidy_rows(&out.text))
}
