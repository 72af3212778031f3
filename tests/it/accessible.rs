//! Pages for people who do not see them, do not see them well, or have no mouse: every page of the
//! portal, of the village and of the commune's console, in both languages, held against axe-core and
//! against rules of our own (`support/page.js`). A page that another page leads to is judged by
//! itself.

use std::time::{Duration, Instant};

use conglang::domain::event::Lane;
use conglang::protocol::commune::{Stream, UplinkMessage};
use conglang::protocol::village_status::{
    NamedThing, NamedThings, Status, StatusSummary, ThingKind,
};
use fantoccini::{Client, Locator};

use crate::browser::{Driver, press, sign_in, words};
use crate::snapshots::{PAGES, publish};
use crate::support::accessible::Judge;
use crate::support::house::House;
use crate::support::lamp::Lamp;
use crate::support::office::Commune;
use crate::support::south::{announce, device};
use crate::support::village::{enter, say};
use crate::voice::speak;

const SOON: Duration = Duration::from_secs(15);

/// A village where something is broken, something is urgent and something was said.
struct Lively {
    house: House,
    _lamp: Lamp,
    _gauge: crate::support::peer::Peer,
}

fn lively() -> Lively {
    let mut house = House::new("[[camera]]\nid = \"cam-1\"\nname = \"Cổng chợ\"\n");
    house.start();
    let cookie = house.sign_in();
    let lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is there", SOON, |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let mut gauge = device(&house, "cb-01", true);
    let config =
        serde_json::json!({ "name": "Mực", "stat_t": "d/cb-01/level", "unit_of_meas": "cm" });
    announce(&house, &mut gauge, "cb-01", "sensor", "level", &config);
    gauge.tell("d/cb-01/level", b"200", false);
    house.until("it alarms", SOON, |h| {
        !h.state()["sensors"]["cb-01.level"]["alarm"].is_null()
    });
    publish(&house, &cookie, "n-1", "notice", "Họp thôn");
    publish(&house, &cookie, "n-2", "urgent", "Nước lên nhanh");
    publish(&house, &cookie, "n-3", "notice", "Tiêm phòng dại");
    let form = house.form("/notices/n-3", &cookie);
    let down = [("form", form.as_str()), ("once", "n-3-down")];
    let down = house.post("/notices/n-3/down", &cookie, &down);
    assert_eq!(down.status, 303, "{}", down.body);
    speak(&house, &cookie, "Mời bà con ra họp.", &["loa-02"]);
    // A small map: each of its pages is judged.
    let map = house.cli(&["directory", "import", "src/protocol/map_file/good.geojson"]);
    assert_eq!(map.0, 0, "{}", map.1);
    Lively {
        house,
        _lamp: lamp,
        _gauge: gauge,
    }
}

async fn open(page: &Client, address: &str) {
    page.goto(address).await.expect("opens");
}

