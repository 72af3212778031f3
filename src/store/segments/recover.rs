//! Finds how much of a recording segment is whole after a power cut.

use std::io::{self, Read, Seek, SeekFrom};

use crate::protocol::fmp4::{self, Sample};

/// Largest header box (`ftyp`, `moov`, `moof`) that is read back.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// The whole part at the beginning of a file that a power cut may have ended anywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IntactPrefix {
    /// Bytes up to the end of the last whole fragment; 0 = not even the header is whole.
    pub bytes: u64,
    /// Number of whole fragments.
    pub fragments: u32,
    /// From the first sample to the end of the last, ms.
    pub duration_ms: u64,
}

/// Reads how much of a recording segment of ours is whole. A fragment counts as whole when its
/// boxes are complete and its NAL lengths fill it exactly, which blocks that a power cut left as
/// zeros never do.
///
/// # Errors
/// When the file cannot be read; damaged content is no error.
pub fn intact_prefix(file: &mut (impl Read + Seek)) -> io::Result<IntactPrefix> {
    let mut seen = IntactPrefix::default();
    let mut at = 0;
    let (mut timescale, mut run) = (0u32, None);
    while let Some((name, size)) = header(file, at)? {
        match &name {
            b"ftyp" if at == 0 => {}
            b"moov" => {
                let Some(body) = body(file, at, size)? else {
                    break;
                };
                timescale = fmp4::timescale(&body).unwrap_or(0);
                if timescale == 0 {
                    break;
                }
                seen.bytes = at + size;
            }
            b"moof" if timescale > 0 => {
                run = body(file, at, size)?.as_deref().and_then(fmp4::parse_moof);
            }
            b"mdat" => {
                let Some((base, samples)) = run.take() else {
                    break;
                };
                if !is_sample_data_intact(file, at + 8, size - 8, &samples)? {
                    break;
                }
                let ends: u64 = samples
                    .iter()
                    .map(|s| u64::from(s.duration))
                    .sum::<u64>()
                    .saturating_add(base);
                seen = IntactPrefix {
                    bytes: at + size,
                    fragments: seen.fragments + 1,
                    duration_ms: ends.saturating_mul(1000) / u64::from(timescale),
                };
            }
            _ => break,
        }
        at += size;
    }
    Ok(seen)
}

/// Name and size of the box at `at`; none = it is not complete.
fn header(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<([u8; 4], u64)>> {
    let end = file.seek(SeekFrom::End(0))?;
    if end.saturating_sub(at) < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let size = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
    Ok((size >= 8 && at + size <= end).then_some(([head[4], head[5], head[6], head[7]], size)))
}

fn body(file: &mut (impl Read + Seek), at: u64, size: u64) -> io::Result<Option<Vec<u8>>> {
    if size > MAX_HEADER_BYTES {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at + 8))?;
    let mut out = vec![0; usize::try_from(size - 8).unwrap_or(0)];
    file.read_exact(&mut out)?;
    Ok(Some(out))
}

/// True when the samples' NAL lengths fill `len` bytes at `at` exactly.
fn is_sample_data_intact(
    file: &mut (impl Read + Seek),
    at: u64,
    len: u64,
    samples: &[Sample],
) -> io::Result<bool> {
    if samples.is_empty() || samples.iter().map(|s| u64::from(s.size)).sum::<u64>() != len {
        return Ok(false);
    }
    let mut at = at;
    for sample in samples {
        let end = at + u64::from(sample.size);
        while at < end {
            if end - at < 5 {
                return Ok(false);
            }
            file.seek(SeekFrom::Start(at))?;
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            let length = u64::from(u32::from_be_bytes(length));
            if length == 0 || at + 4 + length > end {
                return Ok(false);
            }
            at += 4 + length;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::fmp4::{fragment, init};

    fn nal(len: u32, fill: u8) -> Vec<u8> {
        let mut out = len.to_be_bytes().to_vec();
        out.extend(std::iter::repeat_n(fill, len as usize));
        out
    }

    fn file(fragments: u32) -> (Vec<u8>, Vec<u64>) {
        let mut out = init(90_000, &[0, 0, 0, 8, b'a', b'v', b'c', b'1'], 640, 360);
        let mut ends = vec![out.len() as u64];
        for n in 0..fragments {
            let frames = [nal(900, 1), nal(100, 2), nal(100, 3)];
            let samples: Vec<Sample> = frames
                .iter()
                .enumerate()
                .map(|(i, f)| Sample {
                    duration: 6000,
                    composition_offset: 0,
                    size: u32::try_from(f.len()).expect("small"),
                    keyframe: i == 0,
                })
                .collect();
            out.extend(fragment(
                n + 1,
                u64::from(n) * 18_000,
                &samples,
                frames.iter().map(Vec::as_slice),
            ));
            ends.push(out.len() as u64);
        }
        (out, ends)
    }

    #[test]
    fn what_we_write_we_read_whole() {
        let (bytes, _) = file(5);
        assert_eq!(
            intact_prefix(&mut Cursor::new(&bytes)).expect("reads"),
            IntactPrefix {
                bytes: bytes.len() as u64,
                fragments: 5,
                duration_ms: 1000
            }
        );
    }

    #[test]
    fn a_cut_anywhere_leaves_exactly_the_whole_fragments() {
        let (bytes, ends) = file(4);
        for cut in 0..bytes.len() {
            let seen = intact_prefix(&mut Cursor::new(&bytes[..cut])).expect("reads");
            let want = ends
                .iter()
                .rev()
                .find(|e| **e <= cut as u64)
                .copied()
                .unwrap_or(0);
            assert_eq!(seen.bytes, want, "cut at {cut}");
        }
    }

    #[test]
    fn zeros_that_a_power_cut_left_do_not_count() {
        let (mut bytes, ends) = file(4);
        let from = usize::try_from(ends[3]).expect("small") + 300;
        bytes[from..].fill(0);
        assert_eq!(
            intact_prefix(&mut Cursor::new(&bytes))
                .expect("reads")
                .bytes,
            ends[3]
        );
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_nothing_panics(
            at in 0usize..4000,
            fill in proptest::collection::vec(any::<u8>(), 1..64),
        ) {
            let (mut bytes, _) = file(3);
            let at = at.min(bytes.len() - 1);
            let end = (at + fill.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&fill[..end - at]);
            let seen = intact_prefix(&mut Cursor::new(&bytes)).expect("reads");
            prop_assert!(seen.bytes <= bytes.len() as u64);
        }
    }
}
