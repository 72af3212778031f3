//! The counts of the forwarder of names, where the technician and the chief look: never a name
//! or who asked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::guest_village::GuestVillage;
use crate::support::http::http_unix;
use crate::support::names::{self, GARDEN_NAME};

const BAD_NAME: &str = "co-bac.example";

/// A village whose block list has one name.
fn village() -> GuestVillage {
    let mut village = GuestVillage::start("");
    village.set_rules(&json!({ "block_list": true }));
    assert_eq!(village.house.stop(), Some(0));
    let list = village.house.dir.join("blocked.txt");
    std::fs::write(&list, format!("{BAD_NAME}\n")).expect("written");
    let config = std::fs::read_to_string(village.house.config()).expect("configuration");
    let head = format!("[network]\nblock_list = \"{}\"\n", list.display());
    std::fs::write(village.house.config(), config.replace("[network]\n", &head)).expect("written");
    village.start_gateway();
    village
}

/// Waits until so many questions are counted for the day: the kernel's counts are taken every ten
/// seconds, and these with them.
fn until_counted(village: &GuestVillage, wanted: Option<u64>) {
    let most = Duration::from_secs(20);
    village.house.until("the day's number", most, |house| {
        let list = house.cli(&["guest", "list", "--json"]).1;
        let list: Value = serde_json::from_str(&list).expect("JSON");
        list["blocked_today"].as_u64() == wanted
    });
}

#[test]
fn what_became_of_questions_is_counted_and_shown_without_a_name() {
    let mut village = village();
    let ask = |village: &GuestVillage, name: &str| {
        names::ask(&village.segments, "staff", "10.9.0.1:53", name)
    };
    // Each asks for both families.
    assert_eq!(ask(&village, BAD_NAME), Some(Vec::new()));
    for name in ["nhavanhoa.lan", GARDEN_NAME, GARDEN_NAME] {
        assert!(
            ask(&village, name).is_some_and(|found| !found.is_empty()),
            "{name}"
        );
    }
    let status = |village: &GuestVillage| -> Value {
        serde_json::from_str(&village.house.cli(&["status", "--json"]).1).expect("JSON")
    };
    let counts = status(&village)["names"].clone();
    for (count, least) in [
        ("questions", 8),
        ("blocked", 2),
        ("local", 2),
        ("cached", 2),
    ] {
        let n = counts[count].as_u64().expect("a number");
        assert!(n >= least, "{count}: {counts}");
    }
    let words = village.house.cli(&["status"]).1;
    for part in [
        "tên miền",
        " câu ",
        "2 trong danh sách chặn",
        "trả lời từ bộ nhớ",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let socket = village.house.dir.join("run/control.sock");
    let metrics = http_unix(&socket, "GET", "/metrics", "").body;
    assert!(
        metrics.contains("conglang_names{count=\"blocked\"} 2\n"),
        "{metrics}"
    );
    // The day's number comes with the next count, and outlives the gateway.
    until_counted(&village, Some(2));
    let list = village.house.cli(&["guest", "list"]).1;
    assert!(list.contains("đã chặn 2 lần hỏi trang xấu"), "{list}");
    assert_eq!(village.house.stop(), Some(0));
    village.start_gateway();
    assert_eq!(ask(&village, BAD_NAME), Some(Vec::new()));
    until_counted(&village, Some(4));
    let told = format!("{}{metrics}{list}", status(&village));
    assert!(
        !told.contains(BAD_NAME) && !told.contains("10.9.0.30"),
        "{told}"
    );
    // Without the list nothing is said of it.
    village.set_rules(&json!({ "block_list": false }));
    until_counted(&village, None);
}
