//! Decoder configuration records: all parameter sets of a stream, as an MP4 file and a player need
//! them.
//!
//! Source: ISO/IEC 14496-15 (5.3.3.1, 8.3.3.1). Lengths in samples have four bytes. Deliberately
//! absent: reading such records.

use super::bit_reader::{BitReader, HevcSps};

/// Most sequence parameter sets in a record of H.264: their count has five bits.
const MAX_AVC_SPS: usize = 31;

fn push_set(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&u16::try_from(nal.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(nal);
}

/// `AVCDecoderConfigurationRecord`. Its profile and level are those of the sequence parameter set
/// `active`.
pub fn avc_decoder_config(active: &[u8], sequences: &[&[u8]], pictures: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(active.get(1..4).unwrap_or(&[0; 3]));
    out.push(0xff);
    let sequences = &sequences[..sequences.len().min(MAX_AVC_SPS)];
    out.push(0xe0 | u8::try_from(sequences.len()).unwrap_or(0));
    for set in sequences {
        push_set(&mut out, set);
    }
    let pictures = &pictures[..pictures.len().min(255)];
    out.push(u8::try_from(pictures.len()).unwrap_or(0));
    for set in pictures {
        push_set(&mut out, set);
    }
    // The record of a High profile repeats the chroma format and the bit depths.
    if matches!(active.get(1), Some(100 | 110 | 122 | 144)) {
        let mut bits = BitReader::new(active.get(4..).unwrap_or_default());
        let mut read = || Some((bits.read_ue()?, bits.read_ue()?));
        if let Some((_, chroma)) = read() {
            let skipped = if chroma == 3 {
                bits.read_bits(1).map(|_| ())
            } else {
                Some(())
            };
            if let Some((luma, depth)) =
                skipped.and_then(|()| Some((bits.read_ue()?, bits.read_ue()?)))
            {
                let byte = |n: u32, mask: u8| u8::try_from(n).unwrap_or(0) & !mask | mask;
                out.extend_from_slice(&[
                    byte(chroma, 0xfc),
                    byte(luma, 0xf8),
                    byte(depth, 0xf8),
                    0,
                ]);
            }
        }
    }
    out
}

/// `HEVCDecoderConfigurationRecord`.
pub fn hevc_decoder_config(read: &HevcSps, arrays: &[(u8, Vec<&[u8]>)]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&read.profile);
    out.extend_from_slice(&[
        0xf0,
        0,
        0xfc,
        0xfc | read.chroma,
        0xf8 | read.depth.0,
        0xf8 | read.depth.1,
        0,
        0,
        read.layers << 3 | read.nested << 2 | 3,
    ]);
    let arrays: Vec<_> = arrays.iter().filter(|(_, sets)| !sets.is_empty()).collect();
    out.push(u8::try_from(arrays.len()).unwrap_or(0));
    for (k, sets) in arrays {
        out.push(0x80 | k);
        out.extend_from_slice(&u16::try_from(sets.len()).unwrap_or(0).to_be_bytes());
        for set in sets {
            push_set(&mut out, set);
        }
    }
    out
}
