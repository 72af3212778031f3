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
}

/// The sheet for the wall of the village hall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HallSheet {
    /// “Nhà văn hóa thôn Bến Thóc”.
    pub title: String,
    /// Its codes, in the order in which they are scanned; at most three.
    pub codes: Vec<SheetCode>,
    /// The line at the foot.
    pub foot: String,
}

/// The A4 sheet with numbered codes.
///
/// # Errors
/// A text is too long.
pub fn wall_sheet(sheet: &HallSheet) -> Result<Vec<u8>, PrintFailed> {
    draw(A4, std::slice::from_ref(sheet), |canvas, sheet| {
        canvas.centred((15.0, 195.0), 30.0, 13.0, Weight::Bold, &sheet.title);
        let count = sheet.codes.len().clamp(1, 3);
        let row = match count {
            1 => 210.0,
            2 => 115.0,
            _ => 78.0,
        };
        let mut y = 42.0;
        for (n, code) in sheet.codes.iter().take(3).enumerate() {
            numbered(canvas, y, row - 6.0, n + 1, code)?;
            y += row;
        }
        canvas.centred((15.0, 195.0), 287.0, 5.0, Weight::Regular, &sheet.foot);
        Ok(())
    })
}

fn numbered(
    canvas: &mut Canvas<'_, '_>,
    y: f32,
    height: f32,
    number: usize,
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
    canvas.text((22.0, y + 30.0), 28.0, Weight::Bold, &number.to_string());
    let below = canvas.lines((22.0, right), y + 44.0, (9.0, Weight::Bold), 2, &code.words);
    letters(canvas, (22.0, right), below, 6.0, &code.letters);
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
        canvas.code((40.0, 76.0), 130.0, &sheet.link, CodeUse::Outside)?;
        canvas.centred((18.0, 192.0), 226.0, 9.0, Weight::Bold, &sheet.words);
        canvas.centred((18.0, 192.0), 248.0, 8.0, Weight::Regular, &sheet.letters);
        Ok(())
    })
}

/// A notice on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeSheet {
    /// “Thôn Bến Thóc, xã Đồng Nếp”.
    pub village: String,
    /// Its title.
    pub title: String,
    /// When it was posted.
    pub when: String,
    /// Its risk, days and place, a line each.
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

/// Lines of the text of a notice that have room between `y` and the code.
fn lines_left(mut y: f32) -> usize {
    let mut lines = 0;
    while y < 148.0 {
        lines += 1;
        y += 7.8;
    }
    lines
}

/// The A5 sheet of a notice.
///
/// # Errors
/// A text is too long.
pub fn notice_sheet(sheet: &NoticeSheet) -> Result<Vec<u8>, PrintFailed> {
    draw(A5, std::slice::from_ref(sheet), |canvas, sheet| {
        let room = (12.0, 136.0);
        canvas.centred(room, 16.0, 5.0, Weight::Regular, &sheet.village);
        let y = canvas.lines(room, 29.0, (8.5, Weight::Bold), 3, &sheet.title);
        let mut y = canvas.lines(room, y, (4.6, Weight::Regular), 2, &sheet.when);
        for fact in &sheet.facts {
            y = canvas.lines(room, y, (5.2, Weight::Bold), lines_left(y), fact);
        }
        canvas.lines(
            room,
            y + 3.0,
            (5.2, Weight::Regular),
            lines_left(y),
            &sheet.body,
        );
        canvas.code((10.0, 158.0), 44.0, &sheet.link, CodeUse::Paper)?;
        let beside = (58.0, 136.0);
        let y = canvas.lines(beside, 172.0, (5.4, Weight::Bold), 2, &sheet.words);
        letters(canvas, beside, y, 4.6, &sheet.letters);
        Ok(())
    })
}
