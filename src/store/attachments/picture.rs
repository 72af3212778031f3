//! Pictures, written anew: what a phone or a stranger made goes in, a JPEG of ours comes out.
//!
//! Invariants: before a pixel is decoded, width and height are judged, and so is the memory that
//! decoding takes, with what the decoder of that kind needs beside the pixels; the library bounds
//! neither. One picture is decoded at a time, whoever sends it. Nothing of the file survives but
//! pixels: no place, no camera, no thumbnail, no trailing bytes. A picture that was held sideways
//! stands upright; it is turned when it is small.

use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use super::FileProblem;
use crate::domain::notice::MAX_PICTURE_SIDE;

/// Most pixels that are decoded: more than the camera of any phone takes by default.
const MAX_PIXELS: u64 = 50_000_000;
/// Longest side that is decoded, pixels.
const MAX_SIDE: u32 = 20_000;
/// Most memory of one decoding, bytes: fifty million pixels of a JPEG or a PNG of eight bits.
const MAX_DECODING_BYTES: u64 = 256 * 1024 * 1024;
/// The decoder of a progressive JPEG stores so much beside a pixel: its coefficients, bytes.
const PROGRESSIVE_BYTES: u64 = 6;
/// The decoder of a WebP stores at most so much beside a pixel, bytes.
const WEBP_BYTES: u64 = 8;
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
    let (picture, upright) = decode(content)?;
    let mut picture = scaled(picture, MAX_PICTURE_SIDE);
    picture.apply_orientation(upright);
    let whole = flat(picture);
    let small = flat(scaled(whole.clone().into(), SMALL_SIDE));
    Ok(RewrittenPicture {
        size: whole.dimensions(),
        whole: encode(&whole, QUALITY)?,
        small: encode(&small, SMALL_QUALITY)?,
    })
}

/// The pixels as they are stored, and how they stand upright.
fn decode(content: &[u8]) -> Result<(DynamicImage, Orientation), FileProblem> {
    let mut reader = ImageReader::new(Cursor::new(content))
        .with_guessed_format()
        .map_err(|_| FileProblem::DamagedPicture)?;
    let Some(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) = reader.format()
    else {
        return Err(FileProblem::DamagedPicture);
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODING_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| why(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(FileProblem::DamagedPicture);
    }
    let pixels = u64::from(width) * u64::from(height);
    let beside = pixels * bytes_beside(format, content);
    if pixels > MAX_PIXELS
        || width > MAX_SIDE
        || height > MAX_SIDE
        || decoder.total_bytes().saturating_add(beside) > MAX_DECODING_BYTES
    {
        return Err(FileProblem::TooManyPixels);
    }
    let upright = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    Ok((picture, upright))
}

/// The bytes that the decoder of a picture stores beside each pixel.
fn bytes_beside(format: ImageFormat, content: &[u8]) -> u64 {
    match format {
        ImageFormat::Jpeg if is_progressive(content) => PROGRESSIVE_BYTES,
        ImageFormat::WebP => WEBP_BYTES,
        _ => 0,
    }
}

/// Whether a JPEG may be progressive: a frame of that kind stands before its first scan, or its
/// segments do not follow each other.
pub(super) fn is_progressive(jpeg: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let (Some(0xff), Some(marker)) = (jpeg.get(at), jpeg.get(at + 1)) else {
            return true;
        };
        match marker {
            // Bytes that fill.
            0xff => at += 1,
            // A marker alone.
            0x01 | 0xd0..=0xd8 => at += 2,
            // The first scan.
            0xda => return false,
            // Every frame but the two that are decoded row by row.
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return true,
            _ => {
                let length = jpeg.get(at + 2).zip(jpeg.get(at + 3));
                let Some((high, low)) = length else {
                    return true;
                };
                at += 2 + usize::from(u16::from_be_bytes([*high, *low]));
            }
        }
    }
}

/// Why a decoder gave up.
const fn why(error: &ImageError) -> FileProblem {
    match error {
        ImageError::Limits(_) => FileProblem::TooManyPixels,
        _ => FileProblem::DamagedPicture,
    }
}

/// The picture with no side longer than `longest`; never larger than it is.
fn scaled(picture: DynamicImage, longest: u32) -> DynamicImage {
    if picture.width().max(picture.height()) <= longest {
        picture
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
