//! Fragmented MP4 with one video track: what the ring keeps and what a browser's MediaSource takes.
//!
//! Source: ISO/IEC 14496-12 (boxes §4.2, `moov` §8.2.1, `mvex` §8.8.1, `moof` §8.8.4, `trun`
//! §8.8.8). Sample entries come from whoever knows the codec. Absent: audio, edit lists, more than
//! one track, reading what others wrote.

/// One frame in a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Until the next one is decoded, ticks.
    pub duration: u32,
    /// How long after its decoding it is shown, ticks.
    pub shown: i32,
    /// Bytes.
    pub size: u32,
    /// It can be decoded without any other.
    pub keyframe: bool,
}

/// `sample_depends_on = 2`: needs no other.
const KEY: u32 = 0x0200_0000;
/// `sample_depends_on = 1`, `sample_is_non_sync_sample`.
const DELTA: u32 = 0x0101_0000;
/// Version and flags of `trun`, without and with composition offsets.
const IN_ORDER: u32 = 0x0000_0701;
const REORDERED: u32 = 0x0100_0f01;

fn wrap(out: &mut Vec<u8>, name: [u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&name);
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Unity matrix of `mvhd` and `tkhd`.
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// The first part of a file or stream: `ftyp` and `moov`. `sample_entry` is a whole box;
/// `timescale` in ticks a second.
#[must_use]
pub fn init(timescale: u32, sample_entry: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(700);
    wrap(&mut out, *b"ftyp", |b| {
        b.extend_from_slice(b"iso5\0\0\x02\0iso5iso6mp41");
    });
    wrap(&mut out, *b"moov", |b| {
        wrap(b, *b"mvhd", |b| {
            words(b, &[0, 0, 0, timescale, 0, 0x0001_0000, 0x0100_0000, 0, 0]);
            words(b, &MATRIX);
            words(b, &[0, 0, 0, 0, 0, 0, 2]);
        });
        wrap(b, *b"trak", |b| {
            wrap(b, *b"tkhd", |b| {
                words(b, &[3, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                words(b, &MATRIX);
                words(b, &[u32::from(width) << 16, u32::from(height) << 16]);
            });
            wrap(b, *b"mdia", |b| {
                wrap(b, *b"mdhd", |b| {
                    words(b, &[0, 0, 0, timescale, 0, 0x55c4_0000]);
                });
                wrap(b, *b"hdlr", |b| {
                    words(b, &[0, 0]);
                    b.extend_from_slice(b"vide");
                    words(b, &[0, 0, 0]);
                    b.push(0);
                });
                wrap(b, *b"minf", |b| {
                    wrap(b, *b"vmhd", |b| words(b, &[1, 0, 0]));
                    wrap(b, *b"dinf", |b| {
                        wrap(b, *b"dref", |b| {
                            words(b, &[0, 1]);
                            wrap(b, *b"url ", |b| words(b, &[1]));
                        });
                    });
                    wrap(b, *b"stbl", |b| {
                        wrap(b, *b"stsd", |b| {
                            words(b, &[0, 1]);
                            b.extend_from_slice(sample_entry);
                        });
                        wrap(b, *b"stts", |b| words(b, &[0, 0]));
                        wrap(b, *b"stsc", |b| words(b, &[0, 0]));
                        wrap(b, *b"stsz", |b| words(b, &[0, 0, 0]));
                        wrap(b, *b"stco", |b| words(b, &[0, 0]));
                    });
                });
            });
        });
        wrap(b, *b"mvex", |b| {
            wrap(b, *b"trex", |b| words(b, &[0, 1, 1, 0, 0, 0]));
        });
    });
    out
}

/// A video sample entry, `name`, with its decoder configuration record in a box `config`.
#[must_use]
pub fn sample_entry(
    name: [u8; 4],
    config: [u8; 4],
    record: &[u8],
    width: u16,
    height: u16,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(100 + record.len());
    wrap(&mut out, name, |b| {
        words(b, &[0, 1, 0, 0, 0, 0]);
        words(
            b,
            &[
                u32::from(width) << 16 | u32::from(height),
                0x0048_0000,
                0x0048_0000,
                0,
            ],
        );
        b.extend_from_slice(&[0, 1]);
        b.extend_from_slice(&[0; 32]);
        b.extend_from_slice(&[0, 0x18, 0xff, 0xff]);
        wrap(b, config, |b| b.extend_from_slice(record));
    });
    out
}

/// One fragment, `moof` and `mdat`: `base` is the first sample's time in ticks; `data` yields each
/// sample's bytes in order.
#[must_use]
pub fn fragment<'a>(
    sequence: u32,
    base: u64,
    samples: &[Sample],
    data: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let total: usize = samples.iter().map(|s| s.size as usize).sum();
    let mut out = Vec::with_capacity(total + 100 + samples.len() * 16);
    let mut offset_at = 0;
    let reorders = samples.iter().any(|s| s.shown != 0);
    wrap(&mut out, *b"moof", |b| {
        wrap(b, *b"mfhd", |b| words(b, &[0, sequence]));
        wrap(b, *b"traf", |b| {
            // default-base-is-moof
            wrap(b, *b"tfhd", |b| words(b, &[0x0002_0000, 1]));
            wrap(b, *b"tfdt", |b| {
                words(b, &[0x0100_0000]);
                b.extend_from_slice(&base.to_be_bytes());
            });
            wrap(b, *b"trun", |b| {
                // data offset; duration, size, flags and (signed) composition offset of each sample
                words(
                    b,
                    &[
                        if reorders { REORDERED } else { IN_ORDER },
                        u32::try_from(samples.len()).unwrap_or(u32::MAX),
                    ],
                );
                offset_at = b.len();
                words(b, &[0]);
                for s in samples {
                    words(
                        b,
                        &[s.duration, s.size, if s.keyframe { KEY } else { DELTA }],
                    );
                    if reorders {
                        b.extend_from_slice(&s.shown.to_be_bytes());
                    }
                }
            });
        });
    });
    let offset = u32::try_from(out.len() + 8).unwrap_or(u32::MAX);
    out[offset_at..offset_at + 4].copy_from_slice(&offset.to_be_bytes());
    wrap(&mut out, *b"mdat", |b| {
        data.for_each(|d| b.extend_from_slice(d));
    });
    out
}

/// A big-endian word.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The body of the box at `path` inside `bytes`.
fn find<'a>(bytes: &'a [u8], path: &[[u8; 4]]) -> Option<&'a [u8]> {
    let (name, rest) = path.split_first()?;
    let mut at = 0;
    loop {
        let size = word(bytes, at)? as usize;
        let inside = bytes.get(at + 8..at.checked_add(size)?)?;
        if bytes.get(at + 4..at + 8)? == name {
            return if rest.is_empty() {
                Some(inside)
            } else {
                find(inside, rest)
            };
        }
        at += size.max(8);
    }
}

