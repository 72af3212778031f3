//! Letters of a page of a PDF, put together to lines and paragraphs.
//!
//! A PDF places letters one by one; words, lines and paragraphs are what their places mean to a
//! reader. Letters are taken in the order in which they are written, which is the order of reading
//! in what office programs make. A gap is a space, a step down is a line, a large step down, a
//! short line or another size of letters begins a paragraph. Its font decides which letter a
//! letter is (`old_fonts`), when the whole page is here.

use std::collections::BTreeMap;

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};
use hayro::kurbo::{Affine, BezPath, Point, Vec2};

use super::old_fonts::{FontPiece, FontReadings, PageFont};

/// Units of a letter's own space to the size of its font.
const EM: f64 = 1_000.0;
/// A gap wider than this part of the size is a space.
const SPACE: f64 = 0.16;
/// How far the next letter of a line may be from the last, in sizes: forward, and back for marks.
const FORWARD: f64 = 12.0;
const BACK: f64 = -1.5;
/// How far it may be off the line.
const OFF_LINE: f64 = 0.45;
/// A step down of more sizes than this begins a paragraph.
const STEP: f64 = 1.9;
/// A line that ends before this part of the width was ended on purpose.
const SHORT: f64 = 0.8;
/// Most letters of a page.
const MAX_LETTERS: usize = 200_000;
/// Most fonts of a page that are told apart.
const MAX_FONTS: usize = 64;

struct LetterLine {
    /// Its letters, by font.
    pieces: Vec<FontPiece>,
    start: Point,
    size: f64,
    /// Along what the line is written.
    direction: Vec2,
    /// Where the next letter is expected.
    next: Point,
}

/// Where lines end that begin at about the same place, by strips of [`STRIP`] points.
struct Columns(BTreeMap<i64, f64>);

impl Columns {
    fn of(lines: &[LetterLine]) -> Self {
        let mut ends = BTreeMap::new();
        for line in lines {
            let end = ends.entry(strip(line)).or_insert(f64::MIN);
            *end = line.next.x.max(*end);
        }
        Self(ends)
    }

    fn right_of(&self, line: &LetterLine) -> f64 {
        let near = strip(line).saturating_sub(2)..=strip(line).saturating_add(2);
        let ends = self.0.range(near).map(|(_, end)| *end);
        ends.fold(line.next.x, f64::max)
    }
}

/// Points of a strip.
const STRIP: f64 = 20.0;

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast keeps to the bounds"
)]
fn strip(line: &LetterLine) -> i64 {
    (line.start.x / STRIP) as i64
}

/// Takes the letters of a page.
#[derive(Default)]
pub(super) struct LetterLines {
    lines: Vec<LetterLine>,
    letters: usize,
    /// The fonts of the page; letters name them by their place.
    fonts: Vec<PageFont>,
    has_image: bool,
}

/// Fewer letters beside an image are no text of a page: a number, a mark of a scanner.
const MIN_LETTERS: usize = 16;

/// The text of a page.
#[derive(Default)]
pub(super) struct PageLetters {
    /// A paragraph a line.
    pub(super) text: String,
    /// The page is a picture, or its letters cannot be told: a program may recognise them.
    pub(super) is_picture: bool,
}

impl LetterLines {
    /// The text of the page; `names` = the names of its fonts.
    pub(super) fn into_page(mut self, names: &[String]) -> PageLetters {
        let pieces = self.lines.iter().flat_map(|line| &line.pieces);
        let readings = FontReadings::judge(&mut self.fonts, pieces, names);
        let (lost, letters) = readings.lost;
        if lost * 3 > letters {
            return PageLetters {
                text: String::new(),
                is_picture: true,
            };
        }
        let columns = Columns::of(&self.lines);
        let mut out = String::new();
        let mut last: Option<&LetterLine> = None;
        for line in &self.lines {
            let pieces = line.pieces.iter().map(|piece| readings.words(piece));
            let text: String = pieces.collect();
            if text.trim().is_empty() {
                continue;
            }
            if let Some(last) = last {
                let down = line.start.y - last.start.y;
                let right = columns.right_of(last);
                let is_one = down > 0.0
                    && down < STEP * last.size.max(line.size)
                    && (line.size / last.size - 1.0).abs() < 0.15
                    && (line.start.x - last.start.x).abs() < 3.0 * last.size
                    && last.next.x > last.start.x + SHORT * (right - last.start.x);
                out.push(if is_one { ' ' } else { '\n' });
            }
            // Letters that nobody sees may have stood between two words.
            let words: Vec<&str> = text.split_whitespace().collect();
            out.push_str(&words.join(" "));
            last = Some(line);
        }
        let letters = out.chars().filter(|c| c.is_alphanumeric()).count();
        PageLetters {
            text: out,
            is_picture: letters == 0 || (self.has_image && letters < MIN_LETTERS),
        }
    }

