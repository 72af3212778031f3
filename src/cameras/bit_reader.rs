//! Reads the few bits of H.264 and H.265 that the gateway itself needs: ids of parameter sets,
//! types of slices, and what an H.265 sequence parameter set holds about size and order.
//!
//! Source: ITU-T H.264 (7.3.2, 7.3.3), H.265 (7.3.2.2, 7.3.3). Invariant: whatever the bytes are,
//! reading ends in a value or in none. Deliberately absent: everything that only a decoder needs.

/// Reads bits of a NAL unit, leaving out its emulation prevention bytes.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    zeros: u8,
    bit: u8,
}

impl<'a> BitReader<'a> {
    /// Starts at the first byte after the header of the NAL unit.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            zeros: 0,
            bit: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.bit == 0 && self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
            self.at += 1;
            self.zeros = 0;
        }
        let byte = *self.bytes.get(self.at)?;
        let bit = byte >> (7 - self.bit) & 1;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.at += 1;
            self.zeros = if byte == 0 {
                self.zeros.saturating_add(1)
            } else {
                0
            };
        }
        Some(u32::from(bit))
    }

    /// `u(n)`, at most 32 bits.
    pub fn read_bits(&mut self, n: u32) -> Option<u32> {
        (0..n).try_fold(0u32, |sum, _| Some(sum << 1 | self.bit()?))
    }

    /// `ue(v)`.
    pub fn read_ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read_bits(zeros)?)
    }

    fn skip(&mut self, n: u32) -> Option<()> {
        (0..n).try_for_each(|_| self.bit().map(|_| ()))
    }
}

/// Type of an H.264 slice (0 P, 1 B, 2 I, 3 SP, 4 SI) and the id of its picture parameter set.
pub fn avc_slice(nal: &[u8]) -> Option<(u32, u32)> {
    let mut bits = BitReader::new(nal.get(1..)?);
    bits.read_ue()?;
    Some((bits.read_ue()? % 5, bits.read_ue()?))
}

/// How many pictures until the H.264 recovery point, when the SEI message has one.
pub fn avc_recovery(nal: &[u8]) -> Option<u32> {
    let mut at = nal.get(1..)?;
    loop {
        let mut field = || {
            let mut sum = 0usize;
            loop {
                let (first, rest) = at.split_first()?;
                at = rest;
                sum += usize::from(*first);
                if *first != 255 {
                    return Some(sum);
                }
            }
        };
        let (kind, size) = (field()?, field()?);
        if kind == 6 {
            return BitReader::new(at).read_ue();
        }
        at = at.get(size..)?;
    }
}

/// Id of the picture parameter set of an H.265 intra random access slice.
pub fn hevc_key_slice(nal: &[u8]) -> Option<u32> {
    let mut bits = BitReader::new(nal.get(2..)?);
    bits.skip(2)?;
    bits.read_ue()
}

/// The needed values of an H.265 sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HevcSps {
    /// Its id.
    pub id: u32,
    /// The video parameter set that it belongs to.
    pub video: u32,
    /// Profile space, tier, profile, compatibility, constraints and level: twelve bytes.
    pub profile: [u8; 12],
    /// Number of temporal sub-layers.
    pub layers: u8,
    /// Temporal id nesting.
    pub nested: u8,
    /// Chroma format.
    pub chroma: u8,
    /// Bits per sample less eight, of luma and of chroma.
    pub depth: (u8, u8),
    /// Size of the shown picture, pixels.
    pub size: (u32, u32),
    /// How many pictures may be sent before one that is shown earlier.
    pub reorder: usize,
}

impl HevcSps {
    /// Reads a complete NAL unit.
    pub fn read(nal: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(nal.get(2..)?);
        let (video, layers, nested) = (
            bits.read_bits(4)?,
            bits.read_bits(3)? + 1,
            bits.read_bits(1)?,
        );
        let mut profile = [0; 12];
        for byte in &mut profile {
            *byte = u8::try_from(bits.read_bits(8)?).ok()?;
        }
        if layers > 1 {
            let told: Vec<(u32, u32)> = (1..layers)
                .map(|_| Some((bits.read_bits(1)?, bits.read_bits(1)?)))
                .collect::<Option<_>>()?;
            bits.skip(2 * (9 - layers))?;
            for (profile, level) in told {
                bits.skip(profile * 88 + level * 8)?;
            }
        }
        let (id, chroma) = (bits.read_ue()?, bits.read_ue()?);
        if chroma == 3 {
            bits.skip(1)?;
        }
        let (width, height) = (bits.read_ue()?, bits.read_ue()?);
        let (mut across, mut down) = (0u32, 0u32);
        if bits.read_bits(1)? == 1 {
            let [left, right, top, bottom] = [
                bits.read_ue()?,
                bits.read_ue()?,
                bits.read_ue()?,
                bits.read_ue()?,
            ];
            let unit = if matches!(chroma, 1 | 2) { 2 } else { 1 };
            across = left.checked_add(right)?.checked_mul(unit)?;
            down = top
                .checked_add(bottom)?
                .checked_mul(if chroma == 1 { 2 } else { 1 })?;
        }
        let depth = (
            u8::try_from(bits.read_ue()?).ok()?,
            u8::try_from(bits.read_ue()?).ok()?,
        );
        bits.read_ue()?;
        let mut reorder = 0;
        let each = bits.read_bits(1)? == 1;
        for _ in 0..if each { layers } else { 1 } {
            bits.read_ue()?;
            reorder = bits.read_ue()?;
            bits.read_ue()?;
        }
        let size = (width.checked_sub(across)?, height.checked_sub(down)?);
        (depth.0 < 8 && depth.1 < 8 && chroma < 4).then_some(())?;
        Some(Self {
            id,
            video,
            profile,
            layers: u8::try_from(layers).ok()?,
            nested: u8::try_from(nested).ok()?,
            chroma: u8::try_from(chroma).ok()?,
            depth,
            size,
            reorder: reorder.min(16) as usize,
        })
    }

    /// Its name by RFC 6381, such as `hvc1.1.6.L93.B0`.
    pub fn codec(&self) -> String {
        let p = &self.profile;
        let space = ["", "A", "B", "C"][usize::from(p[0] >> 6)];
        let compatible = u32::from_be_bytes([p[1], p[2], p[3], p[4]]).reverse_bits();
        let tier = if p[0] & 0x20 == 0 { 'L' } else { 'H' };
        let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{}", p[0] & 0x1f, p[11]);
        let constraints = &p[5..11];
        for byte in &constraints[..constraints
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |n| n + 1)]
        {
            name.push_str(&format!(".{byte:X}"));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_variable_length_are_read_and_stuffing_is_left_out() {
        // 1, 010, 011, 00100, then 0x000003 0x01 that stands for 0x000001.
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0000, 0, 0, 3, 1]);
        assert_eq!(
            [
                bits.read_ue(),
                bits.read_ue(),
                bits.read_ue(),
                bits.read_ue()
            ],
            [Some(0), Some(1), Some(2), Some(3)]
        );
        assert_eq!(bits.read_bits(4 + 24), Some(1));
        assert_eq!(bits.read_bits(1), None);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_nothing_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = (avc_slice(&bytes), avc_recovery(&bytes), hevc_key_slice(&bytes));
            let _ = HevcSps::read(&bytes).map(|s| s.codec());
        }
    }
}
