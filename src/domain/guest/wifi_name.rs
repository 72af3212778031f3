//! Names of the wifi for people: its own, which is the village's, and that of its page.

use crate::domain::text;

/// The name that people type; it needs no registration and no uplink.
pub const GATEWAY_NAME: &str = "nhavanhoa.lan";
/// Longest name of a wifi, bytes (IEEE 802.11).
const MAX_NAME_BYTES: usize = 32;

/// As much of the village's name as a wifi may be called.
#[must_use]
pub fn wifi_name(village: &str) -> String {
    let mut name = text::line(village, MAX_NAME_BYTES);
    while name.len() > MAX_NAME_BYTES {
        name.pop();
    }
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_ends_with_a_whole_letter() {
        let name = wifi_name(&"ộ".repeat(40));
        assert!(name.len() <= MAX_NAME_BYTES && name.chars().all(|c| c == 'ộ'));
    }
}
