//! Whether a name may be asked before the device came in: whoever owns a domain's servers can carry
//! any traffic in its names.
//!
//! Names of the usual form and length pass; long ones and bytes that no host name has do not.
//! `budgets` bounds how many pass.

use super::host_name::{is_of_host, labels};

/// Longest label before admission, bytes.
pub const MAX_LABEL_BYTES: usize = 40;
/// Longest name before admission, bytes as people write it.
pub const MAX_NAME_BYTES: usize = 100;

/// Whether the name on the wire has the form of a host's.
#[must_use]
pub fn is_host_name(wire_name: &[u8]) -> bool {
    // On the wire a name has one byte more than its text, and the root's.
    if wire_name.len() > MAX_NAME_BYTES + 2 {
        return false;
    }
    labels(wire_name).all(|l| l.len() <= MAX_LABEL_BYTES && l.iter().all(is_of_host))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::super::question::wire_name;
    use super::*;

    fn is_allowed(labels: &[&[u8]]) -> bool {
        let name = Name::from_labels(labels.iter().copied()).expect("a name");
        is_host_name(&wire_name(&name))
    }

    #[test]
    fn names_of_hosts_pass_and_long_or_strange_ones_do_not() {
        assert!(is_allowed(&[b"connectivitycheck", b"gstatic", b"com"]));
        assert!(is_allowed(&[b"_a", b"x-1", b"VN"]));
        assert!(is_allowed(&[&[b'a'; 40], b"vn"]));
        assert!(!is_allowed(&[&[b'a'; 41], b"vn"]));
        let forty = [b'a'; 40];
        assert!(is_allowed(&[&forty, &forty, &[b'a'; 15], b"vn"]), "100");
        assert!(!is_allowed(&[&forty, &forty, &[b'a'; 16], b"vn"]), "101");
        assert!(!is_allowed(&[b"a\0b", b"vn"]));
        assert!(!is_allowed(&["thôn".as_bytes(), b"vn"]));
    }
}
