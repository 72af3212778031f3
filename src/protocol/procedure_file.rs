//! The file with the village's procedures: a table of an office program, as CSV.
//!
//! Invariants: a file is taken whole or refused whole; a refusal names the line, the column and the
//! mistake there, of the first [`MOST_MISTAKES`]. Columns are found by their headings, in any
//! order, with or without diacritics; a heading that is not known is a mistake, so that no column
//! is left out in silence. [`write`] makes of a list the file that the gateway keeps: reading it
//! gives the same list. Deliberately absent: formulas, several sheets, a guess at what a row may
//! mean.

mod columns;
mod mistake;

use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};

use self::columns::{COLUMNS, Column, Headings};
pub use self::mistake::{FileMistake, MistakeAt};
use super::text_encoding::{self, NoText, WrittenIn};
use crate::domain::calendar::{self, Day};
use crate::domain::id::ProcedureId;
use crate::domain::procedure::{MAX_LIST_BYTES, MAX_PROCEDURES, Procedure};
use crate::domain::text;

/// Mistakes that a refusal names.
pub const MOST_MISTAKES: usize = 50;
/// Most characters of a name.
const MAX_NAME_CHARS: usize = 250;
/// Most characters of a paper, a place and the like.
const MAX_TEXT_CHARS: usize = 300;
/// Most papers of a procedure.
const MAX_PAPERS: usize = 40;
/// Longest address of a page, bytes.
const MAX_LINK_BYTES: usize = 400;

/// A list that was read, and how its text stood in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadProcedures {
    /// The procedures, in the order of the file.
    pub procedures: Vec<Procedure>,
    /// How the text was written.
    pub written_in: WrittenIn,
}

/// Reads a file.
///
/// # Errors
/// Its mistakes, at most [`MOST_MISTAKES`], in the order of the lines.
pub fn read(bytes: &[u8]) -> Result<ReadProcedures, Vec<MistakeAt>> {
    let whole = |mistake| vec![MistakeAt::whole(mistake)];
    if bytes.len() > MAX_LIST_BYTES {
        let most = MAX_LIST_BYTES / 1_048_576;
        return Err(whole(FileMistake::TooLarge { most }));
    }
    let (text, written_in) = text_encoding::decode(bytes).map_err(|why| {
        whole(match why {
            NoText::Binary => FileMistake::NoText,
            NoText::UnknownFont => FileMistake::UnknownFont,
        })
    })?;
    let (text, skipped) = without_separator_line(&text);
    if let Some(line) = line_of_open_quote(text) {
        return Err(vec![MistakeAt::in_line(
            line + skipped,
            FileMistake::OpenQuote,
        )]);
    }
    let mut reading = TableReading {
        mistakes: Vec::new(),
        skipped,
    };
    let procedures = reading.table(text);
    if reading.mistakes.is_empty() {
        Ok(ReadProcedures {
            procedures,
            written_in,
        })
    } else {
        Err(reading.mistakes)
    }
}

/// The file that the gateway keeps of a list. The names that people use stand in it when there are
/// any: a program from before that column reads a list without it.
#[must_use]
pub fn write(procedures: &[Procedure]) -> Vec<u8> {
    written(procedures, b',')
}

