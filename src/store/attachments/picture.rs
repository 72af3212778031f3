//! Pictures, written anew: what a phone or a stranger made goes in, a JPEG of ours comes out.
//!
//! Invariants: width and height are judged before a pixel is decoded, and decoding has a bound of
//! memory; one picture is decoded at a time, whoever sends it. Nothing of the file survives but
//! pixels: no place, no camera, no thumbnail, no trailing bytes. A picture that was held sideways
//! stands upright.

use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use super::FileProblem;
use crate::domain::notice::MAX_PICTURE_SIDE;

/// Most pixels that are decoded: more than the camera of any phone takes by default.
const MAX_PIXELS: u64 = 50_000_000;
/// Longest side that is decoded, pixels.
const MAX_SIDE: u32 = 20_000;
/// Most memory of one decoding, bytes.
const MAX_DECODING_BYTES: u64 = 256 * 1024 * 1024;
/// Longest side of the small size, pixels: as wide as a phone is.
const SMALL_SIDE: u32 = 480;
/// Quality of the JPEG, and of the small one.
const QUALITY: u8 = 78;
const SMALL_QUALITY: u8 = 60;

/// Held while a picture is decoded.
static DECODING: Mutex<()> = Mutex::new(());

/// A picture that was written anew.
pub(super) struct RewrittenPicture {
    /// The JPEG.
    pub(super) whole: Vec<u8>,
    /// Its width and height.
    pub(super) size: (u32, u32),
    /// The small size.
    pub(super) small: Vec<u8>,
}

/// Width and height of a stored picture, from its head.
pub(super) fn size_of(path: &Path) -> Option<(u32, u32)> {
    let file = BufReader::new(std::fs::File::open(path).ok()?);
    ImageReader::with_format(file, ImageFormat::Jpeg)
        .into_dimensions()
        .ok()
}

/// Writes a picture anew. Blocks.
///
/// # Errors
/// [`FileProblem::DamagedPicture`] or [`FileProblem::TooManyPixels`].
pub(super) fn rewrite(content: &[u8]) -> Result<RewrittenPicture, FileProblem> {
    let _one = DECODING.lock().unwrap_or_else(PoisonError::into_inner);
    let picture = decode(content)?;
    let whole = flat(scaled(&picture, MAX_PICTURE_SIDE));
    drop(picture);
    let small = flat(scaled(&DynamicImage::ImageRgb8(whole.clone()), SMALL_SIDE));
    Ok(RewrittenPicture {
        size: whole.dimensions(),
        whole: encode(&whole, QUALITY)?,
        small: encode(&small, SMALL_QUALITY)?,
    })
}

fn decode(content: &[u8]) -> Result<DynamicImage, FileProblem> {
    let mut reader = ImageReader::new(Cursor::new(content))
        .with_guessed_format()
        .map_err(|_| FileProblem::DamagedPicture)?;
    if !matches!(
        reader.format(),
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
    ) {
        return Err(FileProblem::DamagedPicture);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODING_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| why(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(FileProblem::DamagedPicture);
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || width > MAX_SIDE || height > MAX_SIDE {
        return Err(FileProblem::TooManyPixels);
    }
    let upright = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    if let Some(upright) = upright {
        picture.apply_orientation(upright);
    }
    Ok(picture)
}

/// Why a decoder gave up.
const fn why(error: &ImageError) -> FileProblem {
    match error {
        ImageError::Limits(_) => FileProblem::TooManyPixels,
        _ => FileProblem::DamagedPicture,
    }
}

/// The picture with no side longer than `longest`; never larger than it is.
fn scaled(picture: &DynamicImage, longest: u32) -> DynamicImage {
    if picture.width().max(picture.height()) <= longest {
        picture.clone()
    } else {
        picture.thumbnail(longest, longest)
    }
}

/// The picture on white paper: a JPEG has nothing to see through.
fn flat(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let mut seen = picture.into_rgba8();
    for pixel in seen.pixels_mut() {
        let alpha = u16::from(pixel.0[3]);
        for channel in &mut pixel.0[..3] {
            let mixed = (u16::from(*channel) * alpha + 255 * (255 - alpha)) / 255;
            *channel = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
    }
    DynamicImage::ImageRgba8(seen).into_rgb8()
}

fn encode(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, FileProblem> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .encode_image(picture)
        .map_err(|_| FileProblem::DamagedPicture)?;
    Ok(out)
}
