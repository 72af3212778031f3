//! Fragmented MP4 with one video track: the format of recording segments and of the stream to a
//! browser's MediaSource.
//!
//! Source: ISO/IEC 14496-12 (boxes §4.2, `moov` §8.2.1, `mvex` §8.8.1, `moof` §8.8.4, `trun`
//! §8.8.8). The caller, which knows the codec, supplies the sample entry. Deliberately absent:
//! audio, edit lists, more than one track, reading files that another program wrote.

/// One access unit in a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Time until the next one is decoded, ticks.
    pub duration: u32,
    /// Time from its decoding until it is shown, ticks.
    pub composition_offset: i32,
    /// Bytes.
    pub size: u32,
    /// It can be decoded without any other.
    pub keyframe: bool,
}

/// `sample_depends_on = 2`: depends on no other sample.
const SYNC_SAMPLE_FLAGS: u32 = 0x0200_0000;
/// `sample_depends_on = 1`, `sample_is_non_sync_sample`.
const NON_SYNC_SAMPLE_FLAGS: u32 = 0x0101_0000;
/// Version and flags of `trun`, without and with composition offsets.
const TRUN_FLAGS: u32 = 0x0000_0701;
const TRUN_FLAGS_WITH_CTS: u32 = 0x0100_0f01;