    /// The place of the font of this name.
    fn font(&mut self, name: &str) -> usize {
        let known = self.fonts.iter().position(|font| font.name == name);
        known.unwrap_or_else(|| {
            if self.fonts.len() >= MAX_FONTS {
                return MAX_FONTS - 1;
            }
            self.fonts.push(PageFont::new(name.to_owned()));
            self.fonts.len() - 1
        })
    }

    /// Takes a letter of a font; `words` = what the PDF tells of it.
    fn letter(&mut self, font: usize, at: Affine, advance: f64, words: Option<&str>, code: u32) {
        self.letters += 1;
        if self.letters > MAX_LETTERS {
            return;
        }
        if let Some(font) = self.fonts.get_mut(font) {
            font.count(words.is_some());
        }
        let origin = at * Point::ZERO;
        let size = (at * Point::new(0.0, EM) - origin).hypot();
        let along = at * Point::new(EM, 0.0) - origin;
        if !(size.is_finite() && size > 0.0 && along.hypot() > 0.0) {
            return;
        }
        let (direction, next) = (along / along.hypot(), at * Point::new(advance, 0.0));
        if let Some(line) = self.lines.last_mut() {
            let step = origin - line.next;
            let (forward, off) = (step.dot(line.direction), step.cross(line.direction).abs());
            let is_same = direction.dot(line.direction) > 0.99
                && off < OFF_LINE * line.size.max(size)
                && (BACK * size..FORWARD * size).contains(&forward);
            if is_same {
                if let Some(piece) = line.pieces.last_mut()
                    && forward > SPACE * size
                {
                    piece.space();
                }
                match line.pieces.last_mut().filter(|piece| piece.font == font) {
                    Some(piece) => piece.push(words, code),
                    None => line.pieces.push(FontPiece::of(font, words, code)),
                }
                line.next = next;
                line.size = line.size.max(size);
                return;
            }
        }
        self.lines.push(LetterLine {
            pieces: vec![FontPiece::of(font, words, code)],
            start: origin,
            size,
            direction,
            next,
        });
    }
}

impl<'a> Device<'a> for LetterLines {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        // The letters of a run are of one font; one that is not embedded tells no name.
        let font = match run.glyphs().first().map(|glyph| &**glyph) {
            Some(Glyph::Outline(outline)) => outline.font_data().and_then(|f| f.postscript_name),
            _ => None,
        };
        let font = self.font(&font.unwrap_or_default());
        for glyph in run.glyphs() {
            let code = glyph.char_code();
            let advance = match &**glyph {
                Glyph::Outline(outline) => outline.advance_width(),
                Glyph::Type3(drawn) => drawn.advance_width(),
            };
            let advance = f64::from(advance.unwrap_or(500.0));
            let at = props.transform * glyph.transform();
            match glyph.as_unicode() {
                Some(BfString::Char('\0' | '\u{fffd}')) | None => {
                    self.letter(font, at, advance, None, code);
                }
                Some(BfString::Char(c)) => {
                    let mut bytes = [0; 4];
                    let words = c.encode_utf8(&mut bytes);
                    self.letter(font, at, advance, Some(words), code);
                }
                Some(BfString::String(words)) => {
                    self.letter(font, at, advance, Some(&words), code);
                }
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.has_image = true;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}
