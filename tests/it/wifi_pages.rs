//! The pages of the free wifi in a browser: every way a visitor's device can stand, and the chief's
//! pages, in both languages, for people who do not see them well; and one tap on a phone.

use std::time::Duration;

use conglang::domain::guest::admission::NotNow;
use conglang::ports::guests::GuestVisitor;
use fantoccini::Client;

use crate::browser::{Driver, press, sign_in, words};
use crate::guest_desk::{house, lively};
use crate::support::accessible::Judge;
use crate::support::guest_pages::GuestPages;

const SOON: Duration = Duration::from_secs(15);

const IN: GuestVisitor = GuestVisitor::In {
    seconds_left: 12_000,
    bytes_left: Some(1_024_000_000),
};

/// Every way a device can stand, each with a name for the judge.
pub const STANDS: [(&str, GuestVisitor); 12] = [
    ("captive", GuestVisitor::Captive),
    ("in", IN),
    (
        "closed",
        GuestVisitor::NotNow(NotNow::Closed { opens: 300 }),
    ),
    ("used-up", GuestVisitor::NotNow(NotNow::DeviceUsedUp)),
    ("house-used-up", GuestVisitor::NotNow(NotNow::HouseUsedUp)),
    ("full", GuestVisitor::NotNow(NotNow::Full)),
    ("down", GuestVisitor::NotNow(NotNow::UplinkDown)),
    ("metered", GuestVisitor::NotNow(NotNow::MeteredOnly)),
    ("blocked", GuestVisitor::NotNow(NotNow::Blocked)),
    ("off", GuestVisitor::NotNow(NotNow::Off)),
    ("not-served", GuestVisitor::NotServed),
    ("out-of-order", GuestVisitor::OutOfOrder),
];

async fn open(page: &Client, address: &str) {
    page.goto(address).await.expect("opens");
}

async fn browse(pages: &GuestPages) {
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    let portal = format!("http://127.0.0.1:{}", pages.portal);
    for (name, visitor) in STANDS {
        for lang in ["vi", "en"] {
            pages.stands(visitor);
            open(&page, &format!("{portal}/?lang={lang}")).await;
            judge.judge(&page, &format!("{name} in {lang}")).await;
        }
    }
    for path in ["/rules?lang=vi", "/rules?lang=en", "/?lang=vi&big=1"] {
        open(&page, &format!("{portal}{path}")).await;
        judge.judge(&page, path).await;
    }
    pages.stands(GuestVisitor::Captive);
    open(&page, &format!("{portal}/")).await;
    press(&page, "form button.go").await;
    words(&page, "main", "Đã vào mạng", SOON).await;
    judge.judge(&page, "after the tap").await;
    let base = format!("http://127.0.0.1:{}", pages.dashboard);
    sign_in(&page, &base).await;
    let device = lively(pages).devices.remove(1).id;
    let device = format!("/wifi/devices/{device}");
    for lang in ["vi", "en"] {
        open(&page, &format!("{base}/lang/{lang}")).await;
        for path in [
            "/",
            "/wifi",
            "/wifi?all",
            "/wifi/rules",
            "/wifi/sheet",
            &device,
        ] {
            open(&page, &format!("{base}{path}")).await;
            judge.judge(&page, &format!("{path} in {lang}")).await;
        }
    }
    page.close().await.expect("closes");
    judge.verdict();
}

/// Publishes a notice as the chief.
fn publish(pages: &GuestPages, cookie: &str, id: &str, kind: &str, title: &str, body: &str) {
    let form = pages.get("/notices/new", cookie).field("form");
    let fields = [
        ("form", &*form),
        ("once", id),
        ("title", title),
        ("body", body),
        ("kind", kind),
        ("days", "7"),
    ];
    let sent = pages.post("/notices", cookie, &fields);
    assert_eq!(sent.status, 303, "{}", sent.body);
}

async fn measure(pages: &GuestPages) {
    let driver = Driver::start();
    let page = driver.phone().await;
    pages.stands(GuestVisitor::Captive);
    for lang in ["vi", "en"] {
        open(
            &page,
            &format!("http://127.0.0.1:{}/?lang={lang}", pages.portal),
        )
        .await;
        let script = "return [...document.querySelectorAll('main .rows li b')]\
            .map(title => Math.ceil(title.getBoundingClientRect().bottom))";
        let ends = page.execute(script, vec![]).await.expect("places");
        let ends: Vec<u64> = serde_json::from_value(ends).expect("numbers");
        assert!(
            ends.len() == 3 && ends.iter().all(|end| *end <= 800),
            "{lang}: titles end at {ends:?} of 800"
        );
    }
    page.close().await.expect("closes");
}

#[test]
fn below_an_urgent_notice_and_the_button_three_titles_stand_on_the_first_screen() {
    let (pages, cookie) = house();
    let storm = "Bà con chằng chống nhà cửa, đưa trâu bò về chuồng, không ra sông từ 18 giờ. Cần \
        giúp gọi ông Mẫu 0912 345 678.";
    publish(
        &pages,
        &cookie,
        "n-1",
        "urgent",
        "Tin bão số 9: gió cấp 8 từ tối nay",
        storm,
    );
    for (id, title) in [
        ("n-2", "Họp thôn tối thứ Bảy"),
        ("n-3", "Tiêm phòng cho trẻ em"),
        ("n-4", "Lịch lấy nước vào đồng"),
    ] {
        publish(
            &pages,
            &cookie,
            id,
            "notice",
            title,
            "Mời bà con đến nhà văn hóa.",
        );
    }
    pages.block_on(Box::pin(measure(&pages)));
}

#[test]
fn every_page_of_the_wifi_is_for_everybody() {
    let (pages, _) = house();
    pages.script.lock().expect("whole").taps = IN;
    pages.block_on(Box::pin(browse(&pages)));
}
