//! A whole task, counted in taps on a phone's screen: a meeting with a picture, from the chief's
//! first page to the phones of the village, found by its words without marks and opened by its
//! code. The share sheet is the browser's; where the test's browser has none, what it would get is
//! written down.

use std::time::Duration;

use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::browser::{DevToolsCommand, Driver, press, sign_in, words};
use crate::notice_forms::{photo, visitor};
use crate::support::codes::{drawn, read_codes};
use crate::support::house::House;
use crate::support::http::encode;

const SOON: Duration = Duration::from_secs(15);

/// A share sheet that only writes down what it is given.
const SHARE_SHEET: &str = "navigator.canShare = what => Array.isArray(what.files); \
    navigator.share = async what => { window.shared = { title: what.title, text: what.text, \
    files: (what.files || []).map(f => [f.name, f.type, f.size]) } }";

/// A script that runs before those of each page.
fn before_each_page(script: &str) -> DevToolsCommand {
    DevToolsCommand {
        name: "Page.addScriptToEvaluateOnNewDocument",
        parameters: json!({ "source": script }),
    }
}

/// A phone, and how often its screen was tapped.
struct Thumb<'a> {
    phone: &'a Client,
    taps: usize,
}

impl Thumb<'_> {
    async fn tap(&mut self, css: &str) {
        press(self.phone, css).await;
        self.taps += 1;
    }

    async fn types(&self, css: &str, text: &str) {
        let field = self.phone.find(Locator::Css(css)).await.expect(css);
        field.send_keys(text).await.expect("typed");
    }

    /// A script's value, as soon as it is not nothing.
    async fn value(&self, script: &str) -> Value {
        let end = std::time::Instant::now() + SOON;
        loop {
            let value = self.phone.execute(script, vec![]).await.expect("script");
            if !value.is_null() {
                return value;
            }
            assert!(std::time::Instant::now() < end, "{script}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// From the first page to the form of a meeting; gives how many taps that took.
async fn to_the_form(thumb: &mut Thumb<'_>) -> usize {
    let before = thumb.taps;
    thumb.tap("a[href='/notices/new']").await;
    words(thumb.phone, "h1", "Viết thông báo", SOON).await;
    thumb.tap("a[href='/notices/new?template=hop-thon']").await;
    let title = "const e = document.getElementById('title'); return e && e.value || null";
    assert_eq!(thumb.value(title).await, "Mời họp thôn");
    thumb.taps - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_with_a_picture_is_published_and_shared_in_three_taps_after_typing() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let picture = house.dir.join("IMG_2041.jpg");
    std::fs::write(&picture, photo(1_600, 900)).expect("written");
    let driver = Driver::start();
    let phone = driver.phone().await;
    phone
        .issue_cmd(before_each_page(SHARE_SHEET))
        .await
        .expect("a share sheet");
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    let mut thumb = Thumb {
        phone: &phone,
        taps: 0,
    };
    assert!(to_the_form(&mut thumb).await <= 3, "a template");
    // Typing: the words, the day, and the picture that the phone's own window gives.
    let field = phone.find(Locator::Css("#body")).await.expect("the words");
    field.clear().await.expect("the dots are gone");
    thumb
        .types("#body", "Bàn quỹ thôn. Gọi 0977 123 456.")
        .await;
    // The phone's own windows give the day and the hour.
    phone
        .execute(
            "document.getElementById('held-day').value = '2030-12-07'; \
             document.getElementById('held-time').value = '19:30'",
            vec![],
        )
        .await
        .expect("a day");
    thumb.types("#files", &picture.display().to_string()).await;
    thumb.taps = 0;
    thumb.tap("main form .go.huge").await;
    words(&phone, "h1", "Xem trước", SOON).await;
    thumb.tap("form[action='/notices'] .go.huge").await;
    words(&phone, "h1", "Mời họp thôn", SOON).await;
    let shown = "const b = document.getElementById('share-now'); \
        return b && !b.parentElement.hidden ? location.pathname : null";
    let path = thumb.value(shown).await;
    let id = path.as_str().expect("a path").replace("/notices/", "");
    // The picture is on its way to the page before a person has read it.
    let fetched = "return performance.getEntriesByType('resource').some(r => \
        r.initiatorType === 'fetch' && r.responseEnd > 0) ? 1 : null";
    thumb.value(fetched).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    thumb.tap("#share-now").await;
    let shared = thumb.value("return window.shared || null").await;
    let taps = thumb.taps;
    println!("a meeting with a picture: {taps} taps after typing");
    assert!(taps <= 3, "{taps}");
    let text = shared["text"].as_str().expect("a text");
    assert_eq!(shared["title"], "Mời họp thôn");
    assert!(
        text.starts_with("Mời họp thôn\nThời gian: 19:30, ") && text.contains("0977 123 456"),
        "{text}"
    );
    let link = text.lines().last().expect("a line");
    let short = crate::short_links::short(&house, &id);
    assert!(
        link.starts_with("http") && link.ends_with(&short),
        "the link: {text}"
    );
    let files = shared["files"].as_array().expect("files");
    assert_eq!((files.len(), &files[0][1]), (1, &json!("image/jpeg")));
    assert!(files[0][2].as_u64().is_some_and(|n| n > 1_000), "{files:?}");

    // A visitor finds it without marks; its code leads there too.
    let found = visitor(&house, &format!("/search?find={}", encode("hop thon"))).body;
    assert!(found.contains(&format!("href=\"{short}?")), "{found}");
    let code = visitor(&house, &format!("/qr/t/{id}.svg")).body;
    let drawing = house.dir.join("code.pbm");
    std::fs::write(&drawing, drawn(&code)).expect("written");
    let read = read_codes(&drawing);
    assert_eq!(read, [link], "the code holds the link that was shared");
    let url = url::Url::parse(&read[0]).expect("an address");
    let portal = format!("http://127.0.0.1:{}{}", house.portal, url.path());
    phone.goto(&portal).await.expect("opens");
    words(&phone, "h1", "Mời họp thôn", SOON).await;
    words(&phone, "main", "Bàn quỹ thôn.", SOON).await;
    let seen = "const i = document.querySelector('img.photo'); \
        return i && i.complete && i.naturalWidth > 0 ? i.naturalWidth : null";
    press(&phone, "h1").await;
    phone
        .execute(
            "document.querySelector('img.photo').scrollIntoView()",
            vec![],
        )
        .await
        .expect("scrolls");
    assert_eq!(thumb.value(seen).await, 480, "the picture is seen");
    phone.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_share_sheet_one_tap_copies_the_text_with_its_link() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n-1", "Họp thôn", "Tối mai.", "meeting");
    let driver = Driver::start();
    let phone = driver.phone().await;
    let none = "delete Navigator.prototype.share; \
        navigator.clipboard.writeText = async text => { window.copied = text }";
    phone.issue_cmd(before_each_page(none)).await.expect("none");
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    phone
        .goto(&format!("{base}/notices/n-1"))
        .await
        .expect("opens");
    let mut thumb = Thumb {
        phone: &phone,
        taps: 0,
    };
    let hidden = "const b = document.getElementById('share-now'); \
        return document.readyState === 'complete' ? b.parentElement.hidden : null";
    assert_eq!(thumb.value(hidden).await, true);
    thumb.tap("#share-copy").await;
    let copied = thumb.value("return window.copied || null").await;
    let copied = copied.as_str().expect("a text");
    assert!(
        copied.starts_with("Mời họp: Họp thôn\n") && copied.ends_with("/t/n-1"),
        "{copied}"
    );
    words(&phone, "#share-copy", "Đã chép", SOON).await;
    assert_eq!(thumb.taps, 1);
    phone.close().await.expect("closes");
}
