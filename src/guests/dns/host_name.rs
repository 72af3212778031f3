//! Names of hosts as people write them: in configuration, in lists.

use hickory_proto::rr::Name;

use super::question::{self_and_parents, wire_name};

/// Why a text is no name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// It has other characters, or none.
    #[error("this is no name of a host, such as `dichvucong.gov.vn`")]
    NotAName,
    /// It would mean a whole country or kind of domain.
    #[error("this is too wide: a name has two parts at least")]
    TooWide,
}

/// The name on the wire in lower case; letters beyond ASCII as the wire has them.
///
/// # Errors
/// [`HostNameError`].
pub fn wire_name_of(text: &str) -> Result<Vec<u8>, HostNameError> {
    let name = Name::from_utf8(text).map_err(|_| HostNameError::NotAName)?;
    let wire = wire_name(&name).to_ascii_lowercase();
    match self_and_parents(&wire).count() {
        0 => Err(HostNameError::NotAName),
        _ if !labels(&wire).all(|label| label.iter().all(is_of_host)) => {
            Err(HostNameError::NotAName)
        }
        1 => Err(HostNameError::TooWide),
        _ => Ok(wire),
    }
}

/// Whether names of hosts have this character. The underscore stands in names of services.
pub const fn is_of_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The parts of a name on the wire.
pub fn labels(wire_name: &[u8]) -> impl Iterator<Item = &[u8]> {
    self_and_parents(wire_name).filter_map(|rest| {
        let (length, text) = rest.split_first()?;
        text.get(..usize::from(*length))
    })
}
