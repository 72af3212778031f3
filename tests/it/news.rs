//! The first page and the list of notices at a glance: the near future first, when and where; marks
//! of new notices and of those whose occasion has been.

use conglang::domain::calendar::{day_number, day_start};
use conglang::ports::guests::GuestVisitor;
use conglang::time::WallMs;
use serde_json::{Value, json};

use crate::support::guest_pages::GuestPages;
use crate::support::http::http;

const HOUR_MS: i64 = 3_600_000;

fn publish(pages: &GuestPages, id: &str, more: &Value) {
    let mut notice =
        json!({ "id": id, "title": format!("Tin {id}"), "body": "Chữ.", "kind": "event" });
    if let (Some(all), Some(more)) = (notice.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    let answer = pages.technician("/notices", &notice);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn visit(pages: &GuestPages, path: &str) -> String {
    let body = http(pages.portal, "GET", path, "", "").body;
    body.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The ids of a list, in its order.
fn order(page: &str) -> Vec<String> {
    let rows = page.split("<a class=\"what\" href=\"/t/").skip(1);
    let ids = rows.filter_map(|row| row.split('?').next());
    ids.map(str::to_owned).collect()
}

/// The row of a notice.
fn row(page: &str, id: &str) -> String {
    let (_, row) = page
        .split_once(&format!("href=\"/t/{id}?"))
        .unwrap_or_else(|| panic!("{id}: {page}"));
    row.split("</li>").next().expect("a row").to_owned()
}

#[test]
fn what_lies_ahead_stands_first_and_what_has_been_last() {
    let pages = GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive);
    let today = day_number(pages.app.supervisor.clock().wall_ms());
    let at = |days: i64, hour: i64| -> WallMs { day_start(today + days) + hour * HOUR_MS };
    let held = |days: i64, hour: i64| json!({ "occasion": { "at": at(days, hour) } });
    publish(&pages, "xa", &held(40, 8));
    publish(&pages, "kham", &held(-1, 8));
    let mut meeting = held(9, 19);
    meeting["place"] = "Nhà văn hóa thôn".into();
    publish(&pages, "hop", &meeting);
    publish(&pages, "dien", &json!({ "from": at(2, 7) }));
    let mut tomorrow = held(1, 8);
    tomorrow["occasion"]["ends"] = json!(at(1, 11));
    publish(&pages, "mai", &tomorrow);
    publish(&pages, "quy", &json!({}));

    let first = visit(&pages, "/?lang=vi");
    assert_eq!(order(&first), ["mai", "dien", "quy"], "{first}");
    assert!(
        row(&first, "mai").contains("Ngày mai, 08:00 </small>"),
        "{first}"
    );
    assert!(row(&first, "quy").contains("Đăng hôm nay"), "{first}");
    assert!(
        row(&first, "dien").contains("Từ ") && row(&first, "dien").contains(", 07:00"),
        "{first}"
    );
    assert!(
        !first.contains(">Mới</span>"),
        "all are new, so none is told apart: {first}"
    );

    let all = visit(&pages, "/t?lang=vi");
    assert_eq!(
        order(&all),
        ["quy", "mai", "dien", "hop", "xa", "kham"],
        "{all}"
    );
    let (hop, kham) = (row(&all, "hop"), row(&all, "kham"));
    assert!(hop.contains(">Mới</span> Sự kiện · "), "{hop}");
    assert!(hop.contains(", 19:00 · Nhà văn hóa thôn"), "{hop}");
    assert!(
        kham.contains(">Đã qua</span> Sự kiện · Hôm qua, 08:00") && !kham.contains("Mới"),
        "{kham}"
    );

    let meeting = visit(&pages, "/t/hop?lang=vi");
    assert!(
        meeting.contains(", 19 giờ</b>") && meeting.contains("âm lịch · còn 9 ngày</span>"),
        "{meeting}"
    );
    assert!(
        meeting.contains("<span>Nhà văn hóa thôn</span>"),
        "{meeting}"
    );
    let past = visit(&pages, "/t/kham?lang=vi");
    assert!(past.contains(" âm lịch · đã qua</span>"), "{past}");
    for page in [&first, &all, &meeting, &past] {
        assert!(
            page.contains("<a class=\"home\" href=\"/?lang=vi\">") && page.contains("Chữ to hơn"),
            "{page}"
        );
    }
}
