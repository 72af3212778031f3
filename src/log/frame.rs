//! One group on disk: a header of 192 bytes, records, padding to 4 KiB.
//!
//! Layout, little-endian: magic `CLGP`, version u16, zero u16, segment u64, epoch 16 B, group u64,
//! first seq u64, payload length u32, record count u32, CRC32C u32 (over the whole frame without
//! padding, this field zero), zero u32, stamp 128 B (the caller's; the journal stores its hash
//! chain heads there), then records, each a u32 length and bytes. The CRC lies at the same offset
//! in every version, so a newer frame is distinguished from a damaged one.

/// Frames begin on this boundary and are padded to it: the smallest write that an SD card does not
/// turn into a larger one.
pub const BLOCK_BYTES: usize = 4096;
/// Bytes before the records.
pub const HEADER_BYTES: usize = 192;
/// Format version written here.
pub const VERSION: u16 = 1;
/// Largest payload of one group: half a segment, so that a group always fits in a fresh one.
pub const MAX_PAYLOAD: usize = 512 * 1024;

const MAGIC: [u8; 4] = *b"CLGP";

/// The caller's 128 bytes in each header.
pub type Stamp = [u8; 128];

/// The name of one boot: 128 random bits.
pub type Epoch = [u8; 16];

/// One synced group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Number of the segment that holds it.
    pub segment: u64,
    /// The boot that wrote it.
    pub epoch: Epoch,
    /// Dense number in its epoch, from 0.
    pub number: u64,
    /// Sequence number of the first record in it, as the caller numbers them.
    pub first_seq: u64,
    /// The caller's bytes in the header.
    pub stamp: Stamp,
    /// The records.
    pub records: Vec<Vec<u8>>,
}

/// The result of decoding at a block boundary.
#[derive(Debug, PartialEq, Eq)]
pub enum BlockScan {
    /// A whole group, and its size in bytes with padding.
    Group(Box<Group>, usize),
    /// Nothing valid: zeros, garbage, or a torn frame.
    Nothing,
    /// A valid frame of a version this program does not know.
    Newer(u16),
}

/// Bytes that a group with these records takes on disk.
#[must_use]
pub fn size_of(records: &[&[u8]]) -> usize {
    (HEADER_BYTES + records.iter().map(|r| r.len() + 4).sum::<usize>())
        .next_multiple_of(BLOCK_BYTES)
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Encodes one group, padded. The caller must not let the payload exceed [`MAX_PAYLOAD`].
#[must_use]
pub fn encode(
    segment: u64,
    epoch: &Epoch,
    number: u64,
    first_seq: u64,
    stamp: &Stamp,
    records: &[&[u8]],
) -> Vec<u8> {
    let payload: usize = records.iter().map(|r| r.len() + 4).sum();
    let mut out = Vec::with_capacity(size_of(records));
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&segment.to_le_bytes());
    out.extend_from_slice(epoch);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&first_seq.to_le_bytes());
    out.extend_from_slice(&length(payload).to_le_bytes());
    out.extend_from_slice(&length(records.len()).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(stamp);
    for record in records {
        out.extend_from_slice(&length(record.len()).to_le_bytes());
        out.extend_from_slice(record);
    }
    let crc = crc32c::crc32c(&out);
    out[56..60].copy_from_slice(&crc.to_le_bytes());
    out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
    out
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(b)
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    let mut b = [0; 4];
    b.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(b) as usize
}

/// Decodes the frame at the beginning of `bytes`. Never panics on any content.
#[must_use]
pub fn decode(bytes: &[u8]) -> BlockScan {
    if bytes.len() < HEADER_BYTES || bytes[..4] != MAGIC {
        return BlockScan::Nothing;
    }
    let payload = u32_at(bytes, 48);
    let end = HEADER_BYTES.saturating_add(payload);
    if payload > MAX_PAYLOAD || end > bytes.len() {
        return BlockScan::Nothing;
    }
    let crc = crc32c::crc32c_append(
        crc32c::crc32c_append(crc32c::crc32c(&bytes[..56]), &[0; 4]),
        &bytes[60..end],
    );
    if crc as usize != u32_at(bytes, 56) {
        return BlockScan::Nothing;
    }
    let version = u16::from_le_bytes([bytes[4], bytes[5]]);
    if version > VERSION {
        return BlockScan::Newer(version);
    }
    let mut records = Vec::new();
    let mut at = HEADER_BYTES;
    for _ in 0..u32_at(bytes, 52) {
        if at + 4 > end {
            return BlockScan::Nothing;
        }
        let len = u32_at(bytes, at);
        at += 4;
        if len > end - at {
            return BlockScan::Nothing;
        }
        records.push(bytes[at..at + len].to_vec());
        at += len;
    }
    let mut epoch = [0; 16];
    epoch.copy_from_slice(&bytes[16..32]);
    let mut stamp = [0; 128];
    stamp.copy_from_slice(&bytes[64..192]);
    let group = Group {
        segment: u64_at(bytes, 8),
        epoch,
        number: u64_at(bytes, 32),
        first_seq: u64_at(bytes, 40),
        stamp,
        records,
    };
    BlockScan::Group(Box::new(group), end.next_multiple_of(BLOCK_BYTES))
}
