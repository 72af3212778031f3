//! The table by which damage costs no more than the records that it hit: twice in each group,
//! before and behind its records, it lists the length and the checksum of each record, and the
//! position of the group in the log.
//!
//! A table is itself a record of the group, of a kind that older versions do not know and skip. It
//! locates its records by itself: whatever else of the group is lost (the frame's header, the other
//! table, other records), one intact table finds every intact record. Layout, little-endian: magic,
//! flags u8 (1 = behind the records), log id 16 B, number u64, previous number u64, first needed
//! number u64, count u32, then (length u32, CRC32C u32) for each record, and CRC32C u32 over all of
//! it.

/// The first bytes of a table; the last but one is the version.
const MAGIC: &[u8; 8] = b"TABLE\xf3\x01\n";
/// Bytes of a table without its rows.
pub const FIXED_BYTES: usize = 8 + 1 + 16 + 8 + 8 + 8 + 4 + 4;
/// Bytes of a row.
pub const ROW_BYTES: usize = 8;
/// Most rows of a table: more records never fit into a group.
const ROWS_MAX: usize = 1 << 17;

/// Identifies one persistence log.
pub type LogId = [u8; 16];

/// The position of a group in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupPosition {
    pub log_id: LogId,
    /// Rises from group to group, also across restarts.
    pub number: u64,
    /// The group before it; groups with numbers between them were never written completely.
    pub previous: u64,
    /// The first group that still counts: the one with which the last complete snapshot begins.
    pub first_needed: u64,
}

/// A table as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct ChecksumTable {
    pub position: GroupPosition,
    pub is_trailer: bool,
    /// Length and checksum of each record.
    pub rows: Vec<(usize, u32)>,
    /// Bytes of the table itself.
    pub encoded_len: usize,
}

/// Encodes the table of a group.
pub fn encode(stand: &GroupPosition, is_behind: bool, records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED_BYTES + records.len() * ROW_BYTES);
    out.extend_from_slice(MAGIC);
    out.push(u8::from(is_behind));
    out.extend_from_slice(&stand.log_id);
    for n in [stand.number, stand.previous, stand.first_needed] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&length(records.len()));
    for record in records {
        out.extend_from_slice(&length(record.len()));
        out.extend_from_slice(&crc32c::crc32c(record).to_le_bytes());
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

fn n64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at + 8)?
        .try_into()
        .ok()
        .map(u64::from_le_bytes)
}

fn n32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_le_bytes)
}

impl ChecksumTable {
    /// Reads the table at the beginning of `bytes`; `None` when there is no intact one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let is_behind = *rest.first()? == 1;
        let log_id = rest.get(1..17)?.try_into().ok()?;
        let count = n32(bytes, 49)
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n <= ROWS_MAX)?;
        let end = FIXED_BYTES - 4 + count * ROW_BYTES;
        if crc32c::crc32c(bytes.get(..end)?) != n32(bytes, end)? {
            return None;
        }
        let stand = GroupPosition {
            log_id,
            number: n64(bytes, 25)?,
            previous: n64(bytes, 33)?,
            first_needed: n64(bytes, 41)?,
        };
        let rows = (0..count)
            .map(|i| {
                Some((
                    n32(bytes, FIXED_BYTES - 4 + i * ROW_BYTES)? as usize,
                    n32(bytes, FIXED_BYTES + i * ROW_BYTES)?,
                ))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            position: stand,
            is_trailer: is_behind,
            rows,
            encoded_len: end + 4,
        })
    }

    /// All intact tables in `bytes`, with their offsets.
    pub fn find_all(bytes: &[u8]) -> Vec<(usize, Self)> {
        memchr::memmem::find_iter(bytes, MAGIC)
            .filter_map(|at| Some((at, Self::read(&bytes[at..])?)))
            .collect()
    }

    /// The records of the table at offset `at`; `None` for each that its checksum does not match.
    pub fn records(&self, bytes: &[u8], at: usize) -> Vec<Option<Vec<u8>>> {
        let all: usize = self.rows.iter().map(|(len, _)| len + 4).sum();
        // Each record, and the table itself, has its length before it.
        let begin = if self.is_trailer {
            at.checked_sub(4 + all)
        } else {
            Some(at + self.encoded_len)
        };
        let mut next = begin;
        self.rows
            .iter()
            .map(|(len, sum)| {
                let from = next? + 4;
                next = Some(from + len);
                bytes
                    .get(from..from + len)
                    .filter(|record| crc32c::crc32c(record) == *sum)
                    .map(<[u8]>::to_vec)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_table_finds_every_whole_record_and_none_that_rotted() {
        let stand = GroupPosition {
            log_id: [7; 16],
            number: 9,
            previous: 7,
            first_needed: 3,
        };
        let records: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; usize::from(n) * 3]).collect();
        let parts = [
            vec![encode(&stand, false, &records)],
            records.clone(),
            vec![encode(&stand, true, &records)],
        ]
        .concat();
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(|p| [&u32::try_from(p.len()).expect("small").to_le_bytes()[..], p].concat())
            .collect();
        for bit in 0..bytes.len() * 8 {
            let mut rot = bytes.clone();
            rot[bit / 8] ^= 1 << (bit % 8);
            let tables = ChecksumTable::find_all(&rot);
            assert!(
                !tables.is_empty() && tables.iter().all(|(_, t)| t.position == stand),
                "bit {bit}"
            );
            let found: Vec<Vec<Option<Vec<u8>>>> =
                tables.iter().map(|(at, t)| t.records(&rot, *at)).collect();
            let lost = (0..records.len())
                .filter(|n| found.iter().all(|f| f[*n].is_none()))
                .count();
            assert!(lost <= 1, "bit {bit} cost {lost} records");
            assert!(
                found.iter().all(|f| f
                    .iter()
                    .zip(&records)
                    .all(|(f, r)| f.as_ref().is_none_or(|f| f == r))),
                "bit {bit} made a record that nobody wrote"
            );
        }
        for cut in 0..bytes.len() {
            assert!(
                ChecksumTable::find_all(&bytes[..cut])
                    .iter()
                    .all(|(_, t)| t.position == stand)
            );
        }
    }
}
