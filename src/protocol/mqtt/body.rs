//! Reading a packet's body. A body that is too short is malformed; the packet is complete, so
//! reading never waits for more bytes.

use bytes::{Buf as _, Bytes};

use super::Violation;

/// A body being read.
pub struct BodyReader(pub Bytes);

impl BodyReader {
    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    pub fn u8(&mut self) -> Result<u8, Violation> {
        if self.0.is_empty() {
            return Err(Violation::PacketTooShort);
        }
        Ok(self.0.get_u8())
    }

    pub fn u16(&mut self) -> Result<u16, Violation> {
        if self.0.len() < 2 {
            return Err(Violation::PacketTooShort);
        }
        Ok(self.0.get_u16())
    }

    pub fn u32(&mut self) -> Result<u32, Violation> {
        if self.0.len() < 4 {
            return Err(Violation::PacketTooShort);
        }
        Ok(self.0.get_u32())
    }

    pub fn varint(&mut self) -> Result<usize, Violation> {
        let mut value = 0;
        for shift in 0..4 {
            let byte = self.u8()?;
            value |= usize::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Violation::LengthTooLong)
    }

    pub fn take(&mut self, len: usize) -> Result<Bytes, Violation> {
        if self.0.len() < len {
            return Err(Violation::PacketTooShort);
        }
        Ok(self.0.split_to(len))
    }

    pub fn binary(&mut self) -> Result<Bytes, Violation> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A UTF-8 string without NUL [MQTT-1.5.4-1, -2].
    pub fn utf8_bytes(&mut self) -> Result<Bytes, Violation> {
        let bytes = self.binary()?;
        match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => Ok(bytes),
            _ => Err(Violation::TextInvalid),
        }
    }

    pub fn string(&mut self) -> Result<String, Violation> {
        let bytes = self.utf8_bytes()?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