fn write_box(out: &mut Vec<u8>, name: [u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&name);
    fill(out);
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

fn write_u32s(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Unity matrix of `mvhd` and `tkhd`.
const UNITY_MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// The first part of a file or stream: `ftyp` and `moov`. `sample_entry` is a whole box;
/// `timescale` in ticks a second.
#[must_use]
pub fn init(timescale: u32, sample_entry: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(700);
    write_box(&mut out, *b"ftyp", |b| {
        b.extend_from_slice(b"iso5\0\0\x02\0iso5iso6mp41");
    });
    write_box(&mut out, *b"moov", |b| {
        write_box(b, *b"mvhd", |b| {
            write_u32s(b, &[0, 0, 0, timescale, 0, 0x0001_0000, 0x0100_0000, 0, 0]);
            write_u32s(b, &UNITY_MATRIX);
            write_u32s(b, &[0, 0, 0, 0, 0, 0, 2]);
        });
        write_box(b, *b"trak", |b| {
            write_box(b, *b"tkhd", |b| {
                write_u32s(b, &[3, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                write_u32s(b, &UNITY_MATRIX);
                write_u32s(b, &[u32::from(width) << 16, u32::from(height) << 16]);
            });
            write_box(b, *b"mdia", |b| {
                write_box(b, *b"mdhd", |b| {
                    write_u32s(b, &[0, 0, 0, timescale, 0, 0x55c4_0000]);
                });
                write_box(b, *b"hdlr", |b| {
                    write_u32s(b, &[0, 0]);
                    b.extend_from_slice(b"vide");
                    write_u32s(b, &[0, 0, 0]);
                    b.push(0);
                });
                write_box(b, *b"minf", |b| {
                    write_box(b, *b"vmhd", |b| write_u32s(b, &[1, 0, 0]));
                    write_box(b, *b"dinf", |b| {
                        write_box(b, *b"dref", |b| {
                            write_u32s(b, &[0, 1]);
                            write_box(b, *b"url ", |b| write_u32s(b, &[1]));
                        });
                    });
                    write_box(b, *b"stbl", |b| {
                        write_box(b, *b"stsd", |b| {
                            write_u32s(b, &[0, 1]);
                            b.extend_from_slice(sample_entry);
                        });
                        write_box(b, *b"stts", |b| write_u32s(b, &[0, 0]));
                        write_box(b, *b"stsc", |b| write_u32s(b, &[0, 0]));
                        write_box(b, *b"stsz", |b| write_u32s(b, &[0, 0, 0]));
                        write_box(b, *b"stco", |b| write_u32s(b, &[0, 0]));
                    });
                });
            });
        });
        write_box(b, *b"mvex", |b| {
            write_box(b, *b"trex", |b| write_u32s(b, &[0, 1, 1, 0, 0, 0]));
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
    write_box(&mut out, name, |b| {
        write_u32s(b, &[0, 1, 0, 0, 0, 0]);
        write_u32s(
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
        write_box(b, config, |b| b.extend_from_slice(record));
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
    let reorders = samples.iter().any(|s| s.composition_offset != 0);
    write_box(&mut out, *b"moof", |b| {
        write_box(b, *b"mfhd", |b| write_u32s(b, &[0, sequence]));
        write_box(b, *b"traf", |b| {
            // default-base-is-moof
            write_box(b, *b"tfhd", |b| write_u32s(b, &[0x0002_0000, 1]));
            write_box(b, *b"tfdt", |b| {
                write_u32s(b, &[0x0100_0000]);
                b.extend_from_slice(&base.to_be_bytes());
            });
            write_box(b, *b"trun", |b| {
                // data offset; duration, size, flags and (signed) composition offset of each sample
                write_u32s(
                    b,
                    &[
                        if reorders {
                            TRUN_FLAGS_WITH_CTS
                        } else {
                            TRUN_FLAGS
                        },
                        u32::try_from(samples.len()).unwrap_or(u32::MAX),
                    ],
                );
                offset_at = b.len();
                write_u32s(b, &[0]);
                for s in samples {
                    write_u32s(
                        b,
                        &[
                            s.duration,
                            s.size,
                            if s.keyframe {
                                SYNC_SAMPLE_FLAGS
                            } else {
                                NON_SYNC_SAMPLE_FLAGS
                            },
                        ],
                    );
                    if reorders {
                        b.extend_from_slice(&s.composition_offset.to_be_bytes());
                    }
                }
            });
        });
    });
    let offset = u32::try_from(out.len() + 8).unwrap_or(u32::MAX);
    out[offset_at..offset_at + 4].copy_from_slice(&offset.to_be_bytes());
    write_box(&mut out, *b"mdat", |b| {
        data.for_each(|d| b.extend_from_slice(d));
    });
    out
}

/// A big-endian word.
fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The body of the box at `path` inside `bytes`.
fn find_box<'a>(bytes: &'a [u8], path: &[[u8; 4]]) -> Option<&'a [u8]> {
    let (name, rest) = path.split_first()?;
    let mut at = 0;
    loop {
        let size = read_u32(bytes, at)? as usize;
        let inside = bytes.get(at + 8..at.checked_add(size)?)?;
        if bytes.get(at + 4..at + 8)? == name {
            return if rest.is_empty() {
                Some(inside)
            } else {
                find_box(inside, rest)
            };
        }
        at += size.max(8);
    }
}

/// Ticks per second, of a `moov` body.
#[must_use]
pub fn timescale(moov: &[u8]) -> Option<u32> {
    find_box(moov, &[*b"mvhd"])
        .and_then(|b| read_u32(b, 12))
        .filter(|t| *t > 0)
}

/// First time in ticks and the samples, of a `moof` body as [`fragment`] writes it.
#[must_use]
pub fn parse_moof(moof: &[u8]) -> Option<(u64, Vec<Sample>)> {
    let time = find_box(moof, &[*b"traf", *b"tfdt"])?;
    let base = u64::from_be_bytes(time.get(4..12)?.try_into().ok()?);
    let run = find_box(moof, &[*b"traf", *b"trun"])?;
    let count = read_u32(run, 4)? as usize;
    let each = match read_u32(run, 0)? {
        TRUN_FLAGS => 12,
        TRUN_FLAGS_WITH_CTS => 16,
        _ => return None,
    };
    (run.len().checked_sub(12)? == count.checked_mul(each)?).then_some(())?;
    let sample = |n: usize| {
        let at = 12 + n * each;
        let shown = if each == 16 {
            read_u32(run, at + 12)?.cast_signed()
        } else {
            0
        };
        Some(Sample {
            duration: read_u32(run, at)?,
            composition_offset: shown,
            size: read_u32(run, at + 4)?,
            keyframe: read_u32(run, at + 8)? == SYNC_SAMPLE_FLAGS,
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
                    composition_offset: shown,
                    size: 3,
                    keyframe: true,
                },
                Sample {
                    duration: 3000,
                    composition_offset: 0,
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
            assert_eq!(
                parse_moof(&bytes[8..size]),
                Some((1 << 40, samples.to_vec()))
            );
            assert_eq!(
                &bytes[size..],
                [0, 0, 0, 13, b'm', b'd', b'a', b't', 1, 2, 3, 4, 5]
            );
        }
    }
}
