//! Names of the walled garden: what may stand there, and what may not because phones would never
//! show the portal again.

/// Hosts, each with a path, that phones and computers ask whether there is a portal. A phone that
/// reaches its host is sure that it is in the internet. The hosts stand in no garden; the paths
/// decide nothing. Sources: `NetworkMonitor` of AOSP and what makers of phones set for it; Apple,
/// Microsoft, Mozilla and Debian as their devices ask.
pub const PROBES: [(&str, &str); 17] = [
    ("connectivitycheck.gstatic.com", "/generate_204"),
    ("connectivitycheck.android.com", "/generate_204"),
    ("clients3.google.com", "/generate_204"),
    ("www.google.com", "/gen_204"),
    ("play.googleapis.com", "/generate_204"),
    ("connect.rom.miui.com", "/generate_204"),
    ("connectivitycheck.platform.hicloud.com", "/generate_204"),
    ("captive.apple.com", "/hotspot-detect.html"),
    ("captive.apple.com", "/library/test/success.html"),
    ("www.apple.com", "/library/test/success.html"),
    ("www.msftconnecttest.com", "/connecttest.txt"),
    ("www.msftconnecttest.com", "/redirect"),
    ("ipv6.msftconnecttest.com", "/connecttest.txt"),
    ("www.msftncsi.com", "/ncsi.txt"),
    ("detectportal.firefox.com", "/canonical.html"),
    ("detectportal.firefox.com", "/success.txt?ipv4"),
    ("network-test.debian.org", "/nm"),
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
    PROBES.iter().any(|(host, _)| {
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
        assert!(PROBES.iter().all(|(host, _)| is_host_name(host)));
    }
}
