//! `conglang worker mp3`: a WAV of our own speech from stdin, an MP3 on stdout.
//!
//! MP3, because every phone plays it: older iPhones play no Opus in Ogg, and old Androids no bare
//! AAC. It is mono and of one bit rate, without a head, so the sounds of pieces are one sound when
//! they are put behind each other.
//!
//! Invariant: confined as the media worker is; the bytes are those of the speech program.

use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::speech::parse_wav;

/// Most bytes of a WAV.
const MAX_WAV_BYTES: u64 = 30 << 20;
/// Kilobits a second: speech of this program is as clear as it is.
const KBIT: i32 = 32;
/// Longest wait for the next piece of the MP3.
const WAIT: gst::ClockTime = gst::ClockTime::from_seconds(20);

/// Encodes what comes on stdin.
///
/// # Errors
/// When it is no WAV, or the encoder is missing.
pub fn run() -> anyhow::Result<()> {
    let mut wav = Vec::new();
    let stdin = std::io::stdin().lock();
    stdin.take(MAX_WAV_BYTES).read_to_end(&mut wav)?;
    let (rate, samples) = parse_wav(&wav).context("no sound came")?;
    drop(wav);
    gst::init().context("GStreamer does not start")?;
    let mp3 = encode(rate, &samples)?;
    std::io::stdout().write_all(&mp3)?;
    Ok(())
}

fn element(name: &str) -> anyhow::Result<gst::Element> {
    let built = gst::ElementFactory::make(name).build();
    built.with_context(|| format!("GStreamer has no “{name}”; install gstreamer1.0-plugins-good"))
}

fn encode(rate: u32, samples: &[i16]) -> anyhow::Result<Vec<u8>> {
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", i32::try_from(rate)?)
        .field("channels", 1)
        .build();
    let src = AppSrc::builder()
        .caps(&caps)
        .format(gst::Format::Time)
        .build();
    let lame = element("lamemp3enc")?;
    lame.set_property_from_str("target", "bitrate");
    lame.set_property("bitrate", KBIT);
    lame.set_property("cbr", true);
    lame.set_property("mono", true);
    let sink = AppSink::builder().sync(false).build();
    let pipeline = gst::Pipeline::new();
    let line = [
        src.upcast_ref(),
        &element("audioconvert")?,
        &lame,
        sink.upcast_ref(),
    ];
    pipeline.add_many(line)?;
    gst::Element::link_many(line)?;
    pipeline.set_state(gst::State::Playing)?;
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut buffer = gst::Buffer::from_slice(bytes);
    let about = buffer.get_mut().context("a buffer of our own")?;
    about.set_pts(gst::ClockTime::ZERO);
    src.push_buffer(buffer)?;
    src.end_of_stream()?;
    let mut mp3 = Vec::new();
    while let Some(sample) = sink.try_pull_sample(WAIT) {
        let buffer = sample.buffer().context("no sound")?;
        mp3.extend_from_slice(&buffer.map_readable()?);
    }
    let is_whole = sink.is_eos();
    let _ = pipeline.set_state(gst::State::Null);
    anyhow::ensure!(is_whole && !mp3.is_empty(), "the sound was not encoded");
    Ok(mp3)
}
