//! A camera's parameter sets, all of them, and the format made from them, which a file and a player
//! need.
//!
//! Invariant: a reader that has the format, and access units of it from a keyframe on, has every
//! parameter set that the slices name. Sets that the format holds are left out of the access units.
//! Once a set differs from the format, sets stay in the access units and each keyframe carries
//! every known set, until a new format is made. Source: ISO/IEC 14496-15 (5.3.3, 8.3.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use bytes::Bytes;
use retina::codec::h26x::Framing;

use super::bit_reader::{BitReader, HevcSps, avc_recovery, avc_slice, hevc_key_slice};
use super::decoder_config::{avc_decoder_config, hevc_decoder_config};
use super::rtp::{RtpAccessUnit, is_slice, nal_type};
use crate::live::pictures::Format;
use crate::protocol::fmp4;
use crate::protocol::media::VideoCodec;
use crate::protocol::stream_loss::{StreamLoss, first_line};
use crate::time::MonoMs;

/// Largest parameter set, and the most bytes of all sets.
const MAX_SET_BYTES: usize = 8 << 10;
const MAX_TOTAL_BYTES: usize = 64 << 10;
/// Shortest time between two formats that differ in picture parameter sets only, ms: some cameras
/// change those all the time.
const MIN_FORMAT_INTERVAL_MS: u64 = 60_000;
/// Largest side and area of a picture, pixels.
const MAX_SIDE_PIXELS: u32 = 8_192;
const MAX_AREA_PIXELS: u32 = 36_000_000;

/// NAL unit types of the video, sequence and picture parameter sets.
const fn parameter_set_types(coding: VideoCodec) -> [u8; 3] {
    match coding {
        VideoCodec::H264 => [0xff, 7, 8],
        VideoCodec::H265 => [32, 33, 34],
    }
}

type ParameterSets = BTreeMap<(u8, u32), Vec<u8>>;

/// An access unit ready for files and players.
pub struct ParsedFrame {
    /// The format of its bytes.
    pub format: Arc<Format>,
    /// Decoding may begin with it.
    pub keyframe: bool,
    /// Pictures that are shown before it may follow it.
    pub is_reordered: bool,
    /// It may refer to pictures before the keyframe that it follows.
    pub is_leading: bool,
    /// NAL units with lengths of four bytes.
    pub bytes: Bytes,
}

/// All parameter sets of one stream.
pub struct ParameterTracker {
    coding: VideoCodec,
    timescale: u32,
    known: ParameterSets,
    /// The parameter sets that the format holds.
    in_format: ParameterSets,
    format: Option<Arc<Format>>,
    made_at: MonoMs,
    /// A parameter set has differed from the format since that was made: a decoder may still hold
    /// the other one.
    diverged: bool,
    reorder: Option<usize>,
    has_b_frames: bool,
}

impl ParameterTracker {
    /// A tracker that knows no parameter set yet.
    pub const fn new(coding: VideoCodec, timescale: u32) -> Self {
        Self {
            coding,
            timescale,
            known: ParameterSets::new(),
            in_format: ParameterSets::new(),
            format: None,
            made_at: MonoMs::START,
            diverged: false,
            reorder: None,
            has_b_frames: false,
        }
    }

    /// How many pictures may be sent before one that is shown earlier, when the stream has that
    /// number.
    pub const fn reorder(&self) -> Option<usize> {
        self.reorder
    }

    /// Takes the parameter sets in the camera's description (SDP) of the stream with this payload
    /// type.
    pub fn parse_sdp(&mut self, sdp: &[u8], payload_type: u8) {
        let text = String::from_utf8_lossy(sdp);
        let begins = format!("a=fmtp:{payload_type} ");
        for line in text.lines().filter_map(|l| l.trim().strip_prefix(&begins)) {
            let values = line
                .split(';')
                .filter_map(|p| p.trim().split_once('='))
                .filter(|(k, _)| {
                    matches!(
                        *k,
                        "sprop-parameter-sets" | "sprop-vps" | "sprop-sps" | "sprop-pps"
                    )
                });
            for part in values.flat_map(|(_, v)| v.split(',')) {
                let part = part.trim();
                let Ok(nal) = Base64::decode_vec(part)
                    .or_else(|_| Base64Unpadded::decode_vec(part.trim_end_matches('=')))
                else {
                    continue;
                };
                let start = nal
                    .iter()
                    .position(|b| *b != 0)
                    .filter(|n| *n >= 2 && nal[*n] == 1)
                    .map_or(0, |n| n + 1);
                self.store_set(&nal[start..]);
            }
        }
    }

