//! Sheets for walls: the village hall's, those at the heads of roads and alleys, and notices.

use super::PrintFailed;
use super::canvas::{Canvas, draw};
use super::font::Weight;
use crate::web::kit::qr::CodeUse;

/// A4 in millimetres.
const A4: (f32, f32) = (210.0, 297.0);
/// A5 in millimetres.
const A5: (f32, f32) = (148.0, 210.0);

/// One code of a sheet: the words above it, its text, and the text in letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetCode {
    /// “Vào wifi”.
    pub words: String,
    /// The text of the code.
    pub text: String,
    /// The same as people type or choose it.
    pub letters: String,
    /// A line about the page behind it; empty = its words say enough.
    pub about: String,
}

/// The sheet for the wall of the village hall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallSheet {
    /// “Nhà văn hóa thôn Bến Thóc”.
    pub title: String,
    /// Its codes, in the order in which they are scanned; at most three.
    pub codes: Vec<SheetCode>,
    /// Whether they are numbered: 1 is the wifi on every sheet, so without it no code has a number.
    pub is_numbered: bool,
    /// The line at the foot.
    pub foot: String,
}

/// The A4 sheet with numbered codes.
///
/// # Errors
/// A text is too long.
pub fn wall_sheet(sheet: &HallSheet) -> Result<Vec<u8>, PrintFailed> {
    draw(A4, std::slice::from_ref(sheet), |canvas, sheet| {
        canvas.centred((15.0, 195.0), 28.0, 11.0, Weight::Bold, &sheet.title);
        let count = sheet.codes.len().clamp(1, 3);
        let row = match count {
            1 => 210.0,
            2 => 115.0,
            _ => 78.0,
        };
        let mut y = 42.0;
        for (n, code) in sheet.codes.iter().take(3).enumerate() {
            let number = sheet.is_numbered.then_some(n + 1);
            framed(canvas, y, row - 6.0, number, code)?;
            y += row;
        }
        canvas.centred((15.0, 195.0), 287.0, 5.0, Weight::Regular, &sheet.foot);
        Ok(())
    })
}

fn framed(
    canvas: &mut Canvas<'_, '_>,
    y: f32,
    height: f32,
    number: Option<usize>,
    code: &SheetCode,
) -> Result<(), PrintFailed> {
    canvas.frame((15.0, y), (180.0, height), 0.6)?;
    let side = (height - 6.0).min(100.0);
    canvas.code(
        (195.0 - side - 3.0, y + 3.0),
        side,
        &code.text,
        CodeUse::Outside,
    )?;
    let right = 195.0 - side - 6.0;
    let edges = (22.0, right);
    if let Some(number) = number {
        canvas.text((22.0, y + 30.0), 28.0, Weight::Bold, &number.to_string());
    }
    let mut below = y + if number.is_some() { 44.0 } else { 24.0 };
    let size = if number.is_some() { 9.0 } else { 13.0 };
    below = canvas.lines(edges, below, (size, Weight::Bold), 2, &code.words);
    below = canvas.lines(edges, below - 1.0, (6.0, Weight::Regular), 2, &code.about);
    letters(canvas, edges, below, 6.0, &code.letters);
    Ok(())
}

/// An address in letters: broken where it must be, because it has no spaces.
fn letters(
    canvas: &mut Canvas<'_, '_>,
    (left, right): (f32, f32),
    mut y: f32,
    size: f32,
    text: &str,
) {
    let room = (right - left) / size;
    let mut line = String::new();
    for c in text.chars() {
        line.push(c);
        if Weight::Regular.width(&line) > room && line.chars().count() > 1 {
            line.pop();
            canvas.text((left, y), size, Weight::Regular, &line);
            y += size * 1.4;
            line = c.to_string();
        }
    }
    canvas.text((left, y), size, Weight::Regular, &line);
}

/// The sheet at the head of a road or an alley.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlleySheet {
    /// “Ngõ Giếng Làng”.
    pub name: String,
    /// “Ngõ 12, đường Trục Chính · số 1–27”.
    pub place: String,
    /// On which side the odd numbers are for one who goes in; empty = it is not clear.
    pub sides: String,
    /// The words about the code.
    pub words: String,
    /// The link.
    pub link: String,
    /// The link in letters.
    pub letters: String,
}