async fn type_in(page: &Client, css: &str, text: &str) {
    let element = page.find(Locator::Css(css)).await.expect(css);
    element.send_keys(text).await.expect("typed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_village_is_for_everybody() {
    let lively = lively();
    let house = &lively.house;
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    let paths = PAGES.map(|(_, path)| path);
    for lang in ["vi", "en"] {
        open(&page, &format!("{base}/lang/{lang}")).await;
        open(&page, &format!("{base}/sign-in")).await;
        judge.judge(&page, &format!("the sign-in in {lang}")).await;
        let portal = format!("http://127.0.0.1:{}", house.portal);
        let query = format!("lang={lang}");
        let starts = [
            format!("/?{query}"),
            format!("/search?{query}&find=hop"),
            format!("/search?{query}&find=7"),
        ];
        let seen = judge
            .tour(
                &page,
                &portal,
                &starts.each_ref().map(|s| &**s),
                |address| !address.contains(&query) || address.contains("big"),
            )
            .await;
        for path in ["/t/n-2", "/r", "/r/ngo-12", "/r/ngo-12/to/g-7", "/h/g-7"] {
            assert!(seen.contains(&path.to_owned()), "{path} of {seen:?}");
        }
    }
    sign_in(&page, &base).await;
    for lang in ["vi", "en"] {
        open(&page, &format!("{base}/lang/{lang}")).await;
        let seen = judge
            .tour(&page, &base, &paths, |address| {
                ["/lang/", "/big", "/a/", "/print/"]
                    .iter()
                    .any(|p| address.starts_with(p))
            })
            .await;
        for path in ["/notices/n-2", "/notices/archive/n-3", "/cameras/cam-1"] {
            assert!(seen.contains(&path.to_owned()), "{path} of {seen:?}");
        }
        open(&page, &format!("{base}/nowhere")).await;
        judge.judge(&page, "an address that leads nowhere").await;
    }
    open(&page, &format!("{base}/big")).await;
    open(&page, &format!("{base}/speakers")).await;
    judge.judge(&page, "with larger text").await;
    page.close().await.expect("closes");
    judge.verdict();
}

/// The field that has the focus, as long as it says that it is wrong and why.
const REFUSED: &str = "const e = document.activeElement;\
    const is = e.closest('[aria-invalid=true]'), said = is && document.getElementById(is.getAttribute('aria-describedby'));\
    return said && said.innerText ? e.id : 'none: ' + e.outerHTML";

async fn is_refused_at(page: &Client, judge: &Judge, field: &str) {
    let end = Instant::now() + SOON;
    loop {
        let at = page.execute(REFUSED, vec![]).await.expect("script");
        if at == field {
            break;
        }
        assert!(Instant::now() < end, "the focus is at {at}, not {field}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    judge.judge(page, &format!("refused at {field}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_marks_its_field_and_the_browser_goes_there() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    open(&page, &base).await;
    type_in(&page, "#pin", "12").await;
    press(&page, "form[action='/sign-in'] button").await;
    is_refused_at(&page, &judge, "pin").await;
    sign_in(&page, &base).await;
    open(&page, &format!("{base}/notices/new")).await;
    press(&page, "main form .go.huge").await;
    is_refused_at(&page, &judge, "title").await;
    type_in(&page, "#title", "Họp thôn").await;
    press(&page, "main form .go.huge").await;
    is_refused_at(&page, &judge, "body").await;
    open(&page, &format!("{base}/speakers")).await;
    press(&page, "main form .go.huge").await;
    is_refused_at(&page, &judge, "text").await;
    type_in(&page, "#text", "Mời bà con họp.").await;
    press(&page, "main form .go.huge").await;
    is_refused_at(&page, &judge, "z-loa-01").await;
    page.close().await.expect("closes");
    judge.verdict();
}

/// A commune of two villages, one of which said something, and its officer.
fn commune() -> (Commune, (rumqttc::Client, rumqttc::Connection)) {
    let chief = "chief = \"Ông Mẫu\"\nphone = \"0000 000 021\"\npeople = 1240\n";
    let mut commune = Commune::with_keys(&[("ben-thoc", chief), ("trai-cau", "")]);
    commune.start(&[]);
    let officer = ["commune", "officer", "add", "hoa", "Chị Hoa, văn hóa xã"];
    let said = commune.cli("vi", &[&officer[..], &["--pin", "135791"]].concat());
    assert_eq!(said.0, 0, "{said:?}");
    let stream = Stream {
        epoch: "0123456789abcdef0123456789abcdef".to_owned(),
        lane: Lane::Log,
    };
    let link = enter(&commune, "ben-thoc", &stream);
    let summary = StatusSummary {
        status: Status::Broken,
        broken_count: 1,
        broken: NamedThings {
            count: 1,
            first: vec![NamedThing {
                kind: ThingKind::Light,
                name: "Chợ Phiên".to_owned(),
                since: None,
            }],
        },
        ..StatusSummary::default()
    };
    let summary = Box::new(summary);
    say(&link.0, "ben-thoc", &UplinkMessage::Status { summary });
    (commune, link)
}

#[test]
fn every_page_of_the_commune_is_for_everybody() {
    let (commune, _link) = commune();
    tokio::runtime::Runtime::new()
        .expect("runtime")
        .block_on(Box::pin(console(&commune)));
}

async fn console(commune: &Commune) {
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", commune.console);
    for lang in ["en", "vi"] {
        open(&page, &format!("{base}/lang/{lang}")).await;
        judge.judge(&page, &format!("the sign-in in {lang}")).await;
    }
    let choose = "document.getElementById('officer').value = 'hoa'";
    page.execute(choose, vec![]).await.expect("chosen");
    type_in(&page, "#pin", "12").await;
    press(&page, "form[action='/sign-in'] button").await;
    is_refused_at(&page, &judge, "pin").await;
    type_in(&page, "#pin", "135791").await;
    press(&page, "form[action='/sign-in'] button").await;
    words(&page, "header", "Chị Hoa", SOON).await;
    open(&page, &format!("{base}/bulletins/new")).await;
    press(&page, "form.sheet button.go").await;
    is_refused_at(&page, &judge, "title").await;
    type_in(&page, "#title", "Mưa lớn, rủi ro cấp 2").await;
    type_in(&page, "#body", "Kê cao đồ đạc. Gọi 0000 000 021.").await;
    press(&page, "form.sheet button.go").await;
    is_refused_at(&page, &judge, "to-all").await;
    press(&page, "label[for=to-all]").await;
    press(&page, "label[for=urgent]").await;
    press(&page, "form.sheet button.go").await;
    words(&page, "h1", "Gửi tin khẩn tới 2 thôn?", SOON).await;
    judge.judge(&page, "the question before it is sent").await;
    press(&page, "main button.go").await;
    words(&page, "#summary", "0/2 thôn đã nhận", SOON).await;
    for lang in ["vi", "en"] {
        open(&page, &format!("{base}/lang/{lang}")).await;
        let seen = judge
            .tour(&page, &base, &["/", "/nowhere"], |address| {
                address.starts_with("/lang/")
            })
            .await;
        for path in [
            "/bulletins/1",
            "/bulletins/new",
            "/villages/ben-thoc",
            "/me",
        ] {
            assert!(seen.contains(&path.to_owned()), "{path} of {seen:?}");
        }
    }
    page.close().await.expect("closes");
    judge.verdict();
}
