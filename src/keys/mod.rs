//! WHO WE ARE: certificate authorities, certificates renewed while serving, signatures, secrets,
//! PINs.
//!
//! The only reader of private keys. ring is the one TLS provider; certificates are judged by a time
//! that never lies before what the house already knows (the box has no battery-backed clock).

pub mod authority;
pub mod certificate_status;
mod clocked_verifier;
pub mod holders;
pub mod pins;
pub mod ring;
pub mod secret;
pub mod signing;
pub mod tls;
