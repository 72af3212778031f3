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
pub const STANDS: [(&str, GuestVisitor); 13] = [
    ("captive", GuestVisitor::Captive),
    ("in", IN),
    (
        "closed",
        GuestVisitor::NotNow(NotNow::Closed { opens: 300 }),
    ),
    ("used-up", GuestVisitor::NotNow(NotNow::DeviceUsedUp)),
    ("house-used-up", GuestVisitor::NotNow(NotNow::HouseUsedUp)),
    ("full", GuestVisitor::NotNow(NotNow::Full)),
    ("turn", GuestVisitor::NotNow(NotNow::TurnIn { seconds: 12 })),
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

/// Places on the first page, px from its top: lines of one line each, the lines of the urgent text
/// and of the newest titles, ends of the button, of the address to come back and of those titles.
const PLACES: &str = "const all = css => [...document.querySelectorAll(css)].map(e => e.getBoundingClientRect()); \
    const end = css => all(css).map(r => Math.ceil(r.bottom)); \
    return { single: all('h1.day, .address').map(r => r.height), lines: all('main .rows b').map(r => r.height), urgent: all('.lead').map(r => r.height), \
    button: end('form .go'), address: end('.address'), titles: end('main .rows b') }";

/// The first page on a phone of this height: so many titles stand on its first screen.
async fn measure(pages: &GuestPages, driver: &Driver, height: u16, seen: usize) {
    let page = driver.phone_of(360, height).await;
    for lang in ["vi", "en"] {
        open(
            &page,
            &format!("http://127.0.0.1:{}/?lang={lang}", pages.portal),
        )
        .await;
        let places = page.execute(PLACES, vec![]).await.expect("places");
        let told = format!("{lang}, {height}: {places}");
        let of = |name: &str| -> Vec<f64> {
            serde_json::from_value(places[name].clone()).expect("numbers")
        };
        assert!(
            of("single").len() == 2 && of("single").iter().all(|h| *h < 40.0),
            "{told}"
        );
        // A tall phone shows two lines of a title, a short one shows more titles.
        let lines = if height < 700 { 1.0 } else { 2.0 };
        assert!(of("lines").iter().all(|h| *h < lines * 30.0), "{told}");
        assert!(
            of("urgent").len() == 1 && of("urgent")[0] < 60.0,
            "two lines: {told}"
        );
        let is_seen = |end: &&f64| **end <= f64::from(height);
        for name in ["button", "address"] {
            let ends = of(name);
            assert_eq!(ends.iter().filter(is_seen).count(), 1, "{name}, {told}");
        }
        let titles = of("titles");
        assert!(
            titles.len() == 3 && titles.iter().filter(is_seen).count() >= seen,
            "{told}"
        );
    }
    page.close().await.expect("closes");
}

#[test]
fn below_an_urgent_notice_and_the_button_the_newest_titles_stand_on_the_first_screen() {
    let (pages, _) = house();
    pages.publish_the_demos_notices();
    pages.stands(GuestVisitor::Captive);
    pages.block_on(async {
        let driver = Driver::start();
        for (height, seen) in [(800, 3), (640, 2)] {
            Box::pin(measure(&pages, &driver, height, seen)).await;
        }
    });
}

#[test]
fn every_page_of_the_wifi_is_for_everybody() {
    let (pages, _) = house();
    pages.script.lock().expect("whole").taps = IN;
    pages.block_on(Box::pin(browse(&pages)));
}
