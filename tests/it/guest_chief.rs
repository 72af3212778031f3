//! The chief's page of the free wifi when something is amiss: what it says is what is known, and
//! what was decided can be taken back.

use conglang::domain::guest::admission::InternetUplink;
use conglang::live::guests::GuestsNow;

use crate::guest_desk::{house, lively};
use crate::support::guest_pages::GuestPages;
use crate::support::house::kind;

const B: &str = "bb22bb22bb22bb22bb22bb22bb22bb22";

/// The words of an address's page that are there, and those that are not.
fn says(pages: &GuestPages, cookie: &str, path: &str, there: &[&str], absent: &[&str]) {
    let page = pages.get(path, cookie).body;
    for words in there {
        assert!(page.contains(words), "{path}: {words}: {page}");
    }
    for words in absent {
        assert!(!page.contains(words), "{path}: not {words}: {page}");
    }
}

#[test]
fn without_the_helper_the_page_and_the_command_tell_what_was_known_last() {
    let (pages, cookie) = house();
    pages.shows(lively(&pages).last_known(None));
    let absent = ["Chưa có máy nào", "chưa ai dùng", "<h2>Đang dùng</h2>"];
    let there = [
        "Lúc còn liên lạc",
        "Máy AA11",
        "Nhiều nhất: 900 MB",
        "mark off",
    ];
    says(&pages, &cookie, "/wifi", &there, &absent);
    let english = format!("{cookie}; lang=en");
    says(
        &pages,
        &english,
        "/wifi",
        &["As last known"],
        &["Online now"],
    );
    says(
        &pages,
        &cookie,
        "/",
        &["Wifi của khách chưa chạy"],
        &["Wifi 2 máy"],
    );
    let device = format!("/wifi/devices/{B}");
    let there = ["Lúc còn liên lạc: vào từ"];
    says(&pages, &cookie, &device, &there, &["Ngắt máy này"]);
    let (code, list, _) = pages.cli("vi", &["guest", "list"]);
    let known = "Lúc còn liên lạc: 2 máy, hôm nay 147 MB";
    assert!(
        code == 2 && list.contains(known) && !list.contains("còn 1 giờ"),
        "{list}"
    );
    // On the next day it is not called the use of today.
    let day = lively(&pages).day;
    pages.shows(lively(&pages).last_known(Some(day + 1)));
    says(
        &pages,
        &cookie,
        "/wifi",
        &["Máy AA11"],
        &["hôm nay 20 MB", "hôm nay 120 MB", "Máy CC33"],
    );
}

#[test]
fn who_waits_for_the_internet_is_not_called_online() {
    let (pages, cookie) = house();
    for uplink in [InternetUplink::Metered, InternetUplink::Down] {
        pages.shows(GuestsNow {
            uplink,
            ..lively(&pages)
        });
        let absent = ["<h2>Đang dùng</h2>", "class=\"mark \""];
        says(
            &pages,
            &cookie,
            "/wifi",
            &["Đang chờ có mạng", "Máy AA11"],
            &absent,
        );
        says(&pages, &cookie, "/", &["tile-wifi"], &["Wifi 2 máy"]);
        let list = pages.cli("vi", &["guest", "list"]).1;
        assert!(list.starts_with("2 máy đang chờ có mạng"), "{list}");
    }
    assert_eq!(pages.cli("vi", &["guest", "rules", "metered_mb=500"]).0, 0);
    pages.shows(GuestsNow {
        uplink: InternetUplink::Metered,
        ..lively(&pages)
    });
    says(
        &pages,
        &cookie,
        "/wifi",
        &["<h2>Đang dùng</h2>"],
        &["Đang chờ có mạng"],
    );
    says(&pages, &cookie, "/", &["Wifi 2 máy"], &[]);
}

