//! Decodes one keyframe to a still in two sizes, in a new pipeline each time, so that no state of a
//! bad keyframe remains.
//!
//! Elements are created by name and linked in code; no pipeline is parsed from text. The picture is
//! scaled before its colours are converted, through RGB: standard-definition colours come out
//! right.

use anyhow::Context as _;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use crate::protocol::media::{StillError, StillImages, StillRequest, VideoCodec};

/// Longest time for one still.
const DECODE_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// JPEG quality, 1–100.
const JPEG_QUALITY: i32 = 80;
/// The same of the small picture: eight of them are the first view of the wall.
const TILE_JPEG_QUALITY: i32 = 60;

/// Starts GStreamer, which scans the plugins once.
pub fn init_gstreamer() -> anyhow::Result<()> {
    gst::init().context("GStreamer does not start")
}

fn element(name: &str) -> anyhow::Result<gst::Element> {
    gst::ElementFactory::make(name).build().with_context(|| {
        format!(
            "GStreamer has no “{name}”; install gstreamer1.0-plugins-base, -good and \
             gstreamer1.0-libav"
        )
    })
}

/// Decodes the still.
pub fn decode_still(mut ask: StillRequest) -> Result<StillImages, StillError> {
    let (frame, line) = (
        std::mem::take(&mut ask.frame),
        build_pipeline(ask).map_err(|cause| StillError::UnsupportedCodec(format!("{cause:#}")))?,
    );
    line.push(frame)
        .map_err(|cause| StillError::Undecodable(format!("{cause:#}")))?;
    line.pull(DECODE_TIMEOUT)
}

/// A playing pipeline with its ends.
struct StillPipeline {
    pipeline: gst::Pipeline,
    src: AppSrc,
    full: AppSink,
    tile: AppSink,
}

/// A filter that lets a raw picture of this width through.
fn width_filter(width: u16) -> anyhow::Result<gst::Element> {
    let filter = element("capsfilter")?;
    filter.set_property(
        "caps",
        gst::Caps::builder("video/x-raw")
            .field("width", i32::from(width.clamp(16, 4096)) & !1)
            .field("height", gst::IntRange::new(2, 4096))
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
            .build(),
    );
    Ok(filter)
}

fn jpeg_encoder(quality: i32) -> anyhow::Result<gst::Element> {
    let encode = element("jpegenc")?;
    encode.set_property("quality", quality);
    Ok(encode)
}

fn picture_sink() -> AppSink {
    AppSink::builder().sync(false).max_buffers(1).build()
}

fn build_pipeline(ask: StillRequest) -> anyhow::Result<StillPipeline> {
    let (media, format, decoder) = match ask.coding {
        VideoCodec::H264 => ("video/x-h264", "avc", "avdec_h264"),
        VideoCodec::H265 => ("video/x-h265", "hvc1", "avdec_h265"),
    };
    let caps = gst::Caps::builder(media)
        .field("stream-format", format)
        .field("alignment", "au")
        .field("codec_data", gst::Buffer::from_slice(ask.decoder))
        .build();
    let src = AppSrc::builder()
        .caps(&caps)
        .format(gst::Format::Time)
        .build();
    let decode = element(decoder)?;
    decode.set_property("max-threads", 1i32);
    decode.set_property("output-corrupt", false);
    let rgb = element("capsfilter")?;
    rgb.set_property(
        "caps",
        gst::Caps::builder("video/x-raw")
            .field("format", "RGBx")
            .build(),
    );
    let both = element("tee")?;
    let (full, tile) = (picture_sink(), picture_sink());

    let pipeline = gst::Pipeline::new();
    let decoded = [
        src.upcast_ref(),
        &decode,
        &element("videoscale")?,
        &width_filter(ask.width)?,
        &element("videoconvert")?,
        &rgb,
        &element("videoconvert")?,
        &both,
    ];
    let large = [
        &element("queue")?,
        &jpeg_encoder(JPEG_QUALITY)?,
        full.upcast_ref(),
    ];
    let small = [
        &element("queue")?,
        &element("videoscale")?,
        &width_filter(ask.tile_width)?,
        &jpeg_encoder(TILE_JPEG_QUALITY)?,
        tile.upcast_ref(),
    ];
    for chain in [&decoded[..], &large, &small] {
        pipeline.add_many(chain)?;
        gst::Element::link_many(chain)?;
    }
    for branch in [large[0], small[0]] {
        both.link(branch)?;
    }
    pipeline.set_state(gst::State::Playing)?;
    Ok(StillPipeline {
        pipeline,
        src,
        full,
        tile,
    })
}