/// Ticks per second, of a `moov` body.
#[must_use]
pub fn timescale(moov: &[u8]) -> Option<u32> {
    find(moov, &[*b"mvhd"])
        .and_then(|b| word(b, 12))
        .filter(|t| *t > 0)
}

/// First time in ticks and the samples, of a `moof` body as [`fragment`] writes it.
#[must_use]
pub fn run(moof: &[u8]) -> Option<(u64, Vec<Sample>)> {
    let time = find(moof, &[*b"traf", *b"tfdt"])?;
    let base = u64::from_be_bytes(time.get(4..12)?.try_into().ok()?);
    let run = find(moof, &[*b"traf", *b"trun"])?;
    let count = word(run, 4)? as usize;
    let each = match word(run, 0)? {
        IN_ORDER => 12,
        REORDERED => 16,
        _ => return None,
    };
    (run.len().checked_sub(12)? == count.checked_mul(each)?).then_some(())?;
    let sample = |n: usize| {
        let at = 12 + n * each;
        let shown = if each == 16 {
            word(run, at + 12)?.cast_signed()
        } else {
            0
        };
        Some(Sample {
            duration: word(run, at)?,
            shown,
            size: word(run, at + 4)?,
            keyframe: word(run, at + 8)? == KEY,
        })
    };
    let samples: Option<Vec<_>> = (0..count).map(sample).collect();
    Some((base, samples?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let head = init(90_000, &[0, 0, 0, 8, b'a', b'v', b'c', b'1'], 640, 360);
        let moov = head.windows(4).position(|w| w == b"moov").expect("moov") + 4;
        assert_eq!(timescale(&head[moov..]), Some(90_000));
        for shown in [0, 9000, -40] {
            let samples = [
                Sample {
                    duration: 6000,
                    shown,
                    size: 3,
                    keyframe: true,
                },
                Sample {
                    duration: 3000,
                    shown: 0,
                    size: 2,
                    keyframe: false,
                },
            ];
            let bytes = fragment(
                7,
                1 << 40,
                &samples,
                [&[1u8, 2, 3][..], &[4, 5]].into_iter(),
            );
            let size = u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize;
            assert_eq!(run(&bytes[8..size]), Some((1 << 40, samples.to_vec())));
            assert_eq!(
                &bytes[size..],
                [0, 0, 0, 13, b'm', b'd', b'a', b't', 1, 2, 3, 4, 5]
            );
        }
    }
}
