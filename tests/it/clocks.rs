//! Starts with a clock that is decades wrong, and back: village and commune as real processes under
//! libfaketime. After each, devices come in over TLS, the link to the commune stands, what is told
//! is true, and nothing that was answered is lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conglang::domain::calendar;
use conglang::keys::authority::CertificateFiles;
use conglang::supervisor::clock::Clock;

use crate::commune::received;
use crate::support::house::{House, free_port, kind, library};

const DAY: i64 = 86_400;

fn environment(when: &str) -> Vec<(&'static str, String)> {
    vec![
        ("LD_PRELOAD", library("faketime/libfaketime.so.1")),
        ("FAKETIME", format!("@{when}")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("TZ", "UTC".into()),
    ]
}

/// The same clock as this machine's.
const NOW: &str = "";

fn env(when: &str) -> Vec<(&'static str, String)> {
    if when == NOW {
        Vec::new()
    } else {
        environment(when)
    }
}

/// This day, or a later one that is far enough ahead of today that no clock without a source is
/// believed there: a village believes ten years.
fn beyond_belief(day: &str) -> String {
    let ahead = calendar::day(Clock::system(0).wall_ms() + 12 * 365 * DAY * 1000);
    let ahead = format!("{:04}-{:02}-{:02}", ahead.year, ahead.month, ahead.day);
    format!("{} 08:00:00", ahead.as_str().max(day))
}

struct Office(Child);

impl Office {
    fn start(dir: &Path, when: &str) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join("office/log.txt"))
            .expect("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_conglang"));
        command
            .arg("--config")
            .arg(dir.join("office/commune.toml"))
            .arg("commune")
            .envs(env(when));
        Self(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("starts"),
        )
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A village and its commune; the certificate of the link is made by the commune's own command
/// while its clock says `when`.
fn pair(when: &str) -> House {
    let mut house = House::new("");
    let (dir, port) = (house.dir.clone(), free_port());
    std::fs::create_dir_all(dir.join("office")).expect("folder");
    let text = format!(
        "[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n[office]\nname = \"xã Đồng Nếp\"\n\
         mqtt = \"127.0.0.1:{port}\"\n[[office.village]]\nid = \"ben-thoc\"\nname = \"Bến Thóc\"\n",
        dir.join("commune").display().to_string(),
        dir.join("office/control.sock").display().to_string()
    );
    std::fs::write(dir.join("office/commune.toml"), text).expect("configuration");
    make(&mut house, when);
    let link = format!(
        "[commune]\nserver = \"mqtts://127.0.0.1:{port}\"\nca = {:?}\ncertificate = {:?}\n\
         key = {:?}\n",
        dir.join("commune/keys/ca/ca.pem").display().to_string(),
        dir.join("village.pem").display().to_string(),
        dir.join("village.pem").display().to_string()
    );
    std::fs::write(
        house.config(),
        std::fs::read_to_string(house.config()).expect("configuration") + &link,
    )
    .expect("configuration");
    house
}