impl StillPipeline {
    fn push(&self, frame: Vec<u8>) -> anyhow::Result<()> {
        let mut frame = gst::Buffer::from_slice(frame);
        frame
            .get_mut()
            .context("a buffer of our own")?
            .set_pts(gst::ClockTime::ZERO);
        self.src.push_buffer(frame)?;
        self.src.end_of_stream()?;
        Ok(())
    }

    /// Waits for the still. When none comes, either the decoder failed or decoding took longer than
    /// `most`; the error tells which.
    fn pull(&self, most: gst::ClockTime) -> Result<StillImages, StillError> {
        Ok(StillImages {
            full: self.pull_image(&self.full, most)?,
            tile: self.pull_image(&self.tile, most)?,
        })
    }

    fn pull_image(&self, sink: &AppSink, most: gst::ClockTime) -> Result<Vec<u8>, StillError> {
        let Some(sample) = sink.try_pull_sample(most) else {
            let has_failed = || {
                self.pipeline
                    .bus()
                    .is_some_and(|bus| bus.pop_filtered(&[gst::MessageType::Error]).is_some())
            };
            return Err(if sink.is_eos() || has_failed() {
                StillError::Undecodable("the picture could not be decoded".to_owned())
            } else {
                StillError::TimedOut(format!(
                    "decoding a picture took longer than {} s; this machine has too much to do",
                    most.seconds()
                ))
            });
        };
        let map = sample
            .buffer()
            .and_then(|b| b.map_readable().ok())
            .ok_or_else(|| StillError::Undecodable("no picture".to_owned()))?;
        Ok(map.as_slice().to_vec())
    }
}

impl Drop for StillPipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipeline for pictures of 640×360 (Constrained Baseline).
    fn ready() -> StillPipeline {
        init_gstreamer().expect("GStreamer");
        let sps = b"\x67\x42\xc0\x16\xda\x02\x80\xbf\xe5\xc0\x44\0\0\x03\0\x04\0\0\x03\0\x78\
            \x3c\x58\xba\x80";
        let decoder = [
            b"\x01\x42\xc0\x16\xff\xe1\0\x19",
            &sps[..],
            b"\x01\0\x04",
            b"\x68\xce\x3c\x80",
        ]
        .concat();
        build_pipeline(StillRequest {
            id: 1,
            coding: VideoCodec::H264,
            width: 640,
            tile_width: 320,
            decoder,
            frame: Vec::new(),
        })
        .expect("gstreamer1.0-libav")
    }

    #[test]
    fn a_picture_that_is_broken_and_one_that_takes_long_are_two_things() {
        // Nothing was pushed and the stream has not ended: the still may only be late.
        let waits = ready().pull(gst::ClockTime::from_mseconds(20));
        assert!(matches!(waits, Err(StillError::TimedOut(_))), "{waits:?}");
        let line = ready();
        line.push([&[0, 0, 0, 40, 0x65, 0x88, 0x80][..], &[4; 37]].concat())
            .expect("pushed");
        let broken = line.pull(gst::ClockTime::from_seconds(60));
        assert!(
            matches!(broken, Err(StillError::Undecodable(_))),
            "{broken:?}"
        );
    }
}
