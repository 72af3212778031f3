//! Names of the walled garden: what may stand there, and what may not because phones would never
//! show the portal again.

/// Hosts that phones and computers ask whether there is a portal. A phone that reaches its host is
/// sure that it is in the internet. Sources: `NetworkMonitor` of AOSP and what makers of phones set
/// for it; Apple, Microsoft, Mozilla and Debian as their devices ask.
const PROBE_HOSTS: [&str; 14] = [
    "connectivitycheck.gstatic.com",
    "connectivitycheck.android.com",
    "clients3.google.com",
    "www.google.com",
    "play.googleapis.com",
    "connect.rom.miui.com",
    "connectivitycheck.platform.hicloud.com",
    "captive.apple.com",
    "www.apple.com",
    "www.msftconnecttest.com",
    "ipv6.msftconnecttest.com",
    "www.msftncsi.com",
    "detectportal.firefox.com",
    "network-test.debian.org",
];

/// Names of hosts as RFC 1123 has them, two labels at least: a whole top-level domain is no garden,
/// and neither is an address, whose last label is a number.
pub(super) fn is_host_name(name: &str) -> bool {
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').all(is_label)
        && name
            .rsplit_once('.')
            .is_some_and(|(_, last)| !is_number(last))
}

/// Whether a host by which devices find the portal is this name or below it.
pub(super) fn opens_probes(name: &str) -> bool {
    PROBE_HOSTS.iter().any(|host| {
        let above = host.strip_suffix(name);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_by_which_phones_find_the_portal_is_in_no_garden() {
        for name in [
            "captive.apple.com",
            "apple.com",
            "gstatic.com",
            "www.google.com",
        ] {
            assert!(is_host_name(name) && opens_probes(name), "{name}");
        }
        for name in [
            "dichvucong.gov.vn",
            "ple.com",
            "maps.google.com",
            "x.captive.apple.com",
        ] {
            assert!(is_host_name(name) && !opens_probes(name), "{name}");
        }
        assert!(PROBE_HOSTS.iter().all(|host| is_host_name(host)));
    }
}
