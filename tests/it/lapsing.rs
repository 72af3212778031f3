//! The certificate for HTTPS comes to its end: told in the last third of its lifetime, however long
//! that is; what a phone gets once it has ended, at a code on a wall and in the window that opens by
//! itself.

use std::path::Path;
use std::time::Duration;

use conglang::i18n::dates;
use conglang::keys::authority::Authority;
use conglang::time::WallMs;

use crate::hostile::now_s;
use crate::portal::{asks, asks_as_sold};
use crate::support::guest_pages::NAME;
use crate::support::house::{House, free_port};
use crate::support::http::http;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A certificate of this authority that lasts so long and has so much left, seconds.
fn install(house: &House, ca: &Path, whole: i64, left: i64) -> WallMs {
    let read = |name: &str| std::fs::read_to_string(ca.join(name)).expect("the authority");
    let key = rcgen::KeyPair::from_pem(&read("ca.key")).expect("key");
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("ca.pem"), key).expect("issuer");
    let leaf = rcgen::KeyPair::generate().expect("key");
    let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).expect("names");
    let until = i64::try_from(now_s()).expect("seconds") + left;
    let date = |s: i64| {
        let s = u64::try_from(s).expect("seconds");
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(s)
    };
    (params.not_before, params.not_after) = (date(until - whole), date(until));
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&leaf, &issuer).expect("signed").pem();
    let files = ["c.pem", "k.pem"].map(|name| house.dir.join(name));
    std::fs::write(&files[0], certificate).expect("written");
    std::fs::write(&files[1], leaf.serialize_pem()).expect("written");
    let [certificate, key] = files.map(|path| path.display().to_string());
    let (code, said) = house.cli(&["cert", "install", &certificate, &key]);
    assert_eq!(code, if left < 0 { 2 } else { 0 }, "{said}");
    WallMs::of_seconds(until)
}

/// What `doctor` says of the certificate, with its advice; empty = nothing. And its exit code.
fn doctor(house: &House) -> (i32, String) {
    let (code, said, _) = house.cli_with(&[("COLUMNS", "10000")], &["doctor"]);
    let mut lines = said.lines().skip_while(|line| !line.contains("D-KEY-02"));
    let found = lines.next().map(str::to_owned).unwrap_or_default();
    let advice = lines.next().unwrap_or_default();
    (
        code,
        if found.is_empty() {
            found
        } else {
            found + advice
        },
    )
}

fn village() -> (House, u16, std::path::PathBuf) {
    let mut house = House::new("");
    let port = free_port();
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    let doors = format!("[doors]\nnames = [\"{NAME}\"]\nportal_tls = \"127.0.0.1:{port}\"\n");
    std::fs::write(house.config(), text.replace("[doors]\n", &doors)).expect("configuration");
    house.start();
    let ca = house.dir.join("ca");
    Authority::load_or_make(&ca, "ai cũng tin", now_s()).expect("CA");
    (house, port, ca)
}

#[test]
fn the_end_is_told_in_the_last_third_of_six_days_and_of_a_year_alike() {
    let (house, _, ca) = village();
    for days in [6, 45, 90, 365] {
        let third = days * DAY / 3;
        install(&house, &ca, days * DAY, third + HOUR);
        let (code, said) = doctor(&house);
        assert!(code < 2 && said.is_empty(), "{days} days: {said}");
        let ends = install(&house, &ca, days * DAY, third - HOUR);
        let (code, said) = doctor(&house);
        let left = (third - HOUR) / DAY;
        let wanted = format!("hết hạn ngày {}, còn {left} ngày", dates::date(ends));
        assert!(code < 2 && said.contains(&wanted), "{wanted}: {said}");
        assert!(said.contains("conglang cert install"), "{said}");
        let ends = install(&house, &ca, days * DAY, -2 * DAY - HOUR);
        let (code, said) = doctor(&house);
        let wanted = format!("hết hạn ngày {}, đã hết hạn 3 ngày", dates::date(ends));
        assert!(code == 2 && said.contains(&wanted), "{wanted}: {said}");
    }
}

#[test]
fn a_certificate_that_ended_stops_phones_at_https_and_nowhere_else() {
    let (house, port, ca) = village();
    let root = ca.join("ca.pem");
    install(&house, &ca, 90 * DAY, 30 * DAY);
    let opens =
        |_: &House| asks_as_sold(&root, port, NAME, "/").is_some_and(|page| page.status == 200);
    house.until("it is served", Duration::from_secs(15), opens);
    install(&house, &ca, 90 * DAY, -DAY);
    house.until("phones refuse it", Duration::from_secs(15), |h| !opens(h));
    let plain = http(house.portal, "GET", "/", "", "");
    assert_eq!(plain.status, 200, "a code with http opens");
    let probe = asks(house.portal, "GET", "captive.apple.com", "/", "");
    assert_eq!(
        (probe.status, probe.header("location")),
        (302, &*format!("http://{NAME}/")),
        "the window that opens by itself stays plain"
    );
    let code = http(house.portal, "GET", "/qr/home.svg", "", "").body;
    assert!(
        code.contains(&format!("aria-label=\"http://{NAME}/\"")),
        "{code}"
    );
}
