//! The MQTT topics of a village and of a commune: every name and every filter, built from ids and
//! parsed back to ids.
//!
//! | topic | who publishes it |
//! |---|---|
//! | `d/<device>/…` | a device: its states, its availability, the status of a speaker cluster |
//! | `c/<device>/…` | the gateway: orders to a device |
//! | `p/<program>/…` | a program |
//! | `homeassistant/…` | devices: discovery messages; the gateway: that it is there |
//! | `house/…` | the gateway, to itself |
//! | `quarantine/<client>/…` | the broker: what a device without an account published |
//! | `$SYS/broker/…` | the broker: its counters |
//! | `up/<village>/…`, `down/<village>/…` | a village to its commune; the commune to a village |
//!
//! The names stand here and not beside the messages, because who may publish where is a rule of
//! the village ([`super::account`]). Deliberately absent: the topics below `d/<device>/` and
//! `c/<device>/` that a device chooses itself; its discovery messages name them.

use super::id::{DeviceId, VillageId};

/// Everything that devices publish.
pub const DEVICES_FILTER: &str = "d/#";
/// All orders to devices.
pub const ORDERS_FILTER: &str = "c/#";
/// All discovery messages.
pub const DISCOVERY_FILTER: &str = "homeassistant/#";
/// On which the gateway publishes that devices may announce themselves.
pub const DISCOVERY_STATUS: &str = "homeassistant/status";
/// The broker's counters.
pub const COUNTERS_FILTER: &str = "$SYS/#";
/// All topics on which the gateway publishes to itself.
pub const GATEWAY_FILTER: &str = "house/#";
/// The gateway's canary.
pub const CANARY: &str = "house/canary";
/// Everything that villages publish to the commune.
pub const UPLINKS_FILTER: &str = "up/#";

const DISCOVERY_PREFIX: &str = "homeassistant";

/// Everything that a device publishes.
#[must_use]
pub fn device_filter(device: &DeviceId) -> String {
    format!("d/{device}/#")
}

/// All orders to a device.
#[must_use]
pub fn orders_filter(device: &DeviceId) -> String {
    format!("c/{device}/#")
}

/// All discovery messages of a device, with and without an object id.
#[must_use]
pub fn discovery_filters(device: &DeviceId) -> [String; 2] {
    [
        format!("{DISCOVERY_PREFIX}/+/{device}/+/config"),
        format!("{DISCOVERY_PREFIX}/+/{device}/config"),
    ]
}

/// Everything that a program publishes.
#[must_use]
pub fn program_filter(program: &DeviceId) -> String {
    format!("p/{program}/#")
}

/// A device's topic.
#[must_use]
pub fn device_topic(device: &DeviceId, subtopic: &str) -> String {
    format!("d/{device}/{subtopic}")
}

/// A topic for orders to a device.
#[must_use]
pub fn order_topic(device: &DeviceId, subtopic: &str) -> String {
    format!("c/{device}/{subtopic}")
}

/// The topic of the signed orders to a speaker cluster.
#[must_use]
pub fn speaker_order(speaker: &DeviceId) -> String {
    order_topic(speaker, "order")
}

/// Under which the gateway receives what a device without an account published; `client` is the
/// name under which the broker knows it.
#[must_use]
pub fn quarantined(client: &str, topic: &str) -> String {
    format!("quarantine/{client}/{topic}")
}

/// The topic of one of the broker's counters.
#[must_use]
pub fn counter(name: &str) -> String {
    format!("$SYS/broker/{name}")
}

/// On which a village publishes to its commune.
#[must_use]
pub fn uplink(village: &VillageId) -> String {
    format!("up/{village}/say")
}

/// Everything that a village may publish to its commune.
#[must_use]
pub fn uplink_filter(village: &VillageId) -> String {
    format!("up/{village}/#")
}

/// On which a commune publishes to a village.
#[must_use]
pub fn downlink(village: &VillageId) -> String {
    format!("down/{village}/say")
}

/// Everything that a commune publishes to a village.
#[must_use]
pub fn downlink_filter(village: &VillageId) -> String {
    format!("down/{village}/#")
}

/// The village that published to its commune under this topic.
#[must_use]
pub fn uplink_village(topic: &str) -> Option<VillageId> {
    let village = topic.strip_prefix("up/")?.split('/').next()?;
    VillageId::new(village).ok()
}

/// A topic that the gateway receives from its broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayTopic<'a> {
    /// The gateway's canary.
    Canary,
    /// The gateway's presence; it receives its own message.
    DiscoveryStatus,
    /// A discovery message.
    Discovery,
    /// A message of a device.
    Device(DeviceTopic<'a>),
    /// Another topic.
    Other,
}