#[test]
fn a_block_list_that_is_not_there_cannot_be_switched_on() {
    let (pages, cookie) = house();
    let switch = "id=\"block\" name=\"block\" value=\"1\"";
    let (sound, stuck) = (format!("{switch}>"), format!("{switch} disabled>"));
    says(&pages, &cookie, "/wifi/rules", &[&sound], &[&stuck]);
    pages.shows(GuestsNow {
        has_block_list: false,
        ..lively(&pages)
    });
    let why = "Chưa có danh sách. Mời kỹ thuật chép vào trước.";
    says(&pages, &cookie, "/wifi/rules", &[&stuck, why], &[]);
    let form = pages.get("/wifi/rules", &cookie).field("form");
    let sent = [
        ("form", &*form),
        ("on", "1"),
        ("always", "1"),
        ("session", "0"),
        ("most", "40"),
        ("metered", "0"),
        ("keep", "30"),
        ("block", "1"),
    ];
    let refused = pages.post("/wifi/rules", &cookie, &sent);
    assert!(
        refused.status == 400 && refused.body.contains(why),
        "{}",
        refused.body
    );
    let (code, _, said) = pages.cli("vi", &["guest", "rules", "block_list=true"]);
    assert!(code == 1 && said.contains(why), "{said}");
    assert!(pages.entries().iter().all(|e| kind(e) != "guest.rules_set"));
    assert_eq!(
        pages.cli("vi", &["guest", "rules", "block_list=false"]).0,
        0
    );
}

#[test]
fn a_decision_is_told_by_its_name_and_can_be_taken_back() {
    let (pages, cookie) = house();
    let form = pages
        .get(&format!("/wifi/devices/{B}"), &cookie)
        .field("form");
    let sent = [("form", &*form), ("device", B), ("name", "Ti vi")];
    let decide = |standing: &str| {
        let fields = [&sent[..], &[("standing", standing)]].concat();
        pages.post("/wifi/decide", &cookie, &fields)
    };
    let undo = |page: &crate::support::http::Answer| {
        let (form, once) = (page.field("form"), page.field("once"));
        let act = page.field("act");
        let fields = [("form", &*form), ("once", &*once), ("act", &*act)];
        let done = pages.post("/undo", &cookie, &fields);
        assert_eq!(done.status, 303, "{}", done.body);
        pages.get(done.header("location"), &cookie).body
    };
    let standing = || {
        let state = pages.app.journal.state();
        let mut decided = state.wifi.decided.values();
        decided.next().map(|d| format!("{:?}", d.standing))
    };
    let after = |done: &crate::support::http::Answer, words: &str| {
        assert_eq!(done.status, 303, "{}", done.body);
        let page = pages.get(done.header("location"), &cookie);
        assert!(page.body.contains(words), "{words}: {}", page.body);
        assert!(page.body.contains("Hoàn tác"), "{}", page.body);
        page
    };
    let blocked = after(&decide("blocked"), "Đã chặn Ti vi.");
    assert!(undo(&blocked).contains("Đã hoàn tác"));
    assert_eq!(standing(), None, "it is a guest as all are");
    after(&decide("blocked"), "Đã chặn Ti vi.");
    let again = decide("blocked");
    let page = pages.get(again.header("location"), &cookie).body;
    assert!(page.contains("Máy này đã như vậy từ trước."), "{page}");
    let allowed = after(&decide("always"), "Từ nay luôn cho Ti vi vào.");
    undo(&allowed);
    assert_eq!(standing().as_deref(), Some("Blocked"), "as it was before");
    let forgotten = pages.post("/wifi/forget", &cookie, &sent[..2]);
    let forgotten = after(&forgotten, "Ti vi nay được dùng như mọi máy khác.");
    assert_eq!(standing(), None);
    undo(&forgotten);
    assert_eq!(standing().as_deref(), Some("Blocked"), "with its name");
    // Somebody decided otherwise since: there is nothing to take back.
    let old = after(&decide("always"), "Từ nay");
    assert_eq!(pages.cli("vi", &["guest", "forget", "Ti vi"]).0, 0);
    let (form, once, act) = (old.field("form"), old.field("once"), old.field("act"));
    let fields = [("form", &*form), ("once", &*once), ("act", &*act)];
    assert!(pages.post("/undo", &cookie, &fields).status >= 400);
    let history = pages.get("/history", &cookie).body;
    let taken_back = "hoàn tác: Chặn Ti vi khỏi wifi miễn phí";
    assert!(history.contains(taken_back), "{history}");
}

#[test]
fn history_tells_each_setting_against_the_one_before_it() {
    let (pages, cookie) = house();
    for rules in ["most_devices=40", "most_devices=50", "device_kbit=2500"] {
        assert_eq!(pages.cli("vi", &["guest", "rules", rules]).0, 0);
    }
    let there = [
        "quy định wifi miễn phí: nhiều nhất 40 máy cùng lúc<",
        "quy định wifi miễn phí: nhiều nhất 50 máy cùng lúc<",
        "quy định wifi miễn phí: tốc độ mỗi máy 2,5 Mbit/s<",
    ];
    for path in ["/", "/history"] {
        says(&pages, &cookie, path, &there, &[]);
    }
}
