//! The way of the village's own people to the dashboard: a link for devices of the staff's network,
//! and for everybody else the reason why there is none.
//!
//! Invariants: a link opens nothing. The kernel lets the staff's network alone to the dashboard,
//! and whoever gets there signs in. For a page of a guest no certificate is read.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::captive::redirect_found;
use super::visit::PortalVisit;
use super::{Portal, PortalSite};
use crate::protocol::netd::NetworkSegment;

/// The address of the dashboard for the staff's devices; none = it is not served to them now. It
/// reads files, so only the staff's devices cause it to be asked.
pub type DashboardAddress = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The staff's network, and where the dashboard is for it.
#[derive(Clone)]
pub struct StaffWay {
    /// The network.
    pub segment: NetworkSegment,
    /// The dashboard.
    pub dashboard: DashboardAddress,
}

/// How the dashboard is reached from somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WayToDashboard {
    /// At this address.
    Here(String),
    /// From the staff's network only.
    FromStaffOnly,
    /// Nothing is known: the box serves no network to the staff, or no dashboard.
    Unknown,
}

impl WayToDashboard {
    pub(super) const fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    pub(super) const fn is_from_staff_only(&self) -> bool {
        matches!(self, Self::FromStaffOnly)
    }
}

impl PortalSite {
    /// How a device with this address reaches the dashboard.
    pub(super) fn way_to_dashboard(&self, address: IpAddr) -> WayToDashboard {
        let Some(way) = &self.staff else {
            return WayToDashboard::Unknown;
        };
        if !way.segment.is_home_of(address) || is_of_link(address) {
            return WayToDashboard::FromStaffOnly;
        }
        let dashboard = (way.dashboard)();
        dashboard.map_or(WayToDashboard::Unknown, WayToDashboard::Here)
    }
}

/// Such an address says nothing about the network that it is in.
fn is_of_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Leads to the dashboard, or to the reason why it does not open from here.
pub(super) async fn open(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    match portal.site.way_to_dashboard(visit.address) {
        WayToDashboard::Here(url) => redirect_found(&url),
        WayToDashboard::FromStaffOnly | WayToDashboard::Unknown => {
            redirect_found(&format!("/rules{}", visit.query()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn the_staffs_devices_get_the_address_and_others_the_reason() {
        let segment: NetworkSegment = serde_json::from_value(serde_json::json!({
            "interface": "staff0", "v4": "10.9.0.1/24", "v6": "fd00:9::1/64",
        }))
        .expect("a segment");
        let site = |url: Option<&'static str>| PortalSite {
            staff: Some(StaffWay {
                segment: segment.clone(),
                dashboard: Arc::new(move || url.map(str::to_owned)),
            }),
            ..PortalSite::default()
        };
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        let served = site(Some("http://nhavanhoa.lan:8081/"));
        for address in ["10.9.0.30", "fd00:9::30"] {
            assert!(served.way_to_dashboard(at(address)).is_here(), "{address}");
        }
        for address in ["10.7.0.30", "fd00:7::30", "127.0.0.1", "fe80::1"] {
            let way = served.way_to_dashboard(at(address));
            assert_eq!(way, WayToDashboard::FromStaffOnly, "{address}");
        }
        let asked = Arc::new(AtomicBool::new(false));
        let is_asked = asked.clone();
        let counting = PortalSite {
            staff: Some(StaffWay {
                segment: segment.clone(),
                dashboard: Arc::new(move || {
                    is_asked.store(true, Ordering::SeqCst);
                    None
                }),
            }),
            ..PortalSite::default()
        };
        let way = counting.way_to_dashboard(at("10.7.0.30"));
        let was_asked = asked.load(Ordering::SeqCst);
        assert!(
            way.is_from_staff_only() && !was_asked,
            "a guest costs no file"
        );
        let unknown = WayToDashboard::Unknown;
        assert_eq!(site(None).way_to_dashboard(at("10.9.0.30")), unknown);
        let alone = PortalSite::default();
        assert_eq!(alone.way_to_dashboard(at("10.9.0.30")), unknown);
    }
}
