//! What was kept and rots is told: in the log, in `status`, `doctor`, on the first page; the house
//! runs on.

use std::time::Duration;

use crate::support::house::House;

/// What `doctor` says of a part of the house, once the part says anything.
fn told(house: &House, part: &str) -> String {
    let words = || {
        house
            .cli(&["doctor"])
            .1
            .lines()
            .filter(|l| l.contains(&format!("“{part}”")))
            .collect::<String>()
    };
    house.until(
        &format!("doctor tells of {part}"),
        Duration::from_secs(20),
        |_| !words().is_empty(),
    );
    words()
}

#[test]
fn a_ledger_of_nul_bytes_is_told_everywhere_and_the_broker_serves() {
    let mut house = House::new("");
    house.expect_errors(&["broker persistence: data lost", "red health"]);
    house.start();
    let cookie = house.sign_in();
    for n in 0..8 {
        assert_eq!(
            house
                .cli(&["broker", "pub", "-r", &format!("thu/{n}"), "xin-chao"])
                .0,
            0
        );
    }
    let kept = |house: &House| house.cli(&["broker", "topics", "thu/#"]).1;
    assert!(kept(&house).starts_with("8 gói tin"), "{}", kept(&house));
    assert_eq!(house.stop(), Some(0));
    house.start();
    assert!(
        kept(&house).starts_with("8 gói tin"),
        "a stop costs nothing: {}",
        kept(&house)
    );
    assert!(
        !house.cli(&["broker", "status"]).1.contains("đã mất")
            && !house.cli(&["doctor"]).1.contains("“ledger”"),
        "and nothing is said"
    );
    assert_eq!(house.stop(), Some(0));

    for file in std::fs::read_dir(house.dir.join("data/broker/ledger"))
        .expect("dir")
        .map(|e| e.expect("entry").path())
    {
        let len = std::fs::metadata(&file).expect("there").len();
        std::fs::write(&file, vec![0; usize::try_from(len).expect("small")]).expect("write");
    }
    house.start();
    let words = told(&house, "ledger");
    assert!(
        words.contains("trống trơn") && words.contains("trước đó"),
        "{words}"
    );
    let (_, status) = house.cli(&["broker", "status"]);
    assert!(
        status.contains("đã mất") && status.contains("trống trơn"),
        "{status}"
    );
    assert!(
        house.cli(&["status"]).1.contains("ledger"),
        "status names it"
    );
    let page = house.get("/", &cookie).body;
    assert!(
        page.contains("Một phần trạng thái thiết bị nhớ trên máy đã mất"),
        "{page}"
    );
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("broker persistence: data lost"), "{log}");
    assert_eq!(
        house.cli(&["broker", "pub", "-r", "thu/moi", "co"]).0,
        0,
        "it serves"
    );
}

#[test]
fn a_damaged_file_of_people_s_words_is_told_before_anybody_opens_it_and_mended_from_its_other_copy()
{
    let mut house = House::new("");
    house.expect_errors(&["blob lost: both copies", "red health"]);
    house.start();
    let cookie = house.sign_in();
    for (once, title) in [("n-0001", "Họp thôn"), ("n-0002", "Cắt điện")] {
        let form = house.form("/notices/new", &cookie);
        let sent = house.post(
            "/notices",
            &cookie,
            &[
                ("form", &form),
                ("once", once),
                ("title", title),
                ("body", "19 giờ."),
                ("kind", "event"),
                ("days", "7"),
            ],
        );
        assert_eq!(sent.status, 303, "{}", sent.body);
    }
    let path = |n: &str, copy: &str| {
        let id = house.state()["notices"][n]["text"]["id"]
            .as_str()
            .expect("a file")
            .to_owned();
        house.dir.join("data/people").join(copy).join(id)
    };
    let (lost, hurt) = (
        ["a", "b"].map(|c| path("n-0001", c)),
        ["a", "b"].map(|c| path("n-0002", c)),
    );
    assert_eq!(house.stop(), Some(0));
    // As rot does it: the file looks as old as it is.
    let rot = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).expect("there");
        bytes[6] ^= 4;
        std::fs::write(path, bytes).expect("write");
    };
    for path in lost.iter().chain(&hurt[..1]) {
        rot(path);
    }
    for path in lost.iter().chain(&hurt) {
        let then = std::time::SystemTime::now() - Duration::from_secs(600);
        std::fs::File::options()
            .write(true)
            .open(path)
            .and_then(|f| f.set_modified(then))
            .expect("aged");
    }
    house.start();
    let words = told(&house, "people");
    assert!(
        words.contains("1 nội dung hỏng hoặc mất cả hai bản: thông báo n-0001")
            && words.contains("1 nội dung hỏng một bản"),
        "{words}"
    );
    assert_eq!(
        std::fs::read(&hurt[0]).expect("there"),
        std::fs::read(&hurt[1]).expect("there"),
        "written again from the other"
    );
    assert!(
        house.cli(&["status"]).1.contains("people"),
        "status names it"
    );
    let page = house.get("/", &cookie).body;
    assert!(
        page.contains("Có thông báo hoặc tên người trên máy bị hỏng"),
        "{page}"
    );
}

#[test]
fn what_waits_for_the_commune_is_told_the_same_everywhere_where_nothing_was_ever_delivered() {
    let (mut house, mut office) = crate::commune::pair();
    house.start();
    let cookie = house.sign_in();
    let waiting = |house: &House| {
        serde_json::from_str::<serde_json::Value>(&house.cli(&["sync", "status", "--json"]).1)
            .expect("json")["waiting"]
            .as_u64()
            .unwrap_or(0)
    };
    let on_wire = |house: &House| {
        house
            .entries()
            .iter()
            .filter(|e| e["lane"] != "local")
            .count() as u64
    };
    house.until("it is counted", Duration::from_secs(20), |h| {
        waiting(h) > 0 && waiting(h) == on_wire(h)
    });
    let n = waiting(&house);
    assert!(
        house.cli(&["sync", "status"]).1.contains(&format!(
            "Xã chưa nhận mục nào; đã lưu tại chỗ, chờ gửi {n}"
        )),
        "{}",
        house.cli(&["sync", "status"]).1
    );
    assert!(
        house.cli(&["doctor"]).1.contains(&format!("chờ gửi {n}")),
        "{}",
        house.cli(&["doctor"]).1
    );
    assert!(house.cli(&["status"]).1.contains(&format!("chờ gửi {n}")));
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains(&format!("Đã lưu tại chỗ {n} mục"))
    );
    office.start();
    house.until(
        "all is received",
        Duration::from_secs(60),
        crate::commune::received,
    );
    office.kill();
    // A new start without the commune knows what it had: the boot alone waits.
    assert_eq!(house.stop(), Some(0));
    house.start();
    house.until("it is counted", Duration::from_secs(20), |h| {
        (1..n).contains(&waiting(h))
    });
    assert!(
        house
            .cli(&["sync", "status"])
            .1
            .contains("Xã đã nhận đủ đến mục")
    );
}