/// `cert village` under a clock.
fn make(house: &mut House, when: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conglang"));
    command
        .arg("--config")
        .arg(house.dir.join("office/commune.toml"))
        .args(["cert", "village", "ben-thoc", "--out"])
        .arg(house.dir.join("village.pem"))
        .envs(env(when));
    let out = command.output().expect("runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// A device whose clock is right comes in over TLS.
fn device_comes_in(house: &House) -> bool {
    crate::keys::comes_in(
        &house.dir.join("data/keys/house-ca/ca.pem"),
        house.mqtts,
        None,
        "den-02",
    )
}

fn days(house: &House) -> i64 {
    let shown: serde_json::Value =
        serde_json::from_str(&house.cli(&["cert", "show", "--json"]).1).expect("json");
    shown["mqtt"].as_i64().unwrap_or(i64::MIN)
}

fn doctor(house: &House) -> String {
    house.cli(&["doctor", "--json"]).1
}

/// One lane: a first start by the wrong clock, or a wrong one in a life that began right; then
/// back.
fn lane(wrong: &str, first_is_wrong: bool) {
    let mut house = pair(if first_is_wrong { wrong } else { NOW });
    let starts = if first_is_wrong {
        vec![wrong, NOW, wrong, NOW]
    } else {
        vec![NOW, wrong, NOW]
    };
    let mut answered = 0;
    let mut last: Option<Vec<u8>> = None;
    for (n, when) in starts.into_iter().enumerate() {
        let office = Office::start(&house.dir, when);
        house.start_with(&env(when));
        let at = format!("start {n} at “{when}” (first wrong: {first_is_wrong})");
        let place = house.command(&serde_json::json!({
            "do": "DeclarePlace", "place": { "id": format!("p{n}"), "name": "Ngõ" }
        }));
        assert_eq!(place.status, 200, "{at}: {}", place.body);
        answered += 1;
        house.until(
            &format!("{at}: a device comes in over TLS"),
            Duration::from_secs(15),
            device_comes_in,
        );
        house.until(
            &format!("{at}: the commune has everything"),
            Duration::from_secs(60),
            received,
        );
        assert_eq!(
            house.state()["places"]
                .as_object()
                .map(serde_json::Map::len),
            Some(answered),
            "{at}: nothing that was answered is lost"
        );
        let mqtt = std::fs::read(house.dir.join("data/keys/mqtt.pem")).expect("certificate");
        if when == NOW {
            assert!(
                (80..=90).contains(&days(&house)),
                "{at}: cert show says {} days",
                days(&house)
            );
            let told = doctor(&house);
            assert!(
                !told.contains("D-KEY") && !told.contains("D-CLK-01"),
                "{at}: {told}"
            );
            last = Some(mqtt);
        } else if let Some(good) = &last {
            assert!(
                *good == mqtt,
                "{at}: nothing is issued over a good one while the time is not known"
            );
            let clock = Command::new(env!("CARGO_BIN_EXE_conglang"))
                .arg("--config")
                .arg(house.config())
                .args(["doctor", "--json"])
                .envs(env(when))
                .output()
                .expect("runs");
            assert!(
                String::from_utf8_lossy(&clock.stdout).contains("D-CLK-01"),
                "{at}: the doctor says that the time is wrong"
            );
        }
        let told = house
            .entries()
            .iter()
            .filter(|e| kind(e) == "place.declared")
            .map(|e| e["clock"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>();
        assert_eq!(
            told.iter().any(|q| q == "none"),
            n > 0 || when != NOW,
            "{at}: entries say how far their time may be believed: {told:?}"
        );
        assert_eq!(house.stop(), Some(0), "{at}");
        drop(office);
    }
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
}

/// A day that could be true, some hundred days from now, as `date` writes it.
fn in_days(days: i64) -> String {
    let said = Command::new("date")
        .args(["-u", "-d", &format!("{days} days"), "+%F %T"])
        .output()
        .expect("date");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

#[test]
fn a_mistyped_year_at_one_end_or_both_shuts_nobody_out() {
    let mut house = pair(NOW);
    let far = in_days(300);
    let good =
        |house: &House| std::fs::read(house.dir.join("data/keys/mqtt.pem")).expect("certificate");
    let mut first = None;
    for (n, (village, commune)) in [
        (NOW, NOW),
        (far.as_str(), NOW),
        (NOW, far.as_str()),
        (far.as_str(), far.as_str()),
        (NOW, NOW),
    ]
    .into_iter()
    .enumerate()
    {
        let at = format!("start {n}: village at “{village}”, commune at “{commune}”");
        let office = Office::start(&house.dir, commune);
        house.start_with(&env(village));
        house.until(
            &format!("{at}: a device comes in over TLS"),
            Duration::from_secs(15),
            device_comes_in,
        );
        house.until(
            &format!("{at}: the commune has everything"),
            Duration::from_secs(60),
            received,
        );
        assert!(
            *first.get_or_insert_with(|| good(&house)) == good(&house),
            "{at}: nothing is issued over a good certificate"
        );
        assert_eq!(house.stop(), Some(0), "{at}");
        drop(office);
    }
}

#[test]
fn a_life_that_began_right_goes_through_1970_and_back() {
    lane("1970-01-01 00:10:00", false);
}

#[test]
fn a_life_that_began_right_goes_through_2038_and_back() {
    lane(&beyond_belief("2038-01-20"), false);
}

#[test]
fn a_life_that_began_right_goes_through_2100_and_back() {
    lane(&beyond_belief("2100-03-01"), false);
}

#[test]
fn a_life_that_began_in_1970_goes_on_at_the_right_time() {
    lane("1970-01-01 00:10:00", true);
}

#[test]
fn a_life_that_began_in_2100_goes_on_at_the_right_time() {
    lane(&beyond_belief("2100-03-01"), true);
}

#[test]
fn what_an_older_program_issued_in_2100_is_made_again_at_once() {
    let mut house = House::new("");
    house.start();
    assert_eq!(house.stop(), Some(0));
    // As it was made before: valid from the day before, by a clock at 2100, over an authority of
    // today.
    let keys = house.dir.join("data/keys");
    let key = rcgen::KeyPair::from_pem(
        &std::fs::read_to_string(keys.join("house-ca/ca.key")).expect("key"),
    )
    .expect("key");
    let issuer = rcgen::Issuer::from_ca_cert_pem(
        &std::fs::read_to_string(keys.join("house-ca/ca.pem")).expect("CA"),
        key,
    )
    .expect("issuer");
    let leaf = rcgen::KeyPair::generate().expect("key");
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    params.not_before = rcgen::date_time_ymd(2100, 2, 28);
    params.not_after = rcgen::date_time_ymd(2100, 5, 30);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&leaf, &issuer).expect("signed");
    std::fs::write(
        keys.join("mqtt.pem"),
        leaf.serialize_pem() + &certificate.pem(),
    )
    .expect("written");
    assert_eq!(days(&house), i64::MIN, "it counts as none");
    assert!(doctor(&house).contains("D-KEY-03"), "{}", doctor(&house));
    house.start();
    house.until(
        "a device comes in over TLS",
        Duration::from_secs(15),
        device_comes_in,
    );
    assert!((80..=90).contains(&days(&house)) && !doctor(&house).contains("D-KEY"));
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("time")
            .as_secs(),
    )
    .expect("seconds");
    let left = CertificateFiles::named(&keys, "mqtt")
        .days_left(u64::try_from(now + DAY).expect("seconds"));
    assert!(left.is_some_and(|d| d < 90));
    assert_eq!(house.stop(), Some(0));
}
