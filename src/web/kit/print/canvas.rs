//! A page in millimetres: letters, codes and frames.

use krilla::Document;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::Font;

use super::PrintFailed;
use super::font::Weight;
use crate::web::kit::qr::{CodeMatrix, CodeUse, MARGIN};

/// Points of a millimetre.
const POINTS: f32 = 72.0 / 25.4;

/// The fonts of one file.
pub(super) struct Fonts {
    regular: Font,
    bold: Font,
}

impl Fonts {
    pub fn load() -> Result<Self, PrintFailed> {
        Ok(Self {
            regular: Weight::Regular.font().ok_or(PrintFailed::NotMade)?,
            bold: Weight::Bold.font().ok_or(PrintFailed::NotMade)?,
        })
    }
}

/// A page that is drawn.
pub(super) struct Canvas<'a, 'b> {
    surface: &'a mut Surface<'b>,
    fonts: &'a Fonts,
}

/// A whole number of modules as a measure.
fn measure(n: usize) -> f32 {
    u16::try_from(n).map_or(0.0, f32::from)
}

/// Draws pages of one size into a file.
pub(super) fn draw<T>(
    (width, height): (f32, f32),
    pages: &[T],
    mut page_of: impl FnMut(&mut Canvas<'_, '_>, &T) -> Result<(), PrintFailed>,
) -> Result<Vec<u8>, PrintFailed> {
    let fonts = Fonts::load()?;
    let mut document = Document::new();
    for content in pages {
        let settings = PageSettings::from_wh(width * POINTS, height * POINTS);
        let mut page = document.start_page_with(settings.ok_or(PrintFailed::NotMade)?);
        let mut surface = page.surface();
        let mut canvas = Canvas {
            surface: &mut surface,
            fonts: &fonts,
        };
        page_of(&mut canvas, content)?;
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|cause| {
        tracing::error!(?cause, "pdf not made");
        PrintFailed::NotMade
    })
}

impl Canvas<'_, '_> {
    /// A line of letters that begins at `x`; `y` is the line on which letters stand.
    pub fn text(&mut self, (x, y): (f32, f32), size: f32, weight: Weight, text: &str) {
        let (text, glyphs) = weight.glyphs(text);
        let font = match weight {
            Weight::Regular => self.fonts.regular.clone(),
            Weight::Bold => self.fonts.bold.clone(),
        };
        self.surface.set_fill(Some(Fill::default()));
        self.surface.set_stroke(None);
        let start = Point::from_xy(x * POINTS, y * POINTS);
        self.surface
            .draw_glyphs(start, &glyphs, font, &text, size * POINTS, false);
    }

    /// A line of letters in the middle between two edges, smaller when it would not fit.
    pub fn centred(
        &mut self,
        (left, right): (f32, f32),
        y: f32,
        size: f32,
        weight: Weight,
        text: &str,
    ) {
        let room = right - left;
        let wide = weight.width(text) * size;
        let size = if wide > room {
            size * room / wide
        } else {
            size
        };
        let wide = weight.width(text) * size;
        self.text((left + (room - wide) / 2.0, y), size, weight, text);
    }

    /// A line of letters that ends at the right edge, smaller when it would not fit.
    pub fn right(&mut self, (left, right): (f32, f32), y: f32, size: f32, text: &str) {
        let wide = Weight::Regular.width(text) * size;
        let size = size * ((right - left) / wide.max(1.0)).min(1.0);
        let wide = Weight::Regular.width(text) * size;
        self.text((right - wide, y), size, Weight::Regular, text);
    }

    /// How many lines a text takes.
    pub fn count((left, right): (f32, f32), (size, weight): (f32, Weight), text: &str) -> usize {
        wrapped(text, weight, (right - left) / size, usize::MAX).len()
    }

    /// An arrow that points up, so high, with its tip at the middle above.
    pub fn arrow(&mut self, (x, y): (f32, f32), height: f32) -> Result<(), PrintFailed> {
        let wide = height * 0.7;
        let corners = [
            (0.5, 0.0),
            (1.0, 0.5),
            (0.68, 0.5),
            (0.68, 1.0),
            (0.32, 1.0),
            (0.32, 0.5),
            (0.0, 0.5),
        ];
        let mut path = PathBuilder::new();
        for (n, (right, down)) in corners.into_iter().enumerate() {
            let at = ((x + right * wide) * POINTS, (y + down * height) * POINTS);
            if n == 0 {
                path.move_to(at.0, at.1);
            } else {
                path.line_to(at.0, at.1);
            }
        }
        path.close();
        self.surface.set_fill(Some(Fill::default()));
        self.surface.set_stroke(None);
        self.surface
            .draw_path(&path.finish().ok_or(PrintFailed::NotMade)?);
        Ok(())
    }

    /// Lines of a text that is broken at words, at most so many; gives the line below them.
    pub fn lines(
        &mut self,
        (left, right): (f32, f32),
        mut y: f32,
        (size, weight): (f32, Weight),
        most: usize,
        text: &str,
    ) -> f32 {
        for line in wrapped(text, weight, (right - left) / size, most) {
            self.text((left, y), size, weight, &line);
            y += size * 1.5;
        }
        y
    }

    /// A code in a square with its margin.
    pub fn code(
        &mut self,
        (x, y): (f32, f32),
        side: f32,
        text: &str,
        usage: CodeUse,
    ) -> Result<(), PrintFailed> {
        let code = CodeMatrix::new(text, usage).ok_or(PrintFailed::NotMade)?;
        let module = side / measure(code.size() + 2 * MARGIN);
        let mut path = PathBuilder::new();
        for (row, from, run) in code.runs() {
            let rect = Rect::from_xywh(
                (x + measure(from + MARGIN) * module) * POINTS,
                (y + measure(row + MARGIN) * module) * POINTS,
                measure(run) * module * POINTS,
                module * POINTS,
            );
            path.push_rect(rect.ok_or(PrintFailed::NotMade)?);
        }
        self.surface.set_fill(Some(Fill::default()));
        self.surface.set_stroke(None);
        self.surface
            .draw_path(&path.finish().ok_or(PrintFailed::NotMade)?);
        Ok(())
    }

    /// A frame.
    pub fn frame(
        &mut self,
        (x, y): (f32, f32),
        (width, height): (f32, f32),
        line: f32,
    ) -> Result<(), PrintFailed> {
        let mut path = PathBuilder::new();
        let rect = Rect::from_xywh(x * POINTS, y * POINTS, width * POINTS, height * POINTS);
        path.push_rect(rect.ok_or(PrintFailed::NotMade)?);
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(Stroke {
            width: line * POINTS,
            ..Stroke::default()
        }));
        self.surface
            .draw_path(&path.finish().ok_or(PrintFailed::NotMade)?);
        Ok(())
    }
}

/// The lines of a text in letters of size 1, at most so many; the last one ends with “…” when the
/// text goes on.
fn wrapped(text: &str, weight: Weight, room: f32, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if weight.width(&longer) <= room || line.is_empty() {
                line = longer;
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        if lines.len() > most {
            break;
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_at_words_and_ends_with_dots() {
        let text = "Mời bà con họp thôn. ".repeat(20);
        let lines = wrapped(&text, Weight::Regular, 12.0, 3);
        assert_eq!(lines.len(), 3);
        assert!(
            lines[2].ends_with('…') && !lines[0].ends_with(' '),
            "{lines:?}"
        );
        for line in &lines[..2] {
            assert!(Weight::Regular.width(line) <= 12.0, "{line}");
        }
        assert_eq!(wrapped("một\n\nhai", Weight::Bold, 12.0, 9), ["một", "hai"]);
    }
}
