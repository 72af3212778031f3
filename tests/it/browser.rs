//! The chief's phone: a real Chromium at 360×800 signs in, presses a lamp and sees it answer in
//! words.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;

use crate::support::house::{CHIEF_PIN, House, free_port};
use crate::support::lamp::Lamp;

/// An order of the browser's DevTools protocol.
#[derive(Debug)]
pub struct DevToolsCommand {
    pub name: &'static str,
    pub parameters: serde_json::Value,
}

impl WebDriverCompatibleCommand for DevToolsCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        let command = serde_json::json!({ "cmd": self.name, "params": self.parameters });
        (Method::POST, Some(command.to_string()))
    }
}

pub struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    pub fn start() -> Self {
        let port = free_port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver (package chromium-driver)");
        Self { child, port }
    }

    pub async fn phone(&self) -> Client {
        self.phone_of(360, 800).await
    }

    /// A phone with a screen of this size; wider than 600 pixels it is a desk's.
    pub async fn phone_of(&self, width: u16, height: u16) -> Client {
        let capabilities: fantoccini::wd::Capabilities = serde_json::from_value(serde_json::json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "mobileEmulation": {
                    "deviceMetrics": {
                        "width": width, "height": height, "pixelRatio": 1.0, "mobile": width < 600,
                        "touch": width < 600
                    }
                },
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                    "--lang=vi",
                ]
            }
        }))
        .expect("capabilities");
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{}", self.port))
                .await
            {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < end, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Signs the chief in on a phone, in Vietnamese, and waits for the home page.
pub async fn sign_in(phone: &Client, base: &str) {
    phone.goto(&format!("{base}/lang/vi")).await.expect("opens");
    phone.goto(base).await.expect("opens");
    let pin = phone.find(Locator::Id("pin")).await.expect("the sign-in");
    pin.send_keys(CHIEF_PIN).await.expect("typed");
    let button = phone
        .find(Locator::Css("form[action='/sign-in'] button"))
        .await;
    button.expect("button").click().await.expect("pressed");
    words(phone, "header", "Ông Mẫu", Duration::from_secs(5)).await;
}

/// Presses what a thumb has brought to the middle of the screen before: the bar at the bottom hides
/// what is half in sight.
pub async fn press(phone: &Client, css: &str) {
    let element = phone.find(Locator::Css(css)).await.expect(css);
    let script = "arguments[0].scrollIntoView({ block: 'center' })";
    let itself = serde_json::to_value(&element).expect("an element");
    phone.execute(script, vec![itself]).await.expect("scrolls");
    element.click().await.expect("pressed");
}

/// Waits for words in an element, with a bound; gives how long it took.
pub async fn words(phone: &Client, css: &str, wanted: &str, most: Duration) -> Duration {
    let began = Instant::now();
    loop {
        let text = match phone.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        if text.contains(wanted) {
            return began.elapsed();
        }
        assert!(
            began.elapsed() < most,
            "{css} says “{text}”, not “{wanted}”"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
async fn the_chief_signs_in_switches_a_lamp_and_sees_it_answer() {
    let cams = crate::cameras::Script::cameras(1);
    let mut house = House::new(&crate::cameras::configured(1, cams.port));
    house.start();
    house.sign_in();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;

    phone.goto(&format!("{base}/lights")).await.expect("opens");
    words(
        &phone,
        "#light-den-01\\.light",
        "Đang tắt",
        Duration::from_secs(5),
    )
    .await;
    phone
        .execute("window.stayed = 1", vec![])
        .await
        .expect("mark");
    phone
        .find(Locator::Css("#light-den-01\\.light button"))
        .await
        .expect("button")
        .click()
        .await
        .expect("pressed");
    let took = words(
        &phone,
        "#light-den-01\\.light",
        "Đang sáng",
        Duration::from_secs(5),
    )
    .await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(
        phone
            .execute("return window.stayed", vec![])
            .await
            .expect("script"),
        1,
        "without leaving the page"
    );

    for path in [
        "/",
        "/lights",
        "/sensors",
        "/devices",
        "/cameras",
        "/cameras/cam-01",
        "/speakers",
        "/notices",
        "/notices/new",
        "/notices/archive",
        "/history",
        "/more",
        "/me",
    ] {
        phone.goto(&format!("{base}{path}")).await.expect("opens");
        let wide = phone
            .execute("return document.documentElement.scrollWidth", vec![])
            .await
            .expect("script");
        assert!(
            wide.as_u64().expect("number") <= 360,
            "{path} is {wide} wide"
        );
        let small = phone
            .execute(
                "return [...document.querySelectorAll('main button, main .button, \
                 main input:not([type=hidden]):not(.switch), main select, main textarea, \
                 main summary, .feet a')]\
                 .filter(e => { const r = e.getBoundingClientRect(); \
                 return r.width > 0 && r.height < 47.5 })\
                 .map(e => e.outerHTML.slice(0, 80))",
                vec![],
            )
            .await
            .expect("script");
        assert_eq!(small, serde_json::json!([]), "{path}: targets of 48 px");
    }
    // The camera's moving picture: it plays, and its clock moves on.
    house.until("the camera shows a picture", Duration::from_secs(30), |h| {
        h.state()["cameras"]["cam-01"]["signal"]["is"] == "here"
    });
    phone
        .goto(&format!("{base}/cameras/cam-01"))
        .await
        .expect("opens");
    words(&phone, "#watch-tag", "Trực tiếp", Duration::from_secs(10)).await;
    let at = |v: serde_json::Value| v.as_f64().unwrap_or(0.0);
    let began = Instant::now();
    let first = at(phone
        .execute(
            "return document.getElementById('watch').currentTime",
            vec![],
        )
        .await
        .expect("script"));
    let mut moved = 0.0;
    while moved < 2.0 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "its clock moved by {moved} s from {first}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        moved = at(phone
            .execute(
                "return document.getElementById('watch').currentTime",
                vec![],
            )
            .await
            .expect("script"))
            - first;
    }
    assert!(
        moved < began.elapsed().as_secs_f64() + 2.0,
        "it does not run away: {moved} s in {:?}",
        began.elapsed()
    );
    let size = phone
        .execute(
            "let v = document.getElementById('watch'); return [v.videoWidth, v.videoHeight]",
            vec![],
        )
        .await
        .expect("script");
    assert_eq!(size, serde_json::json!([640, 360]));
    words(&phone, "#looks", "Ông Mẫu", Duration::from_secs(5)).await;
    // A phone that can show stills only: an old one is told with its date, a new one as new.
    let script = "let own = id => { let e = document.getElementById(id), c = e.cloneNode(); e.replaceWith(c); return e; };
        own('watch').pause(); own('watch-tag'); delete window.MediaSource; delete window.ManagedMediaSource;
        window.house = window.fetch;
        window.fetch = (u, o) => house(u, o).then(r => r.blob()).then(b => new Response(b, { headers: { 'still-at': '1795244640000', 'still-age': '600' } }));
        let s = document.createElement('script'); s.src = '/a/camera.js?stills'; document.body.append(s)";
    phone.execute(script, vec![]).await.expect("script");
    words(
        &phone,
        "#watch-tag",
        "Ảnh cũ, chụp lúc 14:04 21/11/2026",
        Duration::from_secs(10),
    )
    .await;
    let poster = phone
        .execute(
            "return document.getElementById('watch').poster.slice(0, 23)",
            vec![],
        )
        .await
        .expect("script");
    assert_eq!(
        poster, "data:image/jpeg;base64,",
        "it is shown all the same"
    );
    phone
        .execute("window.fetch = window.house", vec![])
        .await
        .expect("script");
    words(
        &phone,
        "#watch-tag",
        "Ảnh mới mỗi 5 giây",
        Duration::from_secs(15),
    )
    .await;
    // The portal is styled by its one request, and has no script.
    phone
        .goto(&format!("http://127.0.0.1:{}/", house.portal))
        .await
        .expect("opens");
    let color = phone
        .execute(
            "return getComputedStyle(document.querySelector('.go')).backgroundColor",
            vec![],
        )
        .await
        .expect("script");
    assert_ne!(color, "rgba(0, 0, 0, 0)", "the style is in force");
    assert_eq!(
        phone
            .execute("return document.scripts.length", vec![])
            .await
            .expect("script"),
        0
    );
    phone.close().await.expect("closed");
}

/// Publishes an urgent notice as the technician.
fn warn(house: &House, id: &str, title: &str, body: &str) {
    let notice = serde_json::json!({
        "id": id, "title": title, "body": body, "kind": "urgent", "until": null
    })
    .to_string();
    let answer = house.raw(&format!(
        "POST /notices HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{notice}",
        notice.len()
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_warning_and_an_alarm_the_sentence_and_the_button_to_speak_stay_in_view() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let _gauge = crate::support::south::alarmed_gauge(&house);
    warn(
        &house,
        "n1",
        "Cắt điện toàn thôn sáng mai từ 7 giờ đến 11 giờ",
        "Điện lực sửa đường dây.",
    );
    let storm = "Bà con chằng chống nhà cửa, đưa trâu bò về chuồng, không ra sông từ 18 giờ. Cần \
        giúp gọi ông Mẫu 0912 345 678. Nơi tránh trú: nhà văn hóa thôn và trường tiểu học.";
    warn(
        &house,
        "n2",
        "Tin bão số 9: gió cấp 8, giật cấp 10 từ tối nay",
        storm,
    );
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    words(
        &phone,
        "#broken",
        "Chưa có tin của 4 thiết bị",
        Duration::from_secs(5),
    )
    .await;
    words(&phone, "#alarm", "Mực", Duration::from_secs(5)).await;
    let script = "const y = (s, e) => Math.round(document.querySelector(s).getBoundingClientRect()[e]);\
        return [y('#broken', 'bottom'), y('.pair', 'bottom'), y('.feet', 'top')]";
    let places = phone.execute(script, vec![]).await.expect("places");
    let y = |n: usize| places[n].as_i64().unwrap_or(i64::MAX);
    assert!(
        y(0) <= y(2) && y(1) <= y(2),
        "sentence, button and the bar below: {places}"
    );
    let link = phone
        .find(Locator::Css("#broken a"))
        .await
        .expect("the sentence leads somewhere");
    link.click().await.expect("pressed");
    words(
        &phone,
        "#devices-sum",
        "Chưa có tin của 4 thiết bị",
        Duration::from_secs(5),
    )
    .await;
    phone.close().await.expect("closes");
}
