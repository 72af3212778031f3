//! References to blobs: how history names texts of people without containing them.
//!
//! A text that people typed is a file (`store/files`); an entry holds only a reference. Erasing the
//! file leaves the entry, its order and its hash chain whole.

use serde::{Deserialize, Serialize};

use super::id::BlobId;

/// Largest blob, bytes.
pub const MAX_BLOB_BYTES: usize = 256 * 1024;

/// Largest blob that is a file of the village and no text that somebody typed, bytes.
pub const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Names one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Random id; also the file's name.
    pub id: BlobId,
    /// HMAC-SHA-256 of the content under the gateway's key, lower-case hexadecimal. It proves the
    /// content, but somebody who reads the history cannot use it to guess the content.
    pub mac: String,
    /// Length of the content, bytes.
    pub len: u64,
}

impl BlobRef {
    /// Whether both name the same content, each perhaps in a file of its own.
    #[must_use]
    pub fn has_content_of(&self, other: &Self) -> bool {
        (&self.mac, self.len) == (&other.mac, other.len)
    }
}
