//! The kernel's settings as text for `sysctl.d`: the box believes no router on the segments that it
//! serves itself, and answers for an address only where it has it. Deliberately absent: whether it
//! forwards, which the network helper's unit switches.

use crate::config::network::NetworkConfig;
use crate::protocol::netd::InterfaceName;

use super::pool::served;

/// Settings of every box that serves a network.
const COMMON: &str = include_str!("sysctl.conf");

/// The whole text.
#[must_use]
pub fn config(network: &NetworkConfig) -> String {
    let mut text = COMMON.to_owned();
    for (_, segment) in served(network) {
        let name = key(&segment.interface);
        text.push_str(&format!("net.ipv6.conf.{name}.accept_ra = 0\n"));
    }
    for uplink in &network.uplinks {
        // A machine that forwards believes its own router only when it is told so.
        let name = key(&uplink.interface);
        text.push_str(&format!("net.ipv6.conf.{name}.accept_ra = 2\n"));
    }
    text
}

/// An interface in the name of a setting: a dot would begin another part of it.
fn key(interface: &InterfaceName) -> String {
    interface.as_str().replace('.', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_are_believed_on_uplinks_alone() {
        let network = NetworkConfig {
            guest: serde_json::from_str(r#"{"interface":"eth0.7","v4":"10.7.0.1/22"}"#).ok(),
            uplinks: vec![crate::config::network::UplinkInterface {
                interface: InterfaceName::new("eth1").expect("a name"),
                is_metered: false,
            }],
            ..NetworkConfig::default()
        };
        let text = config(&network);
        assert!(
            text.ends_with(
                "net.ipv6.conf.eth0/7.accept_ra = 0\nnet.ipv6.conf.eth1.accept_ra = 2\n"
            )
        );
        assert!(text.starts_with(COMMON));
    }
}
