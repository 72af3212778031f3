//! The officer's pages in a real Chromium, on a phone and at a desk, with twenty villages. With
//! `CONGLANG_PICTURES` set, pictures of every page go into that folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conglang::domain::event::Lane;
use conglang::protocol::commune::{DownlinkMessage, Stream, UplinkMessage};
use conglang::protocol::village_status::{
    NamedThing, NamedThings, Status, StatusSummary, ThingKind,
};
use fantoccini::{Client, Locator};

use crate::browser::{Driver, words};
use crate::bulletins::twenty;
use crate::support::office::Commune;
use crate::support::village::{enter, hear, say};

const SOON: Duration = Duration::from_secs(20);

async fn picture(browser: &Client, name: &str, width: u16) {
    let Some(folder) = std::env::var_os("CONGLANG_PICTURES").map(PathBuf::from) else {
        return;
    };
    for (end, top) in [("", "0"), ("-end", "document.documentElement.scrollHeight")] {
        let script = format!("scrollTo(0, {top})");
        browser.execute(&script, vec![]).await.expect("scrolls");
        let png = browser.screenshot().await.expect("picture");
        let path = folder.join(format!("commune-{name}-{width}{end}.png"));
        std::fs::write(path, png).expect("written");
    }
    browser
        .execute("scrollTo(0, 0)", vec![])
        .await
        .expect("scrolls");
}

async fn press(browser: &Client, css: &str) {
    let element = browser.find(Locator::Css(css)).await.expect(css);
    element.click().await.expect("pressed");
}

async fn type_in(browser: &Client, css: &str, text: &str) {
    let element = browser.find(Locator::Css(css)).await.expect(css);
    element.send_keys(text).await.expect("typed");
}

/// A number that a script in the page gives.
async fn measure(browser: &Client, script: &str) -> f64 {
    let value = browser.execute(script, vec![]).await.expect("measured");
    value.as_f64().unwrap_or(f64::NAN)
}

/// A summary with one broken lamp, or with none.
fn summary(lamp: Option<&str>) -> UplinkMessage {
    let mut summary = StatusSummary::default();
    if let Some(name) = lamp {
        summary.status = Status::Broken;
        summary.broken_count = 1;
        summary.broken = NamedThings {
            count: 1,
            first: vec![NamedThing {
                kind: ThingKind::Light,
                name: name.to_owned(),
                since: None,
            }],
        };
    }
    UplinkMessage::Status {
        summary: Box::new(summary),
    }
}

/// A village that lives until `over`: the third has a broken lamp, the fifth refuses every
/// bulletin; none answers before `answering`, and the commune asks again.
fn live(
    commune: &Commune,
    n: u8,
    answering: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
) -> std::thread::JoinHandle<()> {
    let id = format!("v-{n:02}");
    let stream = Stream {
        epoch: "0123456789abcdef0123456789abcdef".to_owned(),
        lane: Lane::Log,
    };
    let (client, mut link) = enter(commune, &id, &stream);
    say(&client, &id, &summary((n == 3).then_some("Chợ Phiên")));
    std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            if let Some(DownlinkMessage::Command { seq, .. }) =
                hear(&mut link, Duration::from_millis(500))
                && answering.load(Ordering::SeqCst)
            {
                let refused = (n == 5).then(|| "refused-too-many".to_owned());
                say(&client, &id, &UplinkMessage::Outcome { seq, refused });
            }
        }
    })
}

#[test]
fn an_officer_writes_confirms_and_watches_the_villages_take_it() {
    let commune = twenty();
    let said = commune.cli(
        "vi",
        &[
            "commune",
            "officer",
            "add",
            "hoa",
            "Chị Hoa, văn hóa xã",
            "--pin",
            "135791",
        ],
    );
    assert_eq!(said.0, 0, "{said:?}");
    let (answering, over) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let villages: Vec<_> = (1..=17)
        .map(|n| live(&commune, n, answering.clone(), over.clone()))
        .collect();
    tokio::runtime::Runtime::new()
        .expect("runtime")
        .block_on(Box::pin(story(&commune, &answering)));
    over.store(true, Ordering::SeqCst);
    for village in villages {
        village.join().expect("joined");
    }
}

