//! The configuration of `chronyd` as text: time for devices and staff, also while the box itself
//! has none.
//!
//! Cameras, lamps and horns have no internet; without a clock to ask their timers are wrong after
//! each power cut. A box that is not synchronised answers with stratum 10: the devices agree with
//! each other and with the village's pages, and whoever can choose takes a better clock. Servers of
//! the internet are not here: Debian's own file and `/etc/chrony/sources.d` name them.

use super::pool::{SegmentUse, served};
use crate::config::network::NetworkConfig;

/// Settings of every box. `makestep`: a box without a battery starts in another year.
const COMMON: &str = "\
# Made by conglang; changes are lost at the next start.
driftfile /var/lib/chrony/chrony.drift
makestep 1.0 3
rtcsync
cmdport 0
local stratum 10 orphan
";

/// The whole configuration: who is not named is not answered.
#[must_use]
pub fn config(network: &NetworkConfig) -> String {
    let mut text = COMMON.to_owned();
    let asking = served(network).filter(|(purpose, _)| *purpose != SegmentUse::Guest);
    for subnet in asking.flat_map(|(_, segment)| segment.networks()) {
        text.push_str(&format!("allow {}/{}\n", subnet.network(), subnet.prefix()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_staff_are_answered_and_guests_are_not() {
        let segment = |text: &str| serde_json::from_str(text).ok();
        let network = NetworkConfig {
            guest: segment(r#"{"interface":"g","v4":"10.7.0.1/22","v6":"fd00:7::1/64"}"#),
            device: segment(r#"{"interface":"d","v4":"10.8.0.1/24","v6":"fd00:8::1/64"}"#),
            staff: segment(r#"{"interface":"s","v4":"10.9.0.1/24"}"#),
            ..NetworkConfig::default()
        };
        let text = config(&network);
        let allowed = "allow 10.8.0.0/24\nallow fd00:8::/64\nallow 10.9.0.0/24\n";
        assert_eq!(text, format!("{COMMON}{allowed}"));
        assert_eq!(config(&NetworkConfig::default()), COMMON);
    }
}