/// The same for an office program: UTF-16 with tabs, which Excel shows in columns in every language
/// of Windows.
#[must_use]
pub fn write_for_office(procedures: &[Procedure]) -> Vec<u8> {
    let text = String::from_utf8(written(procedures, b'\t')).unwrap_or_default();
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn written(procedures: &[Procedure], separator: u8) -> Vec<u8> {
    let day = |number: Option<i64>| number.map(calendar::day_text).unwrap_or_default();
    let mut writer = WriterBuilder::new();
    let mut writer = writer.delimiter(separator).from_writer(Vec::new());
    // Writing into memory does not fail.
    let has_names = procedures.iter().any(|p| !p.also_called.is_empty());
    let wide = COLUMNS.len() - usize::from(!has_names);
    let _ = writer.write_record(&COLUMNS.map(Column::heading)[..wide]);
    for p in procedures {
        let fields = [
            p.code.to_string(),
            p.name.clone(),
            p.papers.join("\n"),
            p.place.clone(),
            p.hours.clone(),
            p.time.clone(),
            p.fee.clone(),
            p.link.clone().unwrap_or_default(),
            day(p.from),
            day(p.until),
            p.also_called.clone(),
        ];
        let _ = writer.write_record(&fields[..wide]);
    }
    writer.into_inner().unwrap_or_default()
}

/// The text without the line by which Excel is told the separator, and how many lines that are.
fn without_separator_line(text: &str) -> (&str, u64) {
    let first = text.lines().next().unwrap_or_default();
    if first.len() <= 8 && first.trim().to_ascii_lowercase().starts_with("sep=") {
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        (rest, 1)
    } else {
        (text, 0)
    }
}

/// The line in which a quotation mark opens that nothing closes.
fn line_of_open_quote(text: &str) -> Option<u64> {
    let (mut line, mut open) = (1, None);
    for c in text.chars() {
        match c {
            '"' => open = open.xor(Some(line)),
            '\n' => line += 1,
            _ => {}
        }
    }
    open
}

/// The separator of a table: the character with which the first line has the most headings that are
/// known.
fn separator(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let known = |separator: &u8| {
        let cells = first.split(char::from(*separator));
        cells.filter(|cell| Column::named(cell).is_some()).count()
    };
    [b',', b'\t', b';']
        .into_iter()
        .max_by_key(known)
        .unwrap_or(b';')
}

/// A file that is being read.
struct TableReading {
    mistakes: Vec<MistakeAt>,
    /// Lines before the table.
    skipped: u64,
}

impl TableReading {
    fn mistake(&mut self, line: u64, column: Option<(usize, &str)>, mistake: FileMistake) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(MistakeAt {
                line: line + self.skipped,
                column: column.map_or(0, |(n, _)| n + 1),
                heading: column.map_or_else(String::new, |(_, name)| text::line(name, 60)),
                mistake,
            });
        }
    }

    fn table(&mut self, text: &str) -> Vec<Procedure> {
        let mut reader = ReaderBuilder::new()
            .delimiter(separator(text))
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut record = ByteRecord::new();
        let mut headings = None;
        let mut lines_by_code = BTreeMap::new();
        let mut out = Vec::new();
        // A text of UTF-8 in memory has records until it ends.
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            let line = record.position().map_or(0, |at| line_of_record(text, at));
            let cells: Vec<&str> = record
                .iter()
                .map(|cell| std::str::from_utf8(cell).unwrap_or_default().trim())
                .collect();
            if cells.iter().all(|cell| cell.is_empty()) {
                continue;
            }
            let Some(headings) = &headings else {
                match self.headings(line, &cells) {
                    Some(found) => headings = Some(found),
                    None => return out,
                }
                continue;
            };
            if out.len() >= MAX_PROCEDURES {
                self.mistake(
                    line,
                    None,
                    FileMistake::TooMany {
                        most: MAX_PROCEDURES,
                    },
                );
                return out;
            }
            let Some(procedure) = self.row(line, headings, &cells) else {
                continue;
            };
            if let Some(first) = lines_by_code.insert(procedure.code.clone(), line) {
                let code = procedure.code.to_string();
                let first = first + self.skipped;
                let at = headings.place_of(Column::Code);
                self.mistake(line, at, FileMistake::CodeTwice { code, first });
            }
            out.push(procedure);
        }
        if out.is_empty() && self.mistakes.is_empty() {
            self.mistakes.push(MistakeAt::whole(FileMistake::Empty));
        }
        out
    }

    fn headings(&mut self, line: u64, cells: &[&str]) -> Option<Headings> {
        let mut headings = Headings::default();
        for (n, cell) in cells.iter().enumerate() {
            let at = Some((n, *cell));
            match Column::named(cell) {
                _ if cell.is_empty() => {}
                None => self.mistake(line, at, FileMistake::UnknownColumn),
                Some(column) if !headings.add(column, n, cell) => {
                    self.mistake(line, at, FileMistake::ColumnTwice);
                }
                Some(_) => {}
            }
        }
        for column in [Column::Code, Column::Name] {
            if headings.place_of(column).is_none() {
                let name = column.heading().to_owned();
                self.mistake(line, None, FileMistake::NoColumn { name });
            }
        }
        self.mistakes.is_empty().then_some(headings)
    }

    /// A row; none = it has mistakes, which are recorded.
    fn row(&mut self, line: u64, headings: &Headings, cells: &[&str]) -> Option<Procedure> {
        let before = self.mistakes.len();
        for (n, cell) in cells.iter().enumerate() {
            if !cell.is_empty() && !headings.has(n) {
                self.mistake(line, Some((n, "")), FileMistake::NoHeading);
            }
        }
        let name = self.line_of(line, headings, cells, Column::Name, MAX_NAME_CHARS);
        if name.is_empty() {
            self.mistake(line, headings.place_of(Column::Name), FileMistake::Missing);
        }
        let [place, hours, time, fee] = [Column::Place, Column::Hours, Column::Time, Column::Fee]
            .map(|column| self.line_of(line, headings, cells, column, MAX_TEXT_CHARS));
        let also_called = self.line_of(line, headings, cells, Column::AlsoCalled, MAX_TEXT_CHARS);
        let (code, link) = (
            self.code(line, headings, cells),
            self.link(line, headings, cells),
        );
        let papers = self.papers(line, headings, cells);
        let [from, until] =
            [Column::From, Column::Until].map(|column| self.day(line, headings, cells, column));
        if from.zip(until).is_some_and(|(from, until)| from > until) {
            let at = headings.place_of(Column::Until);
            self.mistake(line, at, FileMistake::EndsBeforeItBegins);
        }
        (self.mistakes.len() == before).then_some(Procedure {
            code: code?,
            name,
            also_called,
            papers,
            place,
            hours,
            time,
            fee,
            link,
            from,
            until,
        })
    }

    fn line_of(
        &mut self,
        line: u64,
        headings: &Headings,
        cells: &[&str],
        column: Column,
        most: usize,
    ) -> String {
        let clean = text::line(headings.cell(cells, column), usize::MAX);
        let n = clean.chars().count();
        if n > most {
            self.mistake(
                line,
                headings.place_of(column),
                FileMistake::TooLong { n, most },
            );
        }
        clean
    }

    fn code(&mut self, line: u64, headings: &Headings, cells: &[&str]) -> Option<ProcedureId> {
        let cell = text::line(headings.cell(cells, Column::Code), 80);
        let found = ProcedureId::new(&cell).ok();
        if found.is_none() {
            let mistake = if cell.is_empty() {
                FileMistake::Missing
            } else {
                FileMistake::NoCode { text: cell }
            };
            self.mistake(line, headings.place_of(Column::Code), mistake);
        }
        found
    }

    fn papers(&mut self, line: u64, headings: &Headings, cells: &[&str]) -> Vec<String> {
        let cell = headings.cell(cells, Column::Papers);
        let papers: Vec<String> = cell
            .split(['\n', '\r', ';', '|'])
            .map(|paper| text::line(without_bullet(paper), usize::MAX))
            .filter(|paper| !paper.is_empty())
            .collect();
        let at = headings.place_of(Column::Papers);
        let longest = papers.iter().map(|p| p.chars().count()).max().unwrap_or(0);
        if longest > MAX_TEXT_CHARS {
            let (n, most) = (longest, MAX_TEXT_CHARS);
            self.mistake(line, at, FileMistake::TooLong { n, most });
        }
        if papers.len() > MAX_PAPERS {
            self.mistake(line, at, FileMistake::TooManyPapers { most: MAX_PAPERS });
        }
        papers
    }

    fn link(&mut self, line: u64, headings: &Headings, cells: &[&str]) -> Option<String> {
        let cell = headings.cell(cells, Column::Link);
        if cell.is_empty() {
            return None;
        }
        let url = url::Url::parse(cell).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.as_str().len() <= MAX_LINK_BYTES
        });
        if url.is_none() {
            let at = headings.place_of(Column::Link);
            let text = text::line(cell, 80);
            self.mistake(line, at, FileMistake::NoLink { text });
        }
        url.map(String::from)
    }

    fn day(
        &mut self,
        line: u64,
        headings: &Headings,
        cells: &[&str],
        column: Column,
    ) -> Option<i64> {
        let cell = headings.cell(cells, column);
        let found = parse_day(cell);
        if found.is_none() && !cell.is_empty() {
            let text = text::line(cell, 40);
            self.mistake(line, headings.place_of(column), FileMistake::NoDay { text });
        }
        found
    }
}

