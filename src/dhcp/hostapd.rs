//! The configuration of `hostapd` as text, for a box with a radio of its own.
//!
//! The wifi is open: who asks for a password in front of a notice board loses its readers. Phones
//! are kept apart (`ap_isolate`). Deliberately absent: OWE transition, which phones fail to join
//! (`docs/decisions/0015-guest-network.md`).

use crate::config::network::NetworkConfig;
use crate::domain::guest::wifi_name;

/// The whole configuration; none when the box has no radio or no guest segment. The wifi is called
/// as the village is.
#[must_use]
pub fn config(network: &NetworkConfig, village: &str) -> Option<String> {
    let (radio, guest) = (network.radio.as_ref()?, network.guest.as_ref()?);
    let bridge = if radio.interface == guest.interface {
        String::new()
    } else {
        format!("bridge={}\n", guest.interface)
    };
    // Hexadecimal digits: a name cannot become a line.
    let name: String = wifi_name(village)
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (interface, channel) = (&radio.interface, radio.channel.number());
    let mode = if radio.channel.is_5_ghz() { "a" } else { "g" };
    let most = radio.most_phones;
    Some(format!(
        "# Made by conglang net render hostapd.\n\
         interface={interface}\n\
         {bridge}\
         driver=nl80211\n\
         ssid2={name}\n\
         utf8_ssid=1\n\
         country_code=VN\n\
         ieee80211d=1\n\
         hw_mode={mode}\n\
         channel={channel}\n\
         ieee80211n=1\n\
         wmm_enabled=1\n\
         auth_algs=1\n\
         wpa=0\n\
         ap_isolate=1\n\
         max_num_sta={most}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(radio: &str) -> NetworkConfig {
        NetworkConfig {
            guest: serde_json::from_str(r#"{"interface":"guest0","v4":"10.7.0.1/22"}"#).ok(),
            radio: Some(serde_json::from_str(radio).expect("a radio")),
            ..NetworkConfig::default()
        }
    }

    #[test]
    fn the_wifi_is_open_keeps_phones_apart_and_is_called_as_the_village() {
        let own = network(r#"{"interface":"wlan0","channel":6,"most_phones":10}"#);
        let text = config(&own, "Thôn Bến Thóc\nwpa=2").expect("a configuration");
        for line in [
            "interface=wlan0",
            "bridge=guest0",
            "ap_isolate=1",
            "max_num_sta=10",
            "country_code=VN",
            "hw_mode=g",
            "channel=6",
            "wpa=0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        let name = text
            .lines()
            .find_map(|l| l.strip_prefix("ssid2="))
            .expect("a name");
        assert!(name.bytes().all(|b| b.is_ascii_hexdigit()) && name.len() <= 64);
        assert!(!text.lines().any(|l| l.starts_with("wpa=2")));

        let same = network(r#"{"interface":"guest0","channel":36}"#);
        let text = config(&same, "Thôn").expect("a configuration");
        assert!(
            text.contains("hw_mode=a\n") && !text.contains("bridge="),
            "{text}"
        );
        assert_eq!(config(&NetworkConfig::default(), "Thôn"), None);
    }
}