    /// Id of a parameter set, and of the set that it belongs to.
    fn ids(&self, nal: &[u8]) -> Option<(u32, Option<u32>)> {
        let [video, sequence, picture] = parameter_set_types(self.coding);
        let k = nal_type(self.coding, nal);
        match self.coding {
            VideoCodec::H264 if k == sequence => {
                Some((BitReader::new(nal.get(4..)?).read_ue()?, None))
            }
            VideoCodec::H265 if k == video => Some((u32::from(nal.get(2)? >> 4), None)),
            VideoCodec::H265 if k == sequence => HevcSps::read(nal).map(|s| (s.id, Some(s.video))),
            _ if k == picture => {
                let mut bits = BitReader::new(nal.get(
                    if self.coding == VideoCodec::H264 {
                        1
                    } else {
                        2
                    }..,
                )?);
                Some((bits.read_ue()?, Some(bits.read_ue()?)))
            }
            _ => None,
        }
    }

    /// Stores a parameter set; true = it is new or has changed.
    fn store_set(&mut self, nal: &[u8]) -> bool {
        let Some((id, _)) = self.ids(nal) else {
            return false;
        };
        let key = (nal_type(self.coding, nal), id);
        if self.known.get(&key).is_some_and(|k| k == nal) || nal.len() > MAX_SET_BYTES || id > 255 {
            return false;
        }
        let others: usize = self
            .known
            .iter()
            .filter(|(k, _)| **k != key)
            .map(|(_, s)| s.len())
            .sum();
        if others + nal.len() > MAX_TOTAL_BYTES {
            return false;
        }
        self.known.insert(key, nal.to_vec());
        true
    }

    /// Stores the parameter sets of one access unit.
    fn store_sets(&mut self, unit: &RtpAccessUnit) {
        let [video, sequence, picture] = parameter_set_types(self.coding);
        let mut changed = None;
        for nal in unit.nals() {
            let k = nal_type(self.coding, nal);
            if [video, sequence, picture].contains(&k) && self.store_set(nal) && k != picture {
                changed = self
                    .ids(nal)
                    .map(|(id, _)| id)
                    .filter(|_| k == sequence)
                    .or(changed);
            }
        }
        // A new sequence parameter set comes with its picture parameter sets; older ones may no
        // longer fit it.
        if let Some(id) = changed {
            let of = |nal: &[u8]| {
                nal_type(self.coding, nal) == picture
                    && self.ids(nal).is_some_and(|(_, s)| s == Some(id))
            };
            let fresh: Vec<&[u8]> = unit.nals().filter(|n| of(n)).collect();
            if !fresh.is_empty() {
                let stale: Vec<_> = self
                    .known
                    .iter()
                    .filter(|(_, nal)| of(nal) && !fresh.contains(&nal.as_slice()))
                    .map(|(k, _)| *k)
                    .collect();
                for key in stale {
                    self.known.remove(&key);
                }
            }
        }
    }

