//! A PDF: the text of its pages, pictures of the first, and those without text drawn for the
//! program that reads letters.
//!
//! Invariants: all text comes before the first picture, so whatever a drawing costs, the words are
//! told. A picture has a bounded number of pixels, whatever box a page claims. Nothing of a PDF is
//! carried out: no script, no form, no link, no file beside it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings, TransformExt as _, interpret_page,
};
use hayro::hayro_syntax::object::{Dict, Name};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro::kurbo::Rect;
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{GrayImage, ImageEncoder as _, RgbImage};

use super::letter_lines::{LetterLines, PageLetters};
use super::{FrameWriter, PaperOutcome};
use crate::protocol::paper::{
    MAX_FRAME_BYTES, MAX_PAGES, MAX_PICTURES, MAX_SCANS, PaperFrame, PaperProblem,
};

/// Width of a picture, pixels: sharp on a phone that is held upright.
const PICTURE_WIDTH: f32 = 800.0;
/// Most height of a picture, pixels.
const PICTURE_HEIGHT: f32 = 2_400.0;
/// Quality of the JPEG: letters stay sharp, a page of text takes some 80 kB.
const QUALITY: u8 = 55;
/// Pixels of a point for the program that reads letters: 200 to the inch.
const SCAN_SCALE: f32 = 200.0 / 72.0;
/// Longest side for it, pixels.
const SCAN_SIDE: f32 = 3_000.0;

/// Whether a PDF opens without a password; one that is damaged is not locked.
pub(super) fn opens(content: Vec<u8>) -> Result<(), PaperProblem> {
    let opened = catch_unwind(|| Pdf::new(content).map(drop));
    let locked = LoadPdfError::Decryption(DecryptionError::PasswordProtected);
    match opened {
        Ok(Err(why)) if why == locked => Err(PaperProblem::Encrypted),
        _ => Ok(()),
    }
}

/// Most names of fonts of a page.
const MAX_NAMES: usize = 200;

/// Reads a PDF.
pub(super) fn read(content: Vec<u8>, to_parent: &mut FrameWriter<impl io::Write>) -> PaperOutcome {
    let pdf = match catch_unwind(|| Pdf::new(content)) {
        Ok(Ok(pdf)) => pdf,
        Ok(Err(LoadPdfError::Decryption(_))) => return Ok(Err(PaperProblem::Encrypted)),
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => return Ok(Err(PaperProblem::Unreadable)),
    };
    let pages = pdf.pages();
    if pages.is_empty() {
        return Ok(Err(PaperProblem::Unreadable));
    }
    to_parent.send(&PaperFrame::Head {
        pages: u32::try_from(pages.len()).unwrap_or(u32::MAX),
    })?;
    let mut without_text = Vec::new();
    let (cache, mut has_room) = (InterpreterCache::new(), true);
    for (number, page) in (1..=MAX_PAGES).zip(pages.iter()) {
        if !has_room {
            break;
        }
        let text = catch_unwind(AssertUnwindSafe(|| text_of(page, &cache)));
        let letters = text.unwrap_or_default();
        if letters.is_picture {
            without_text.push((number, page, letters.text));
        } else {
            has_room = to_parent.text(number, &letters.text)?;
        }
    }
    drop(cache);
    let cache = RenderCache::new();
    for (number, page) in (1..=MAX_PICTURES).zip(pages.iter()) {
        let jpeg = catch_unwind(AssertUnwindSafe(|| picture(page, &cache)));
        if let Some(jpeg) = jpeg.ok().flatten() {
            to_parent.send(&PaperFrame::Picture { page: number, jpeg })?;
        }
    }
    for (nth, (number, page, text)) in (0..).zip(without_text) {
        let drawn = || catch_unwind(AssertUnwindSafe(|| scan(page, &cache)));
        let png = (nth < MAX_SCANS).then(drawn).and_then(|d| d.ok().flatten());
        if let Some(png) = png {
            to_parent.send(&PaperFrame::Scan { page: number, png })?;
        } else if has_room {
            has_room = to_parent.text(number, &text)?;
        }
    }
    Ok(Ok(()))
}

fn text_of<'a>(page: &'a Page<'a>, cache: &InterpreterCache<'a>) -> PageLetters {
    let (width, height) = page.render_dimensions();
    let area = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let upright = page.initial_transform(true).to_kurbo();
    let settings = InterpreterSettings::default();
    let mut context = Context::new(upright, area, cache, page.xref(), settings);
    let mut lines = LetterLines::default();
    interpret_page(page, &mut context, &mut lines);
    lines.into_page(&font_names(page))
}

/// The names of the fonts of a page, without the mark of a font that was cut to its letters.
fn font_names(page: &Page<'_>) -> Vec<String> {
    let fonts = &page.resources().fonts;
    let name = |key: Name<'_>| {
        let font: Dict<'_> = fonts.get(&key)?;
        let name: Name<'_> = font.get("BaseFont")?;
        let name = name.as_str();
        let whole = name.split_once('+').filter(|(mark, _)| mark.len() == 6);
        Some(whole.map_or(name, |(_, name)| name).to_owned())
    };
    fonts.keys().take(MAX_NAMES).filter_map(name).collect()
}

/// Draws a page on white paper; none = its box is none.
fn draw<'a>(page: &'a Page<'a>, cache: &RenderCache<'a>, scale: f32) -> Option<Pixmap> {
    let (width, height) = page.render_dimensions();
    let (wide, high) = (width * scale, height * scale);
    if !(wide.is_finite() && high.is_finite() && wide >= 1.0 && high >= 1.0) {
        return None;
    }
    let settings = PixmapSettings {
        x_scale: scale,
        y_scale: scale,
        bg_color: WHITE,
    };
    Some(hayro::render(
        page,
        cache,
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &settings,
    ))
}

fn picture<'a>(page: &'a Page<'a>, cache: &RenderCache<'a>) -> Option<Vec<u8>> {
    let (width, height) = page.render_dimensions();
    let scale = (PICTURE_WIDTH / width).min(PICTURE_HEIGHT / height);
    let drawn = draw(page, cache, scale)?;
    let pixels = drawn.data_as_u8_slice().chunks_exact(4);
    let colours = pixels.flat_map(|p| [p[0], p[1], p[2]]).collect();
    let picture = RgbImage::from_raw(drawn.width().into(), drawn.height().into(), colours)?;
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, QUALITY)
        .encode_image(&picture)
        .ok()?;
    (out.len() <= MAX_FRAME_BYTES).then_some(out)
}

fn scan<'a>(page: &'a Page<'a>, cache: &RenderCache<'a>) -> Option<Vec<u8>> {
    let (width, height) = page.render_dimensions();
    let scale = SCAN_SCALE.min(SCAN_SIDE / width).min(SCAN_SIDE / height);
    let drawn = draw(page, cache, scale)?;
    let grey = |p: &[u8]| {
        let sum = 3 * u16::from(p[0]) + 10 * u16::from(p[1]) + 3 * u16::from(p[2]);
        u8::try_from(sum / 16).unwrap_or(u8::MAX)
    };
    let greys = drawn.data_as_u8_slice().chunks_exact(4).map(grey).collect();
    let picture = GrayImage::from_raw(drawn.width().into(), drawn.height().into(), greys)?;
    let mut out = Vec::new();
    PngEncoder::new(&mut out)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            image::ExtendedColorType::L8,
        )
        .ok()?;
    (out.len() <= MAX_FRAME_BYTES).then_some(out)
}
