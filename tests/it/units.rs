//! The unit files, read by systemd's own `systemd-analyze`, which needs no systemd that runs. That
//! they start, and what they let their processes do, is shown in the machine of `scripts/radio`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Each unit, with the exposure that systemd may find at most, in tenths: below 2 it calls a
/// service “OK”, below 1 “SAFE”.
const MOST_EXPOSED: [(&str, &str); 6] = [
    ("conglang.service", "19"),
    ("conglang-commune.service", "19"),
    ("conglang-dhcp.service", "19"),
    ("conglang-netd.service", "15"),
    ("conglang-time.service", "9"),
    ("conglang-time-check.service", "9"),
];

/// The programs that units start.
const PROGRAMS: [&str; 6] = ["chronyc", "conglang", "nft", "sh", "sysctl", "touch"];

/// A machine with the units where they belong, Debian's own units, and programs that are only there.
fn machine() -> tempfile::TempDir {
    let machine = tempfile::tempdir().expect("folder");
    let root = machine.path();
    for folder in ["etc/systemd", "usr/lib/systemd", "usr/bin"] {
        std::fs::create_dir_all(root.join(folder)).expect("folder");
    }
    for (from, to) in [
        ("usr/bin", "bin"),
        ("usr/bin", "usr/sbin"),
        ("usr/sbin", "sbin"),
    ] {
        std::os::unix::fs::symlink(Path::new("/").join(from), root.join(to)).expect("link");
    }
    for program in PROGRAMS {
        let path = root.join("usr/bin").join(program);
        std::fs::write(&path, "#!/bin/sh\n").expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("mode");
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    copy(&own, &root.join("etc/systemd/system"));
    let debian = Path::new("/usr/lib/systemd/system");
    copy(debian, &root.join("usr/lib/systemd/system"));
    machine
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|s| s.success()), "{}", from.display());
}

/// `systemd-analyze` of the package `systemd`; whether it was content, and what it said.
fn analyze(root: &Path, args: &[&str]) -> (bool, String) {
    let ran = Command::new("systemd-analyze")
        .args(args)
        .arg(format!("--root={}", root.display()))
        .output();
    let ran = ran.expect("package systemd");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    (ran.status.success(), said.into_owned())
}

/// It says what it cannot read and goes on, as systemd does at a start: nothing said is what counts.
fn verified(root: &Path) -> (bool, String) {
    let units = MOST_EXPOSED.map(|(unit, _)| unit);
    let mut args = vec!["verify", "--man=no", "conglang-time-check.timer"];
    args.extend(units);
    analyze(root, &args)
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let machine = machine();
    assert_eq!(verified(machine.path()), (true, String::new()));
    // A line that it does not understand, and a program that is not there, would be told.
    let unit = machine.path().join("etc/systemd/system/conglang.service");
    let text = std::fs::read_to_string(&unit).expect("a unit");
    for (line, wrong) in [
        ("RestartSec=1", "RestartSecs=1"),
        ("ProtectHome=yes", "ProtectHome=indeed"),
        ("/usr/bin/conglang run", "/usr/bin/cong-lang run"),
    ] {
        assert!(text.contains(line), "{line}");
        std::fs::write(&unit, text.replace(line, wrong)).expect("written");
        let (_, said) = verified(machine.path());
        assert!(said.contains("conglang.service"), "{wrong}: {said}");
    }
}

#[test]
fn every_unit_is_shut_in() {
    let machine = machine();
    let exposure = |unit: &str, most: &str| {
        let most = format!("--threshold={most}");
        let args = ["security", "--offline=true", "--no-pager", &most, unit];
        let (is_within, said) = analyze(machine.path(), &args);
        let told = said.lines().last().unwrap_or_default().to_owned();
        assert!(told.contains("exposure level"), "{said}");
        (is_within, told)
    };
    for (unit, most) in MOST_EXPOSED {
        let (is_within, told) = exposure(unit, most);
        println!("{told}");
        assert!(is_within, "{told}, at most {most} tenths");
    }
    assert!(!exposure("conglang.service", "5").0, "the bound counts");
    let all = std::fs::read_dir(machine.path().join("etc/systemd/system")).expect("folder");
    let services = all.filter(|e| {
        let name = e.as_ref().expect("an entry").file_name();
        name.to_string_lossy().ends_with(".service")
    });
    assert_eq!(services.count(), MOST_EXPOSED.len(), "a unit has no bound");
}

/// `dnsmasq` is started by `setpriv`, which ends without this call: nobody got an address.
#[test]
fn the_unit_of_addresses_lets_its_server_be_started() {
    let unit = include_str!("../../systemd/conglang-dhcp.service");
    let mut filters = unit.lines().filter(|l| l.starts_with("SystemCallFilter="));
    assert!(filters.any(|l| l.contains("~@privileged")));
    assert!(filters.any(|l| l == "SystemCallFilter=capset"));
}
