//! How history names people's words without holding them.
//!
//! What people typed is a file (`store/files`); an entry holds only this. Erasing the file leaves
//! the entry, its order and its hash chain whole.

use serde::{Deserialize, Serialize};

use super::id::BlobId;

/// Largest file of people's data, bytes.
pub const MAX_BLOB_BYTES: usize = 256 * 1024;

/// Names one file of people's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Random id; also the file's name.
    pub id: BlobId,
    /// HMAC-SHA-256 of the content under the house's key, lower-case hexadecimal: it proves the
    /// content without letting a reader of the history guess it.
    pub mac: String,
    /// Bytes.
    pub len: u64,
}