/// A4 sheets, one for each road.
///
/// # Errors
/// A text is too long.
pub fn alley_sheets(sheets: &[AlleySheet]) -> Result<Vec<u8>, PrintFailed> {
    draw(A4, sheets, |canvas, sheet| {
        canvas.frame((12.0, 12.0), (186.0, 273.0), 1.0)?;
        canvas.centred((18.0, 192.0), 46.0, 22.0, Weight::Bold, &sheet.name);
        canvas.centred((18.0, 192.0), 64.0, 9.0, Weight::Regular, &sheet.place);
        canvas.code((40.0, 72.0), 130.0, &sheet.link, CodeUse::Outside)?;
        canvas.centred((18.0, 192.0), 216.0, 9.0, Weight::Bold, &sheet.words);
        canvas.centred((18.0, 192.0), 232.0, 8.0, Weight::Regular, &sheet.letters);
        if !sheet.sides.is_empty() {
            canvas.arrow((26.0, 250.0), 22.0)?;
            canvas.centred((50.0, 190.0), 266.0, 10.0, Weight::Bold, &sheet.sides);
        }
        Ok(())
    })
}

/// A notice on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeSheet {
    /// “Thôn Bến Thóc, xã Đồng Nếp”.
    pub village: String,
    /// Its kind: “Mời họp”.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// When it was posted.
    pub when: String,
    /// Its risk and the source of that, a line each; they stand in a frame.
    pub risk: Vec<String>,
    /// Its days and its place, a line each.
    pub facts: Vec<String>,
    /// Its text.
    pub body: String,
    /// The words beside the code.
    pub words: String,
    /// The link.
    pub link: String,
    /// The link in letters.
    pub letters: String,
}

/// The line above which the text of a notice ends; the code stands below.
const TEXT_END: f32 = 160.0;
/// Sizes of the letters of the text, millimetres: the largest in which all of it has room.
const TEXT_SIZES: [f32; 4] = [7.0, 6.0, 5.2, 4.6];

/// Lines of this size that have room between `y` and the code.
fn lines_left(y: f32, size: f32) -> usize {
    let mut lines = 0;
    let mut y = y;
    while y < TEXT_END {
        lines += 1;
        y += size * 1.5;
    }
    lines
}

/// The A5 sheet of a notice.
///
/// # Errors
/// A text is too long.
pub fn notice_sheet(sheet: &NoticeSheet) -> Result<Vec<u8>, PrintFailed> {
    draw(A5, std::slice::from_ref(sheet), |canvas, sheet| {
        let room = (10.0, 138.0);
        let kind = sheet.kind.to_uppercase();
        canvas.text((room.0, 15.0), 6.0, Weight::Bold, &kind);
        canvas.right((room.0 + 50.0, room.1), 15.0, 4.4, &sheet.village);
        let mut y = canvas.lines(room, 28.0, (9.2, Weight::Bold), 3, &sheet.title);
        if !sheet.risk.is_empty() {
            let top = y - 6.0;
            let inside = (room.0 + 3.0, room.1 - 3.0);
            for line in &sheet.risk {
                y = canvas.lines(inside, y, (5.6, Weight::Bold), 2, line);
            }
            canvas.frame((room.0, top), (room.1 - room.0, y - 5.0 - top), 0.7)?;
            y += 4.0;
        }
        for fact in &sheet.facts {
            y = canvas.lines(
                room,
                y,
                (6.35, Weight::Bold),
                lines_left(y, 6.35).min(3),
                fact,
            );
        }
        y += 3.0;
        let fits = |size: &f32| {
            Canvas::count(room, (*size, Weight::Regular), &sheet.body) <= lines_left(y, *size)
        };
        let size = TEXT_SIZES.into_iter().find(fits);
        let size = size.unwrap_or(TEXT_SIZES[TEXT_SIZES.len() - 1]);
        let text = (size, Weight::Regular);
        canvas.lines(room, y, text, lines_left(y, size), &sheet.body);
        canvas.code((8.0, 166.0), 38.0, &sheet.link, CodeUse::Paper)?;
        let beside = (48.0, 138.0);
        let y = canvas.lines(beside, 176.0, (5.4, Weight::Bold), 2, &sheet.words);
        letters(canvas, beside, y, 5.0, &sheet.letters);
        canvas.lines(beside, 199.0, (3.8, Weight::Regular), 2, &sheet.when);
        Ok(())
    })
}
