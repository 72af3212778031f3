//! What was kept and rots is told: in the log, in `status`, `doctor`, on the first page; the house runs on.

use std::time::Duration;

use crate::house::House;

/// What `doctor` says of a part of the house, once the part says anything.
fn told(house: &House, part: &str) -> String {
    let words = || house.cli(&["doctor"]).1.lines().filter(|l| l.contains(&format!("“{part}”"))).collect::<String>();
    house.until(&format!("doctor tells of {part}"), Duration::from_secs(20), |_| !words().is_empty());
    words()
}

#[test]
fn a_ledger_of_nul_bytes_is_told_everywhere_and_the_broker_serves() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    for n in 0..8 {
        assert_eq!(house.cli(&["broker", "pub", "-r", &format!("thu/{n}"), "xin-chao"]).0, 0);
    }
    let kept = |house: &House| house.cli(&["broker", "topics", "thu/#"]).1;
    assert!(kept(&house).starts_with("8 gói tin"), "{}", kept(&house));
    assert_eq!(house.stop(), Some(0));
    house.start();
    assert!(kept(&house).starts_with("8 gói tin"), "a stop costs nothing: {}", kept(&house));
    assert!(!house.cli(&["broker", "status"]).1.contains("đã mất") && !house.cli(&["doctor"]).1.contains("“ledger”"), "and nothing is said");
    assert_eq!(house.stop(), Some(0));

    for file in std::fs::read_dir(house.dir.join("data/broker/ledger")).expect("dir").map(|e| e.expect("entry").path()) {
        let len = std::fs::metadata(&file).expect("there").len();
        std::fs::write(&file, vec![0; usize::try_from(len).expect("small")]).expect("write");
    }
    house.start();
    let words = told(&house, "ledger");
    assert!(words.contains("trống trơn") && words.contains("trước đó"), "{words}");
    let (_, status) = house.cli(&["broker", "status"]);
    assert!(status.contains("đã mất") && status.contains("trống trơn"), "{status}");
    assert!(house.cli(&["status"]).1.contains("ledger"), "status names it");
    let page = house.get("/", &cookie).body;
    assert!(page.contains("Một phần trạng thái thiết bị nhớ trên máy đã mất"), "{page}");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("what the broker had on disk is lost"), "{log}");
    assert_eq!(house.cli(&["broker", "pub", "-r", "thu/moi", "co"]).0, 0, "it serves");
}
