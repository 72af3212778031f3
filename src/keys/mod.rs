//! Keys and certificates: certificate authorities, certificates renewed while serving, signatures,
//! secrets, PINs.
//!
//! Only this module reads private keys. ring is the one TLS provider. Certificates are judged by a
//! time that is never before what the gateway already knows, because the box has no battery-backed
//! clock.

pub mod authority;
pub mod certificate_status;
mod clocked_verifier;
pub mod holders;
mod key_spec;
pub mod lifetime;
pub mod pins;
mod public_name;
pub mod ring;
pub mod secret;
pub mod signing;
pub mod tls;
pub mod x509;
