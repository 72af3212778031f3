//! The way to the internet that this machine uses now, as the kernel's routes tell it.
//!
//! Whoever sets the routes (NetworkManager, systemd-networkd, a person) is not our concern: the
//! kernel sends packets by the default route with the lowest metric, and so does this file. It is
//! looked at several times a second, without a process: two small files of `/proc`.

use std::path::{Path, PathBuf};

use crate::config::network::UplinkInterface;
use crate::protocol::netd::InterfaceName;

/// The route is in use (`RTF_UP` of `<linux/route.h>`).
const ROUTE_IS_UP: u32 = 1;

/// A default route.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DefaultRoute {
    interface: InterfaceName,
    metric: u32,
}

/// Where the kernel tells routes and interfaces.
#[derive(Debug, Clone)]
pub struct KernelFiles {
    /// `/proc/net`.
    pub proc_net: PathBuf,
    /// `/sys/class/net`.
    pub class_net: PathBuf,
}

impl Default for KernelFiles {
    fn default() -> Self {
        Self {
            proc_net: PathBuf::from("/proc/net"),
            class_net: PathBuf::from("/sys/class/net"),
        }
    }
}

impl KernelFiles {
    /// The uplink that packets to the internet leave by; none = there is no way.
    #[must_use]
    pub fn current(&self, uplinks: &[UplinkInterface]) -> Option<UplinkInterface> {
        let read = |name: &str| std::fs::read_to_string(self.proc_net.join(name));
        let v4 = read("route").map_or_else(|_| Vec::new(), |text| default_routes_v4(&text));
        let v6 = read("ipv6_route").map_or_else(|_| Vec::new(), |text| default_routes_v6(&text));
        // IPv4 decides where there is any: most of the internet is reached by it.
        let best = |routes: &[DefaultRoute]| {
            let live = routes.iter().filter_map(|route| {
                let uplink = uplinks.iter().find(|u| u.interface == route.interface)?;
                has_carrier(&self.class_net, &route.interface).then_some((route.metric, uplink))
            });
            live.min_by_key(|(metric, _)| *metric)
                .map(|(_, u)| u.clone())
        };
        best(&v4).or_else(|| best(&v6))
    }

    /// Whether the interface exists on this machine.
    #[must_use]
    pub fn has(&self, interface: &InterfaceName) -> bool {
        self.class_net.join(interface.as_str()).exists()
    }
}

fn has_carrier(class_net: &Path, interface: &InterfaceName) -> bool {
    let state = std::fs::read_to_string(class_net.join(interface.as_str()).join("operstate"));
    // “unknown” is what interfaces say that have no notion of a carrier, such as a modem's.
    state.is_ok_and(|state| matches!(state.trim(), "up" | "unknown"))
}

/// Source: proc_pid_net(5), `route`: columns in hexadecimal, the metric in decimal.
fn default_routes_v4(text: &str) -> Vec<DefaultRoute> {
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, _, flags, _, _, metric, mask, ..] = columns.as_slice() else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let is_default = *destination == "00000000" && *mask == "00000000";
        (is_default && flags & ROUTE_IS_UP != 0).then_some(())?;
        Some(DefaultRoute {
            interface: InterfaceName::new(interface).ok()?,
            metric: metric.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// Source: proc_pid_net(5), `ipv6_route`: destination, its length, source, its length, next hop,
/// metric, two counters, flags, interface; all numbers in hexadecimal.
fn default_routes_v6(text: &str) -> Vec<DefaultRoute> {
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, _, metric, _, _, flags, interface] = columns.as_slice()
        else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let is_default = destination.bytes().all(|b| b == b'0') && *length == "00";
        (is_default && flags & ROUTE_IS_UP != 0 && *interface != "lo").then_some(())?;
        Some(DefaultRoute {
            interface: InterfaceName::new(interface).ok()?,
            metric: u32::from_str_radix(metric, 16).ok()?,
        })
    };
    text.lines().filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t017100CB\t0003\t0\t0\t100\t00000000\t0\t0\t0
wwan0\t00000000\t057100CB\t0003\t0\t0\t700\t00000000\t0\t0\t0
eth0\t007100CB\t00000000\t0001\t0\t0\t100\tFCFFFFFF\t0\t0\t0
";
    const V6: &str = concat!(
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 ",
        "20010db8000100000000000000000001 00000400 00000001 00000000 00000003     eth0\n",
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 ",
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n",
    );

    fn uplink(name: &str, is_metered: bool) -> UplinkInterface {
        UplinkInterface {
            interface: InterfaceName::new(name).expect("a name"),
            is_metered,
        }
    }

    #[test]
    fn the_uplink_with_the_lowest_metric_and_a_carrier_is_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = KernelFiles {
            proc_net: folder.path().join("proc"),
            class_net: folder.path().join("class"),
        };
        let state = |name: &str, state: &str| {
            let folder = files.class_net.join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("operstate"), state).expect("written");
        };
        let uplinks = [uplink("eth0", false), uplink("wwan0", true)];
        assert_eq!(files.current(&uplinks), None);
        std::fs::create_dir_all(&files.proc_net).expect("a folder");
        std::fs::write(files.proc_net.join("route"), V4).expect("written");
        state("eth0", "up\n");
        state("wwan0", "unknown\n");
        assert_eq!(files.current(&uplinks), Some(uplink("eth0", false)));
        state("eth0", "down\n");
        assert_eq!(files.current(&uplinks), Some(uplink("wwan0", true)));
        // An interface that nobody named as an uplink is none.
        assert_eq!(files.current(&uplinks[..1]), None);
        std::fs::remove_file(files.proc_net.join("route")).expect("removed");
        std::fs::write(files.proc_net.join("ipv6_route"), V6).expect("written");
        state("eth0", "up\n");
        assert_eq!(files.current(&uplinks), Some(uplink("eth0", false)));
        assert!(files.has(&uplinks[0].interface));
    }

    #[test]
    fn odd_lines_are_no_routes() {
        for text in [
            "",
            "x\n",
            "h\na b c\n",
            "h\neth0 00000000 0 zz 0 0 0 00000000 0 0 0\n",
        ] {
            assert_eq!(default_routes_v4(text), []);
            assert_eq!(default_routes_v6(text), []);
        }
    }
}