/// The line in which a record begins. The reader's position is before the empty lines that it
/// skips.
fn line_of_record(text: &str, at: &csv::Position) -> u64 {
    let from = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    let blank = rest.iter().take_while(|b| matches!(b, b'\n' | b'\r'));
    at.line() + blank.filter(|b| **b == b'\n').count() as u64
}

/// A paper without the sign that a list puts before it: “- ”, “• ”, “1. ”.
fn without_bullet(paper: &str) -> &str {
    let paper = paper.trim();
    let rest = paper.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(['.', ')']) {
        Some(rest) if rest.starts_with(' ') && rest.len() + 1 < paper.len() => rest.trim(),
        _ => paper.trim_start_matches(['-', '–', '•', '*', '+', ' ']),
    }
}

/// “1/7/2026”, “01-07-2026”, “2026-07-01”.
fn parse_day(cell: &str) -> Option<i64> {
    if let Some(day) = calendar::parse_day(cell) {
        return Some(day);
    }
    let mut parts = cell.split(['/', '-', '.']);
    let day = Day {
        day: parts.next()?.parse().ok()?,
        month: parts.next()?.parse().ok()?,
        year: parts.next()?.parse().ok()?,
    };
    (parts.next().is_none() && (1970..10_000).contains(&day.year))
        .then(|| calendar::number_of(day))
        .flatten()
}

#[cfg(test)]
mod tests;
