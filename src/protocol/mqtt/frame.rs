//! Splitting the byte stream into packets.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{PacketType, Violation};

/// One packet as it was received: first byte and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPacket {
    /// Type (high four bits) and flags.
    pub first_byte: u8,
    /// The bytes behind the length.
    pub body: Bytes,
}

/// Takes one packet off the front of `buffer`; none = more bytes are needed. `max_body` bounds the
/// body.
///
/// # Errors
/// A [`Violation`] when the length is malformed or too large; nothing can be read after it.
pub fn split_packet(
    buffer: &mut BytesMut,
    max_body: usize,
) -> Result<Option<RawPacket>, Violation> {
    let mut len = 0usize;
    let mut header = 1;
    loop {
        let Some(byte) = buffer.get(header) else {
            return Ok(None);
        };
        len |= usize::from(byte & 0x7f) << (7 * (header - 1));
        header += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if header == 5 {
            return Err(Violation::LengthTooLong);
        }
    }
    if len > max_body {
        return Err(Violation::PacketTooLarge);
    }
    if buffer.len() < header + len {
        return Ok(None);
    }
    let first = buffer[0];
    buffer.advance(header);
    Ok(Some(RawPacket {
        first_byte: first,
        body: buffer.split_to(len).freeze(),
    }))
}

/// Writes a packet: header with its fixed flags, and body.
pub fn put_packet(out: &mut BytesMut, packet_type: PacketType, body: &[u8]) {
    out.reserve(body.len() + 5);
    out.extend_from_slice(&[packet_type.first_byte()]);
    put_varint(out, body.len());
    out.extend_from_slice(body);
}

/// Bytes that a variable byte integer takes.
#[must_use]
pub const fn varint_len(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

/// Writes a variable byte integer (at most 268,435,455; a larger value is reduced to that).
pub fn put_varint(out: &mut BytesMut, value: usize) {
    let mut remaining = value.min(268_435_455);
    loop {
        let byte = u8::try_from(remaining & 0x7f).unwrap_or(0);
        remaining >>= 7;
        if remaining == 0 {
            out.extend_from_slice(&[byte]);
            return;
        }
        out.extend_from_slice(&[byte | 0x80]);
    }
}