async fn story(commune: &Commune, answering: &AtomicBool) {
    let driver = Driver::start();
    let base = format!("http://127.0.0.1:{}", commune.console);
    for width in [1280, 360] {
        let browser = driver.phone_of(width, 800).await;
        browser.goto(&base).await.expect("opens");
        picture(&browser, "sign-in", width).await;
        browser
            .execute("document.getElementById('officer').value = 'hoa'", vec![])
            .await
            .expect("chosen");
        type_in(&browser, "#pin", "135791").await;
        press(&browser, "main form button").await;
        words(&browser, "header", "Chị Hoa, văn hóa xã", SOON).await;
        words(&browser, "#summary", "17/20 thôn", SOON).await;
        // Nothing is wider than the screen, and what is pressed is large enough.
        let over = "return document.documentElement.scrollWidth - innerWidth";
        let small = "return [...document.querySelectorAll('button, .button, header a')].filter(e \
            => e.offsetHeight < 48).length";
        assert!(measure(&browser, over).await <= 0.0, "home at {width}");
        assert!(measure(&browser, small).await < 1.0, "home at {width}");
        picture(&browser, "home", width).await;
        press(&browser, "main a.go").await;
        words(&browser, "h1", "Gửi bản tin", SOON).await;
        let title = "return document.getElementById('title').getBoundingClientRect().bottom";
        assert!(
            measure(&browser, title).await < 500.0,
            "the title at {width}"
        );
        let list = "return document.getElementById('some').offsetHeight";
        assert!(
            measure(&browser, list).await < 1.0,
            "folded until it is wanted"
        );
        press(&browser, "label[for=to-some]").await;
        assert!(measure(&browser, list).await > 900.0, "all twenty");
        picture(&browser, "write-some", width).await;
        press(&browser, "label[for=to-all]").await;
        type_in(
            &browser,
            "#title",
            &format!("Mưa lớn, rủi ro cấp 2 ({width})"),
        )
        .await;
        type_in(&browser, "#body", "Kê cao đồ đạc, dắt trâu bò lên đê.").await;
        press(&browser, "label[for=urgent]").await;
        picture(&browser, "write", width).await;
        press(&browser, "form.sheet button.go").await;
        words(&browser, "h1", "Gửi tin khẩn tới 20 thôn?", SOON).await;
        picture(&browser, "confirm", width).await;
        press(&browser, "main button.go").await;
        words(&browser, "#summary", "0/20 thôn đã nhận", SOON).await;
        browser
            .execute("window.stayed = 1", vec![])
            .await
            .expect("mark");
        answering.store(true, Ordering::SeqCst);
        words(&browser, "#summary", "16/20 thôn đã nhận", SOON).await;
        words(&browser, "#summary", "Không nhận: Thôn v-05", SOON).await;
        assert!(
            measure(&browser, "return window.stayed").await > 0.0,
            "without leaving the page"
        );
        assert!(measure(&browser, over).await <= 0.0, "bulletin at {width}");
        picture(&browser, "bulletin", width).await;
        for (page, name) in [
            ("/bulletins", "bulletins"),
            ("/villages/v-03", "village"),
            ("/villages/v-01", "village-called"),
            ("/villages/v-19", "village-silent"),
            ("/me", "me"),
            ("/nowhere", "nowhere"),
            ("/", "home-after"),
        ] {
            browser.goto(&format!("{base}{page}")).await.expect("opens");
            assert!(measure(&browser, over).await <= 0.0, "{page} at {width}");
            assert!(measure(&browser, small).await < 1.0, "{page} at {width}");
            picture(&browser, name, width).await;
        }
        press(&browser, "header button").await;
        words(&browser, "h1", "Đăng nhập", SOON).await;
        browser.close().await.expect("closed");
        answering.store(false, Ordering::SeqCst);
    }
}