impl<'a> GatewayTopic<'a> {
    /// Parses a topic.
    #[must_use]
    pub fn parse(topic: &'a str) -> Self {
        match topic {
            CANARY => Self::Canary,
            DISCOVERY_STATUS => Self::DiscoveryStatus,
            _ if topic.split('/').next() == Some(DISCOVERY_PREFIX) => Self::Discovery,
            _ => DeviceTopic::parse(topic).map_or(Self::Other, Self::Device),
        }
    }
}

/// A topic under `d/<device>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTopic<'a> {
    /// The device.
    pub device: DeviceId,
    /// The levels behind it; empty = none.
    pub subtopic: &'a str,
}

impl<'a> DeviceTopic<'a> {
    /// Parses a topic; none = it is not under `d/<device>`.
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Self> {
        Self::below("d/", topic)
    }

    /// Parses a topic for orders; none = it is not under `c/<device>`.
    #[must_use]
    pub fn parse_order(topic: &'a str) -> Option<Self> {
        Self::below("c/", topic)
    }

    fn below(prefix: &str, topic: &'a str) -> Option<Self> {
        let rest = topic.strip_prefix(prefix)?;
        let (device, subtopic) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self {
            device: DeviceId::new(device).ok()?,
            subtopic,
        })
    }

    /// True for the topic on which a device without entities (a speaker cluster) publishes its
    /// availability.
    #[must_use]
    pub fn is_availability(&self) -> bool {
        self.subtopic == "up"
    }

    /// The level behind `speaker/` in a topic of a speaker cluster.
    #[must_use]
    pub fn speaker_subtopic(&self) -> Option<&'a str> {
        self.subtopic.strip_prefix("speaker/")
    }

    /// True when it is a topic of this device.
    #[must_use]
    pub fn is_of(&self, device: &DeviceId) -> bool {
        self.device == *device
    }
}

/// The levels of the topic of a discovery message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryTopic<'a> {
    /// The component: `light`, `sensor`, ….
    pub component: &'a str,
    /// The node id: the device.
    pub node: &'a str,
    /// The object id; none = the topic has none.
    pub object: Option<&'a str>,
}

impl<'a> DiscoveryTopic<'a> {
    /// Parses a topic; none = it is not one of a discovery message.
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Self> {
        let mut levels = topic.split('/');
        if levels.next() != Some(DISCOVERY_PREFIX) || levels.next_back() != Some("config") {
            return None;
        }
        let parsed = Self {
            component: levels.next()?,
            node: levels.next()?,
            object: levels.next(),
        };
        levels.next().is_none().then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> DeviceId {
        DeviceId::new(id).expect("id")
    }

    #[test]
    fn what_is_built_is_parsed_back() {
        let lamp = device("den-01");
        assert_eq!(
            GatewayTopic::parse(&device_topic(&lamp, "state/2")),
            GatewayTopic::Device(DeviceTopic {
                device: lamp.clone(),
                subtopic: "state/2"
            })
        );
        let order = speaker_order(&lamp);
        let parsed = DeviceTopic::parse_order(&order).expect("an order");
        assert!(parsed.is_of(&lamp) && parsed.subtopic == "order");
        assert!(!parsed.is_of(&device("den-02")));
        let village = VillageId::new("ben-thoc").expect("id");
        assert_eq!(uplink_village(&uplink(&village)), Some(village));
        assert_eq!(GatewayTopic::parse(CANARY), GatewayTopic::Canary);
        assert_eq!(
            GatewayTopic::parse(DISCOVERY_STATUS),
            GatewayTopic::DiscoveryStatus
        );
    }

    #[test]
    fn a_topic_that_only_looks_like_a_devices_is_not() {
        for topic in ["d", "d/", "d//up", "dd/den-01/up", "c/den-01/set", ""] {
            assert_eq!(GatewayTopic::parse(topic), GatewayTopic::Other, "{topic}");
        }
        let longer = DeviceTopic::parse("d/den-011/up").expect("a device");
        assert!(!longer.is_of(&device("den-01")) && longer.is_availability());
    }

    #[test]
    fn a_discovery_topic_has_two_or_three_levels_between_its_ends() {
        let parsed = |topic| {
            DiscoveryTopic::parse(topic).map(|t: DiscoveryTopic<'_>| {
                (
                    t.component.to_owned(),
                    t.node.to_owned(),
                    t.object.map(str::to_owned),
                )
            })
        };
        assert_eq!(
            parsed("homeassistant/light/den-01/main/config"),
            Some(("light".into(), "den-01".into(), Some("main".into())))
        );
        assert_eq!(
            parsed("homeassistant/light/den-01/config"),
            Some(("light".into(), "den-01".into(), None))
        );
        for topic in [
            "homeassistant/config",
            "homeassistant/light/config",
            "homeassistant/light/a/b/c/config",
            "homeassistant/light/a/b/state",
            "other/light/a/b/config",
            "homeassistant/status",
        ] {
            assert_eq!(parsed(topic), None, "{topic}");
        }
    }
}
