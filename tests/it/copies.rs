//! A box that was set back or copied: the commune notices, keeps what it has, and both sides say
//! it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use conglang::protocol::divergence::Divergence;

use crate::commune::{Office, pair, until_received};
use crate::support::house::{House, fields, kind};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from)
        .expect("dir")
        .map(|e| e.expect("entry").path())
    {
        let name = to.join(entry.file_name().expect("name"));
        if entry.is_dir() {
            copy(&entry, &name);
        } else {
            std::fs::copy(&entry, name).expect("copied");
        }
    }
}

fn place(house: &House, id: &str) {
    assert_eq!(
        house
            .command(
                &serde_json::json!({ "do": "DeclarePlace", "place": { "id": id, "name": "Ngõ" } })
            )
            .status,
        200
    );
}

type Records = BTreeMap<(String, u8, u64), Vec<u8>>;

/// What the commune holds, and what it says is wrong; it is started again.
fn look(office: &mut Office) -> (Records, Option<Divergence>) {
    office.kill();
    let store = office.store();
    let records = store
        .records("ben-thoc")
        .expect("records")
        .into_iter()
        .map(|(e, l, n, b)| ((e, l, n), b))
        .collect();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("time")
        .as_millis();
    let now = conglang::time::WallMs::new(i64::try_from(now).expect("small"));
    let trouble = store.divergence("ben-thoc", now).expect("read");
    drop(store);
    office.start();
    (records, trouble.map(|t| t.how))
}

fn losses(house: &House) -> Vec<serde_json::Value> {
    house
        .entries()
        .into_iter()
        .filter(|e| kind(e) == "history.damaged")
        .collect()
}

#[test]
fn a_card_that_was_set_back_is_noticed_by_the_commune_told_on_both_sides_and_noted_once() {
    let (mut house, mut office) = pair();
    house.expect_errors(&["local history shorter than acknowledged", "red health"]);
    let (data, old) = (house.dir.join("data"), house.dir.join("old"));
    office.start();
    house.start();
    let cookie = house.sign_in();
    place(&house, "r1");
    until_received(&house);
    assert_eq!(house.stop(), Some(0));
    copy(&data, &old);
    // Two boots more, which the copy knows nothing of.
    for n in 2..4 {
        house.start();
        place(&house, &format!("r{n}"));
        until_received(&house);
        assert!(losses(&house).is_empty());
        assert_eq!(house.stop(), Some(0));
    }
    let (before, trouble) = look(&mut office);
    assert_eq!(trouble, None, "boots that follow each other are no trouble");
    std::fs::remove_dir_all(&data).expect("removed");
    copy(&old, &data);
    house.start();
    house.until("it is noted", Duration::from_secs(30), |h| {
        !losses(h).is_empty()
    });
    house.until("doctor tells it", Duration::from_secs(20), |h| {
        h.cli(&["doctor"]).1.contains("“commune”")
    });
    let words = house.cli(&["doctor"]).1;
    assert!(
        words.contains("thẻ nhớ bị đưa về bản cũ") && words.contains("hỏi xã"),
        "{words}"
    );
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains("Lịch sử ở xã và ở máy này không khớp nhau"),
        "the first page tells it"
    );
    place(&house, "r9");
    until_received(&house);
    let (after, trouble) = look(&mut office);
    assert_eq!(trouble, Some(Divergence::Older));
    assert!(
        before
            .iter()
            .all(|(key, bytes)| after.get(key) == Some(bytes))
            && after.len() > before.len(),
        "what it had it has, unchanged, and what is new beside it"
    );
    // It goes on, and nothing is noted twice.
    assert_eq!(house.stop(), Some(0));
    house.start();
    until_received(&house);
    house.until("it is still told", Duration::from_secs(20), |h| {
        h.cli(&["doctor"]).1.contains("“commune”")
    });
    assert_eq!(losses(&house).len(), 1, "{:?}", losses(&house));
    // What is lost is told as so many: the numbers are those of other entries now.
    let loss = fields(&losses(&house)[0]).clone();
    assert!(
        loss["from"] == loss["to"] && loss["lost"].as_u64() > Some(0),
        "{loss}"
    );
    assert!(
        house
            .get("/history", &cookie)
            .body
            .contains("mục nhật ký cuối của lần chạy trước"),
        "history says so"
    );
    // The commune's pages show what it had and what came beside it.
    office.kill();
    let newest: Vec<Vec<u8>> = office.store().newest("ben-thoc", 10_000).expect("read");
    for id in ["r1", "r2", "r3", "r9"] {
        assert!(
            newest
                .iter()
                .any(|r| memchr::memmem::find(r, format!("\"{id}\"").as_bytes()).is_some()),
            "{id}"
        );
    }
    office.start();
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
}