    /// The picture parameter sets (`pictures`), or all the others.
    fn of<'a>(
        &self,
        sets: &'a ParameterSets,
        pictures: bool,
    ) -> impl Iterator<Item = (&'a (u8, u32), &'a Vec<u8>)> {
        let picture = parameter_set_types(self.coding)[2];
        sets.iter()
            .filter(move |((k, _), _)| (*k == picture) == pictures)
    }

    /// Parses an access unit: its kind, and its bytes for files and players. None = its parameters
    /// are not known yet.
    ///
    /// # Errors
    /// When its parameters cannot be used; the sentence is for the technician.
    pub fn parse_frame(
        &mut self,
        unit: RtpAccessUnit,
        now: MonoMs,
    ) -> anyhow::Result<Option<ParsedFrame>> {
        let [video, sequence, picture] = parameter_set_types(self.coding);
        let has_sets = unit
            .nals()
            .any(|n| [video, sequence, picture].contains(&nal_type(self.coding, n)));
        if has_sets {
            self.store_sets(&unit);
            self.diverged |= self.format.is_some() && self.known != self.in_format;
        }
        let look = self.scan_slices(&unit);
        if look.key && self.known != self.in_format {
            let is_new = self.format.is_none()
                || self
                    .of(&self.known, false)
                    .ne(self.of(&self.in_format, false));
            if (is_new || now.since(self.made_at) >= MIN_FORMAT_INTERVAL_MS)
                && let Some(format) = self.build_format(look.set)?
            {
                self.in_format = self.known.clone();
                self.made_at = now;
                if self.format.as_deref() != Some(&format) {
                    self.format = Some(Arc::new(format));
                    self.diverged = false;
                }
            }
        }
        let Some(format) = self.format.clone() else {
            return Ok(None);
        };
        let bytes = if has_sets || self.diverged && look.key {
            self.strip_known_sets(&unit, look.key)
        } else {
            unit.bytes
        };
        let reorders = self.reorder.map_or(self.has_b_frames, |n| n > 0);
        Ok(Some(ParsedFrame {
            format,
            keyframe: look.key,
            is_reordered: reorders,
            is_leading: look.leads,
            bytes: bytes.into(),
        }))
    }

    /// The access unit's bytes without the parameter sets that the format holds; after a set
    /// differed, a keyframe carries all known sets.
    fn strip_known_sets(&self, unit: &RtpAccessUnit, keyframe: bool) -> Vec<u8> {
        let delimiter = if self.coding == VideoCodec::H264 {
            9
        } else {
            35
        };
        let mut out = Vec::with_capacity(unit.bytes.len() + 256);
        let put = |out: &mut Vec<u8>, nal: &[u8]| {
            out.extend_from_slice(&u32::try_from(nal.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(nal);
        };
        unit.nals()
            .filter(|n| nal_type(self.coding, n) == delimiter)
            .for_each(|n| put(&mut out, n));
        if keyframe && self.diverged {
            self.known.values().for_each(|nal| put(&mut out, nal));
        }
        let is_known = |nal: &[u8], k: u8| {
            self.ids(nal)
                .is_some_and(|(id, _)| self.known.get(&(k, id)).is_some_and(|s| s == nal))
        };
        for nal in unit.nals() {
            let k = nal_type(self.coding, nal);
            let is_told = (keyframe || !self.diverged)
                && parameter_set_types(self.coding).contains(&k)
                && is_known(nal, k);
            if k != delimiter && !is_told {
                put(&mut out, nal);
            }
        }
        out
    }

    /// Reads the slices' headers.
    fn scan_slices(&mut self, unit: &RtpAccessUnit) -> ParameterScan {
        let coding = self.coding;
        let Some(slice) = unit.nals().find(|n| is_slice(coding, nal_type(coding, n))) else {
            return ParameterScan::default();
        };
        let k = nal_type(coding, slice);
        if coding == VideoCodec::H265 {
            return ParameterScan {
                key: (16..=23).contains(&k),
                set: hevc_key_slice(slice),
                leads: matches!(k, 8 | 9),
            };
        }
        let (of, set) = avc_slice(slice).unzip();
        self.has_b_frames |= of == Some(1);
        // Decoding may begin at an I picture with a recovery point, as at an IDR picture.
        let recovers = || {
            of == Some(2)
                && unit
                    .nals()
                    .any(|n| nal_type(coding, n) == 6 && avc_recovery(n) == Some(0))
        };
        ParameterScan {
            key: k == 5 || recovers(),
            set,
            leads: false,
        }
    }

    /// The format of a keyframe whose slices name the picture parameter set `named`.
    fn build_format(&mut self, named: Option<u32>) -> anyhow::Result<Option<Format>> {
        let [video, sequence, picture] = parameter_set_types(self.coding);
        let found = self
            .of(&self.known, true)
            .find(|((_, id), _)| named.is_none_or(|n| n == *id))
            .map(|(_, nal)| nal.clone());
        let Some(pps) = found else { return Ok(None) };
        let belongs = self.ids(&pps).and_then(|(_, s)| s).unwrap_or(0);
        let Some(sps) = self.known.get(&(sequence, belongs)) else {
            return Ok(None);
        };
        let list = |k: u8| {
            self.known
                .iter()
                .filter(move |((of, _), _)| *of == k)
                .map(|(_, nal)| nal.as_slice())
                .collect::<Vec<_>>()
        };
        let (codec, record, size) = match self.coding {
            VideoCodec::H264 => {
                let read = retina::codec::h264::parameters_from_sps_and_pps(
                    sps,
                    &pps,
                    Framing::FourByteLength,
                )
                .map_err(|cause| StreamLoss::ParametersUnreadable {
                    error: first_line(&cause.to_string()),
                })?;
                (
                    read.rfc6381_codec().to_owned(),
                    avc_decoder_config(sps, &list(sequence), &list(picture)),
                    read.pixel_dimensions(),
                )
            }
            VideoCodec::H265 => {
                let read = HevcSps::read(sps).ok_or_else(|| StreamLoss::ParametersUnreadable {
                    error: "no valid SPS".to_owned(),
                })?;
                self.reorder = Some(read.reorder);
                (
                    read.codec(),
                    hevc_decoder_config(
                        &read,
                        &[
                            (video, list(video)),
                            (sequence, list(sequence)),
                            (picture, list(picture)),
                        ],
                    ),
                    read.size,
                )
            }
        };
        let (width, height) = size;
        anyhow::ensure!(
            width > 0
                && height > 0
                && width <= MAX_SIDE_PIXELS
                && height <= MAX_SIDE_PIXELS
                && width.saturating_mul(height) <= MAX_AREA_PIXELS,
            StreamLoss::PictureSize {
                width: width.into(),
                height: height.into(),
            }
        );
        let (width, height) = (u16::try_from(width)?, u16::try_from(height)?);
        let names = if self.coding == VideoCodec::H264 {
            (*b"avc1", *b"avcC")
        } else {
            (*b"hvc1", *b"hvcC")
        };
        let sample_entry = fmp4::sample_entry(names.0, names.1, &record, width, height);
        Ok(Some(Format {
            codec,
            sample_entry,
            decoder: record,
            width,
            height,
            timescale: self.timescale,
        }))
    }
}

#[derive(Default)]
struct ParameterScan {
    /// Decoding may begin here.
    key: bool,
    /// The picture parameter set that its first slice names.
    set: Option<u32>,
    leads: bool,
}

#[cfg(test)]
mod tests;
