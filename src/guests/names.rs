//! The policy of the forwarder of names, made of the configuration, the village's rules and the
//! uplink.

use std::net::SocketAddr;
use std::sync::Arc;

use super::dns::block_list::BlockList;
use super::dns::garden::Garden;
use super::dns::local_names::LocalNames;
use super::dns::policy::{DnsPolicy, InternetAccess};
use crate::domain::guest::WifiRules;
use crate::domain::guest::admission::InternetUplink;
use crate::protocol::netd::NetworkPlan;

/// The parts of the policy.
pub struct NameInput<'a> {
    /// The segments.
    pub plan: &'a NetworkPlan,
    /// Names of this machine.
    pub names: &'a [String],
    /// The village's rules.
    pub rules: &'a WifiRules,
    /// The way to the internet.
    pub uplink: InternetUplink,
    /// Whether guests may use it for more than the garden.
    pub is_open_to_guests: bool,
    /// The uplink's resolvers.
    pub resolvers: Vec<SocketAddr>,
    /// Rises when the network helper may have forgotten what is open.
    pub garden_epoch: u64,
    /// Names that are not answered.
    pub block_list: Option<Arc<BlockList>>,
}

/// The policy. A name that cannot be one is left out: rules and configuration were checked when
/// they were taken.
#[must_use]
pub fn policy(input: NameInput<'_>) -> DnsPolicy {
    let is_name = |name: &&str| LocalNames::new([*name]).is_ok();
    let names = input.names.iter().map(String::as_str).filter(is_name);
    let below: Vec<String> = input
        .rules
        .garden
        .iter()
        .map(|n| format!("*.{n}"))
        .collect();
    // Off means the village's own pages and nothing else.
    let garden = below
        .iter()
        .map(String::as_str)
        .filter(|_| input.rules.is_on);
    let garden = garden.filter(|name| Garden::new([*name]).is_ok());
    let access = |is_open: bool| match input.uplink {
        InternetUplink::Down => InternetAccess::None,
        InternetUplink::Free | InternetUplink::Metered if is_open => {
            InternetAccess::Open(input.resolvers.clone())
        }
        InternetUplink::Free | InternetUplink::Metered => {
            InternetAccess::GardenOnly(input.resolvers.clone())
        }
    };
    DnsPolicy {
        guest: input.plan.guest.clone(),
        staff: input.plan.staff.clone(),
        own_networks: input.plan.own_networks().collect(),
        guest_access: access(input.is_open_to_guests),
        staff_access: access(true),
        local_names: LocalNames::new(names).unwrap_or_default(),
        garden: Garden::new(garden).unwrap_or_default(),
        garden_epoch: input.garden_epoch,
        block_list: input.block_list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_get_what_the_uplink_and_the_rules_leave_them() {
        let plan: NetworkPlan = serde_json::from_value(serde_json::json!({
            "guest": { "interface": "guest0", "v4": "10.7.0.1/22" },
            "device": { "interface": "dev0", "v4": "203.0.114.1/24", "v6": "2a00:7::1/64" },
            "ports": { "portal": 8080, "dns": 5300 },
        }))
        .expect("a plan");
        let rules = WifiRules {
            garden: vec!["gov.vn".into(), "not a name".into()],
            ..WifiRules::default()
        };
        let resolver: SocketAddr = "192.0.2.1:53".parse().expect("an address");
        let of = |uplink, is_open_to_guests| {
            policy(NameInput {
                plan: &plan,
                names: &["benthoc.example".into(), "10.7.0.1".into()],
                rules: &rules,
                uplink,
                is_open_to_guests,
                resolvers: vec![resolver],
                garden_epoch: 1,
                block_list: None,
            })
        };
        let open = InternetAccess::Open(vec![resolver]);
        let fibre = of(InternetUplink::Free, true);
        assert_eq!((&fibre.guest_access, &fibre.staff_access), (&open, &open));
        let modem = of(InternetUplink::Metered, false);
        let garden = InternetAccess::GardenOnly(vec![resolver]);
        assert_eq!((&modem.guest_access, &modem.staff_access), (&garden, &open));
        let cut = of(InternetUplink::Down, false);
        assert_eq!(cut.staff_access, InternetAccess::None);
        // No name leads to a lamp, also where lamps have addresses of the internet.
        for lamp in ["203.0.114.20", "2a00:7::20", "10.7.0.9"] {
            let lamp = lamp.parse().expect("an address");
            let own = &fibre.own_networks;
            assert!(own.iter().any(|network| network.contains(lamp)), "{lamp}");
        }
    }
}
