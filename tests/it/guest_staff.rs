//! The dashboard by the house's own name over HTTPS, as a phone on the staff's wifi opens it while
//! the line is cut: the name comes from the box, the certificate is one that the phone believes.

use std::time::{Duration, Instant};

use conglang::keys::authority::Authority;

use crate::hostile::now_s;
use crate::support::guest_village::GuestVillage;
use crate::support::names;

const NAME: &str = "benthoc.example";

#[test]
fn the_chief_opens_his_page_by_the_houses_name_over_https_with_the_line_cut() {
    let mut village = GuestVillage::start("");
    assert_eq!(village.house.stop(), Some(0));
    let more = village.house.dir.join("conglang.d");
    std::fs::create_dir_all(&more).expect("folder");
    let doors = format!("[doors]\ndashboard_tls = \"[::]:443\"\nnames = [\"{NAME}\"]\n");
    std::fs::write(more.join("50-tls.toml"), doors).expect("configuration");
    village.start_gateway();
    let dir = &village.house.dir;
    let ca = dir.join("everybody");
    let authority = Authority::load_or_make(&ca, "ai cũng tin", now_s()).expect("CA");
    let identity = authority.issue_server(NAME, &[NAME.into()], now_s() - 3_600);
    let identity = identity.expect("certificate");
    let (certificate, key) = (dir.join("c.pem"), dir.join("k.pem"));
    std::fs::write(&certificate, &identity.certificate).expect("written");
    std::fs::write(&key, &identity.key).expect("written");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let (code, text) = village.house.cli(&["cert", "install", &certificate, &key]);
    assert_eq!(code, 0, "{text}");
    village.segments.ip("box", &["link", "set", "up0", "down"]);
    let trusted = ca.join("ca.pem").display().to_string();
    let open = |place: &str, address: &str| {
        let resolve = format!("{NAME}:443:{address}");
        let url = format!("https://{NAME}/sign-in");
        let curl = [
            "curl",
            "-sS",
            "--max-time",
            "3",
            "--cacert",
            &trusted,
            "--resolve",
            &resolve,
            &url,
        ];
        village.segments.exec(place, &curl)
    };
    // The certificate is taken into service within seconds.
    village
        .house
        .until("the certificate is served", Duration::from_secs(15), |_| {
            open("staff", "10.9.0.1").0
        });
    let began = Instant::now();
    let found = names::ask(&village.segments, "staff", "10.9.0.1:53", NAME);
    assert_eq!(found, Some(vec!["10.9.0.1".parse().expect("an address")]));
    let (is_open, page) = open("staff", "10.9.0.1");
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(is_open && page.contains("Đăng nhập"), "{page}");
    // A visitor's phone does not reach it, by any address of the box.
    for address in ["10.7.0.1", "10.9.0.1"] {
        let (is_open, page) = open("phone", address);
        assert!(!is_open && !page.contains("Đăng nhập"), "{address}: {page}");
    }
}
