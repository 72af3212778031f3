//! The text of a `.docx` and of an `.xlsx`.
//!
//! Invariants: paragraphs come in the order in which they are written; what was deleted with the
//! changes tracked is left out, and so is the copy of a text box that old programs show. Of a table
//! each row is a line. XML is read without recursion and to a bounded depth; entities are the five
//! of XML. A day or a time in a cell is written as people do (`cell_dates`). Deliberately absent:
//! heads and feet of pages, notes, formulas (their last value stands in the file), and all other
//! formats of cells: a share may show as the number that the file holds.

use std::collections::BTreeMap;
use std::io;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::cell_dates::{DateFormat, iso_shown};
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
    let (names, cells) = match (workbook(&mut files), shared_texts(&mut files)) {
        (Ok((names, from_1904)), Ok(shared)) => {
            let formats = match cell_formats(&mut files) {
                Ok(formats) => formats,
                Err(problem) => return Ok(Err(problem)),
            };
            let cells = CellTexts {
                shared,
                formats,
                from_1904,
            };
            (names, cells)
        }
        (Err(problem), _) | (_, Err(problem)) => return Ok(Err(problem)),
    };
    let sheets = sheet_files(&files);
    if sheets.is_empty() {
        return Ok(Err(PaperProblem::Unreadable));
    }
    let pages = u32::try_from(sheets.len()).unwrap_or(u32::MAX);
    to_parent.send(&PaperFrame::Head { pages })?;
    for (number, sheet) in (1..=MAX_PAGES).zip(&sheets) {
        let rows = match sheet_text(&mut files, sheet, &cells) {
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

/// The names of the sheets, and whether days are counted from 1904.
fn workbook(files: &mut Unzipped<'_>) -> Result<(Vec<String>, bool), PaperProblem> {
    let xml = files
        .unpack("xl/workbook.xml")?
        .ok_or(PaperProblem::Unreadable)?;
    let (mut names, mut from_1904) = (Vec::new(), false);
    walk(&xml, &[], |part| {
        if let XmlPart::Start(start) = part {
            match start.local_name().into_inner() {
                "sheet" => names.push(attribute(start, "name").unwrap_or_default()),
                "workbookPr" => {
                    let said = attribute(start, "date1904");
                    from_1904 = matches!(said.as_deref(), Some("1" | "true" | "on"));
                }
                _ => {}
            }
        }
    })?;
    Ok((names, from_1904))
}

/// The parts of which cells are made beside what they hold.
struct CellTexts {
    /// Texts that cells name by number.
    shared: Vec<String>,
    /// By the style of a cell, how it shows a moment; none = as a number.
    formats: Vec<Option<DateFormat>>,
    /// Days are counted from 1904.
    from_1904: bool,
}

/// How cells of each style show a moment. A file without styles has none.
fn cell_formats(files: &mut Unzipped<'_>) -> Result<Vec<Option<DateFormat>>, PaperProblem> {
    let Some(xml) = files.unpack("xl/styles.xml")? else {
        return Ok(Vec::new());
    };
    let (mut own, mut formats, mut in_cells) = (BTreeMap::new(), Vec::new(), false);
    let number = |start: &BytesStart<'_>, name| attribute(start, name)?.parse::<u32>().ok();
    walk(&xml, &[], |part| match part {
        XmlPart::Start(start) => match start.local_name().into_inner() {
            "numFmt" => {
                let code = attribute(start, "formatCode").unwrap_or_default();
                let format = DateFormat::read(&code);
                own.extend(number(start, "numFmtId").map(|number| (number, format)));
            }
            "cellXfs" => in_cells = true,
            "xf" if in_cells => {
                let number = number(start, "numFmtId").unwrap_or(0);
                let known = own.get(&number).copied();
                formats.push(known.unwrap_or_else(|| DateFormat::built_in(number)));
            }
            _ => {}
        },
        XmlPart::End("cellXfs") => in_cells = false,
        _ => {}
    })?;
    Ok(formats)
}

/// A cell that is being read.
#[derive(Default)]
struct OpenCell {
    held: String,
    /// The type of what it holds; empty = a number.
    kind: String,
    /// How it shows a moment.
    format: Option<DateFormat>,
}

impl OpenCell {
    fn begin(start: &BytesStart<'_>, cells: &CellTexts) -> Self {
        let style = attribute(start, "s").and_then(|s| s.parse::<usize>().ok());
        Self {
            held: String::new(),
            kind: attribute(start, "t").unwrap_or_default(),
            format: cells.formats.get(style.unwrap_or(0)).copied().flatten(),
        }
    }

    /// As people read it.
    fn shown(&self, cells: &CellTexts) -> Option<String> {
        let held = self.held.trim();
        match self.kind.as_str() {
            "s" => cells.shared.get(held.parse::<usize>().ok()?).cloned(),
            "d" => iso_shown(held).or_else(|| Some(held.to_owned())),
            "" | "n" => {
                let moment = self.format.zip(held.parse::<f64>().ok());
                let moment = moment.and_then(|(format, n)| format.shown(n, cells.from_1904));
                moment.or_else(|| Some(held.to_owned()))
            }
            _ => Some(self.held.clone()),
        }
    }
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
    cells: &CellTexts,
) -> Result<String, PaperProblem> {
    let xml = files.unpack(sheet)?.ok_or(PaperProblem::Unreadable)?;
    let (mut out, mut cell) = (Collected::default(), OpenCell::default());
    let mut in_value = false;
    walk(&xml, &["f", "rPh"], |part| match part {
        XmlPart::Start(start) => match start.local_name().into_inner() {
            "c" => cell = OpenCell::begin(start, cells),
            "v" | "t" => in_value = true,
            _ => {}
        },
        XmlPart::End(name) => match name {
            "v" | "t" => in_value = false,
            "c" => {
                out.push(&cell.shown(cells).unwrap_or_default());
                out.push(BETWEEN_CELLS);
            }
            "row" => out.push("\n"),
            _ => {}
        },
        XmlPart::Text(words) if in_value => cell.held.push_str(words),
        XmlPart::Text(_) => {}
    })?;
    Ok(tidy_rows(&out.text))
}
