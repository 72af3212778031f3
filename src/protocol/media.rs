//! Requests to the `media` worker and its replies, over a socket of their own: length, then body.
//!
//! The length of the body is a big-endian `u32`. Deliberately absent: anything that an outsider
//! could name in a request. It holds numbers and coded access units, never a text that would become
//! part of a media pipeline.

/// Largest message.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A line from the worker.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum MediaWorkerEvent {
    /// Alive; sent by `supervisor::child`, which every worker shares.
    Beat,
    /// The worker entered its sandbox.
    #[serde(rename = "shut_in")]
    Sandboxed {
        /// The kernel denies it other files and other system calls.
        whole: bool,
    },
}

/// The codec of an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
}

/// Asks for a still of one keyframe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillRequest {
    /// Returned in the reply.
    pub id: u64,
    /// Its codec.
    pub coding: VideoCodec,
    /// Width of the still in pixels; its height follows.
    pub width: u16,
    /// Width of the same picture for a tile of the wall.
    pub tile_width: u16,
    /// Decoder configuration record.
    pub decoder: Vec<u8>,
    /// One keyframe, NAL units with lengths of four bytes.
    pub frame: Vec<u8>,
}

/// Why there is no still; a sentence for the technician.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StillError {
    /// The keyframe cannot be decoded.
    Undecodable(String),
    /// This machine cannot decode this codec.
    UnsupportedCodec(String),
    /// Decoding took too long; whether the keyframe can be decoded is not known.
    TimedOut(String),
}

/// One picture in two sizes, each a JPEG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillImages {
    /// For the page of its camera.
    pub full: Vec<u8>,
    /// For a tile of the wall.
    pub tile: Vec<u8>,
}

/// A still, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillReply {
    /// The id of the request.
    pub id: u64,
    /// The images, or why there are none.
    pub still: Result<StillImages, StillError>,
}

fn message(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0; 4];
    fill(&mut out);
    let len = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&len.to_be_bytes());
    out
}

/// Takes `N` bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

impl StillRequest {
    /// The message with its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|b| {
            b.extend_from_slice(&self.id.to_be_bytes());
            b.push(u8::from(self.coding == VideoCodec::H265));
            b.extend_from_slice(&self.width.to_be_bytes());
            b.extend_from_slice(&self.tile_width.to_be_bytes());
            b.extend_from_slice(&u32::try_from(self.decoder.len()).unwrap_or(0).to_be_bytes());
            b.extend_from_slice(&self.decoder);
            b.extend_from_slice(&self.frame);
        })
    }

    /// Decodes a body; none = it is malformed.
    #[must_use]
    pub fn decode(mut body: &[u8]) -> Option<Self> {
        let id = u64::from_be_bytes(take(&mut body)?);
        let [coding] = take(&mut body)?;
        let width = u16::from_be_bytes(take(&mut body)?);
        let tile_width = u16::from_be_bytes(take(&mut body)?);
        let len = u32::from_be_bytes(take(&mut body)?) as usize;
        let (decoder, frame) = body.split_at_checked(len)?;
        Some(Self {
            id,
            coding: if coding == 0 {
                VideoCodec::H264
            } else {
                VideoCodec::H265
            },
            width,
            tile_width,
            decoder: decoder.to_vec(),
            frame: frame.to_vec(),
        })
    }
}

impl StillReply {
    /// The message with its length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|b| {
            b.extend_from_slice(&self.id.to_be_bytes());
            match &self.still {
                Ok(StillImages { full, tile }) => {
                    b.push(1);
                    b.extend_from_slice(&u32::try_from(full.len()).unwrap_or(0).to_be_bytes());
                    b.extend_from_slice(full);
                    b.extend_from_slice(tile);
                }
                Err(StillError::Undecodable(why)) => {
                    b.push(0);
                    b.extend_from_slice(why.as_bytes());
                }
                Err(StillError::UnsupportedCodec(why)) => {
                    b.push(2);
                    b.extend_from_slice(why.as_bytes());
                }
                Err(StillError::TimedOut(why)) => {
                    b.push(3);
                    b.extend_from_slice(why.as_bytes());
                }
            }
        })
    }

    /// Decodes a body; none = it is malformed.
    #[must_use]
    pub fn decode(mut body: &[u8]) -> Option<Self> {
        let id = u64::from_be_bytes(take(&mut body)?);
        let [well] = take(&mut body)?;
        let words = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        let still = match well {
            1 => {
                let len = u32::from_be_bytes(take(&mut body)?) as usize;
                let (full, tile) = body.split_at_checked(len)?;
                Ok(StillImages {
                    full: full.to_vec(),
                    tile: tile.to_vec(),
                })
            }
            2 => Err(StillError::UnsupportedCodec(words(body))),
            3 => Err(StillError::TimedOut(words(body))),
            _ => Err(StillError::Undecodable(words(body))),
        };
        Some(Self { id, still })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_back_as_they_were_and_cut_ones_are_refused() {
        let ask = StillRequest {
            id: 7,
            coding: VideoCodec::H265,
            width: 640,
            tile_width: 320,
            decoder: vec![1, 2, 3],
            frame: vec![4; 100],
        };
        let bytes = ask.encode();
        assert_eq!(
            u32::from_be_bytes(bytes[..4].try_into().expect("four")) as usize,
            bytes.len() - 4
        );
        assert_eq!(StillRequest::decode(&bytes[4..]), Some(ask));
        for cut in 0..20 {
            assert!(
                StillRequest::decode(&bytes[4..4 + cut.min(16)]).is_none_or(|a| a.frame.is_empty()),
                "cut at {cut}"
            );
        }
        for still in [
            Ok(StillImages {
                full: vec![0xff, 0xd8, 1],
                tile: vec![0xff, 0xd8],
            }),
            Err(StillError::Undecodable("it is broken".to_owned())),
            Err(StillError::UnsupportedCodec("no decoder".to_owned())),
            Err(StillError::TimedOut("too slow".to_owned())),
        ] {
            let answer = StillReply { id: 9, still };
            assert_eq!(StillReply::decode(&answer.encode()[4..]), Some(answer));
        }
        assert_eq!(StillReply::decode(&[0; 8]), None);
        let beyond = [&[0; 8][..], &[1, 0, 0, 0, 9, 1]].concat();
        assert_eq!(StillReply::decode(&beyond), None);
    }
}
