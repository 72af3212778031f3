//! A worker that reads strangers' bytes shuts itself in (Landlock) before it begins: what it may read, what it may
//! write, and nothing else of this machine; no TCP, no signals to others.
//!
//! Invariant: called before any thread starts, or that thread would stay outside. Deliberately absent: seccomp (the
//! unit's `SystemCallFilter` does that for the whole service). Kernels without Landlock (before 5.13) go on without,
//! and say so. Source: <https://docs.kernel.org/userspace-api/landlock.html>.

use std::io;
use std::path::Path;

use landlock::{ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules};

/// The newest rules that this program asks for; an older kernel gives what it has.
const RULES: ABI = ABI::V6;

/// Shuts this process in: it may read and execute beneath `read`, do everything beneath `write`. Paths that are not
/// there are left out. Gives false when the kernel cannot.
///
/// # Errors
/// When the rules could not be set though the kernel has them.
pub fn confine(read: &[&Path], write: &[&Path]) -> io::Result<bool> {
    let set = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(RULES))?
            .handle_access(AccessNet::from_all(RULES))?
            .scope(Scope::from_all(RULES))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(RULES)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(RULES)))?
            .restrict_self()
    };
    let status: Result<_, landlock::RulesetError> = set();
    Ok(status.map_err(io::Error::other)?.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_shut_in_reads_its_own_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("conglang-confine-{}", getrandom::u64().expect("random")));
        let (own, secret) = (folder.join("own"), folder.join("secret"));
        for place in [&own, &secret] {
            std::fs::create_dir_all(place).expect("folder");
            std::fs::write(place.join("file"), "words").expect("written");
        }
        let door = std::net::TcpListener::bind("127.0.0.1:0").expect("a door");
        let address = door.local_addr().expect("address");
        // Only the thread that asks for it is shut in: the test itself stays free.
        let inside = std::thread::spawn({
            let (own, secret) = (own.clone(), secret.clone());
            move || {
                assert!(confine(&[], &[&own]).expect("rules"), "this kernel has Landlock");
                let denied = |what: io::Error| assert_eq!(what.kind(), io::ErrorKind::PermissionDenied, "{what}");
                assert_eq!(std::fs::read_to_string(own.join("file")).expect("its own"), "words");
                std::fs::write(own.join("more"), "x").expect("its own");
                denied(std::fs::read(secret.join("file")).expect_err("a key"));
                denied(std::fs::write(secret.join("more"), "x").expect_err("a key"));
                denied(std::fs::read_dir(&secret).map(drop).expect_err("a folder"));
                denied(std::net::TcpStream::connect(address).map(drop).expect_err("the network"));
            }
        });
        inside.join().expect("all held");
        assert!(std::fs::read(secret.join("file")).is_ok());
        std::fs::remove_dir_all(folder).expect("clean");
    }
}
