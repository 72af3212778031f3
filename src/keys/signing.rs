//! Ed25519 signatures of orders to speaker clusters. Source: RFC 8032, strict verification.

use std::io;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Signs orders with the signing key.
pub struct CommandSigner(SigningKey);

impl CommandSigner {
    /// Loads the key from a secret file, or makes one.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is too short.
    pub fn load_or_make(path: &Path) -> io::Result<Self> {
        Self::from_bytes(&super::secret::load_or_make(path)?)
    }

    /// From the 32 bytes that a key file holds.
    ///
    /// # Errors
    /// When they are fewer.
    pub fn from_bytes(content: &[u8]) -> io::Result<Self> {
        let seed: [u8; 32] = content
            .get(..32)
            .and_then(|s| s.try_into().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Signs; the signature as base64.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        Base64::encode_string(&self.0.sign(message).to_bytes())
    }

    /// The public key as base64, for receivers to pin.
    #[must_use]
    pub fn public(&self) -> String {
        Base64::encode_string(&self.0.verifying_key().to_bytes())
    }
}

/// A pinned public key.
#[derive(Debug, Clone)]
pub struct PinnedPublicKey(VerifyingKey);

impl PinnedPublicKey {
    /// From base64.
    ///
    /// # Errors
    /// A sentence that says why it is not a sound public key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        let len = Base64::decode(text.trim(), &mut bytes)
            .map_err(|e| format!("the key is not base64: {e}"))?
            .len();
        let key = VerifyingKey::from_bytes(&bytes).map_err(|e| format!("not a public key: {e}"))?;
        if len != 32 || key.is_weak() {
            return Err("not a sound public key".into());
        }
        Ok(Self(key))
    }

    /// True when the base64 signature is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        let mut bytes = [0; 64];
        Base64::decode(signature, &mut bytes).is_ok_and(|b| b.len() == 64)
            && self
                .0
                .verify_strict(message, &Signature::from_bytes(&bytes))
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_signs_and_only_what_was_signed_verifies() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let key = CommandSigner::load_or_make(&folder.join("voice.key")).expect("made");
        let again = CommandSigner::load_or_make(&folder.join("voice.key")).expect("loaded");
        assert_eq!(key.public(), again.public());
        let pinned = PinnedPublicKey::parse(&key.public()).expect("sound");
        let signature = key.sign(b"play");
        assert!(pinned.verify(b"play", &signature));
        assert!(!pinned.verify(b"plaY", &signature));
        assert!(!pinned.verify(b"play", "AAAA"));
        assert!(
            PinnedPublicKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_err(),
            "a weak key"
        );
    }
}
