//! A link that is dead and was never closed: the page says so, nothing is done long after its tap,
//! and everything comes back by itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fantoccini::Client;
use serde_json::{Value, json};

use crate::browser::{Driver, sign_in, words};
use crate::support::frozen::Frozen;
use crate::support::house::{House, kind};
use crate::support::lamp::Lamp;
use crate::support::wifi::Wifi;

const TOO_LATE: &str = "Lệnh chưa làm vì hộp trả lời quá muộn, bấm lại";

/// A house whose lamp den-01 answers.
fn lit_house(extra: &str) -> (House, Lamp) {
    let mut house = House::new(extra);
    house.start();
    house.sign_in();
    let lamp = Lamp::start(&house, "den-01");
    house.until("the lamp answers", Duration::from_secs(15), |h| {
        h.state()["lights"]["den-01.light"]["reported"].is_object()
    });
    (house, lamp)
}

/// Presses a button by script: a row may be replaced meanwhile, and nobody waits for the page
/// behind a form.
async fn press(phone: &Client, css: &str) {
    let css = css.replace('\\', "\\\\");
    let code = format!("const b = document.querySelector('{css}'); setTimeout(() => b.click())");
    script(phone, &code).await;
}

async fn script(phone: &Client, code: &str) -> Value {
    phone.execute(code, vec![]).await.expect("script")
}

/// Waits until a script gives this, with a bound.
async fn until(phone: &Client, code: &str, wanted: Value, most: Duration) {
    let began = Instant::now();
    loop {
        let is = script(phone, code).await;
        if is == wanted {
            return;
        }
        assert!(began.elapsed() < most, "{code}: {is}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn orders(house: &House) -> usize {
    let is_order = |e: &&Value| kind(e) == "light.desired";
    house.entries().iter().filter(is_order).count()
}

const LAMP: &str = "#light-den-01\\.light";
const IS_OLD: &str = "return document.body.classList.contains('old')";

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_box_is_told_within_ten_seconds_and_its_lamp_does_not_light_by_itself() {
    let (house, _lamp) = lit_house("");
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    phone.goto(&format!("{base}/lights")).await.expect("opens");
    words(&phone, LAMP, "Đang tắt", Duration::from_secs(5)).await;
    script(&phone, "window.stayed = 1").await;

    let (frozen, began) = (Frozen::freeze(&house), Instant::now());
    press(&phone, &format!("{LAMP} button")).await;
    press(&phone, &format!("{LAMP} button")).await;
    let soon = Duration::from_secs(2);
    words(&phone, "#link", "Đang chờ hộp trả lời", soon).await;
    let ten = Duration::from_secs(10);
    words(&phone, "#link", "Mất liên lạc với hộp từ ", ten).await;
    assert!(began.elapsed() < ten, "{:?}", began.elapsed());
    let said = script(&phone, "return document.querySelector('#link').innerText").await;
    let said = said.as_str().expect("text").to_owned();
    let since = said.split_once("hộp từ ").expect("a time").1;
    assert!(
        since.as_bytes()[2] == b':' && since[..2].parse::<u8>().is_ok(),
        "{said}"
    );
    assert_eq!(script(&phone, IS_OLD).await, true);
    let mark = format!(
        "return getComputedStyle(document.querySelector('{} small'), '::after').content",
        LAMP.replace('\\', "\\\\")
    );
    assert_eq!(script(&phone, &mark).await, "\" · cũ\"");
    words(&phone, "#link", TOO_LATE, ten).await;
    let busy = "return document.querySelectorAll('form[data-busy]').length";
    assert_eq!(script(&phone, busy).await, 0, "it can be pressed again");

    frozen.thaw();
    until(&phone, IS_OLD, json!(false), ten).await;
    words(&phone, LAMP, "Đang tắt", soon).await;
    let shown = "return document.querySelector('#link').innerText.includes('Mất liên lạc')";
    assert_eq!(script(&phone, shown).await, false);
    press(&phone, &format!("{LAMP} button")).await;
    words(&phone, LAMP, "Đang sáng", Duration::from_secs(15)).await;
    let stayed = script(&phone, "return window.stayed").await;
    assert_eq!(stayed, 1, "all that without leaving the page");
    assert_eq!(orders(&house), 1, "only what was pressed last");
    phone.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_wifi_is_told_while_the_box_works_and_catches_up_by_itself() {
    let (house, _lamp) = lit_house("");
    let wifi = Wifi::to(house.dashboard);
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", wifi.port);
    sign_in(&phone, &base).await;
    phone.goto(&format!("{base}/lights")).await.expect("opens");
    words(&phone, LAMP, "Đang tắt", Duration::from_secs(5)).await;
    script(&phone, "window.stayed = 1").await;

    wifi.cut();
    let began = Instant::now();
    // The box works on, and somebody else lights the lamp.
    house.switch("den-01.light", true);
    house.until("the lamp answers", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    let ten = Duration::from_secs(10);
    words(&phone, "#link", "Mất liên lạc với hộp từ ", ten).await;
    assert!(began.elapsed() < ten, "{:?}", began.elapsed());
    assert_eq!(script(&phone, IS_OLD).await, true);
    let mark = format!(
        "return getComputedStyle(document.querySelector('{} small'), '::after').content",
        LAMP.replace('\\', "\\\\")
    );
    assert_eq!(script(&phone, &mark).await, "\" · cũ\"");
    words(&phone, LAMP, "Đang tắt", ten).await;

    wifi.heal();
    let soon = Duration::from_secs(20);
    until(&phone, IS_OLD, json!(false), soon).await;
    words(&phone, LAMP, "Đang sáng", soon).await;
    let shown = "return document.querySelector('#link').innerText.includes('Mất liên lạc')";
    assert_eq!(script(&phone, shown).await, false);
    let stayed = script(&phone, "return window.stayed").await;
    assert_eq!(stayed, 1, "all that without leaving the page");
    phone.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_leaves_the_page_is_called_back_and_a_frozen_picture_says_so() {
    let (_cameras, house) = crate::cameras::showing();
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    let (ten, twenty) = (Duration::from_secs(10), Duration::from_secs(20));
    let camera = format!("{base}/cameras/cam-01");
    phone.goto(&camera).await.expect("opens");
    words(&phone, "#watch-tag", "Trực tiếp", ten).await;
    let (frozen, began) = (Frozen::freeze(&house), Instant::now());
    words(&phone, "#watch-tag", "Đang nối", ten).await;
    words(&phone, "#link", "Mất liên lạc với hộp từ ", ten).await;
    assert!(began.elapsed() < ten, "{:?}", began.elapsed());
    frozen.thaw();
    words(&phone, "#watch-tag", "Trực tiếp", twenty).await;
    until(&phone, IS_OLD, json!(false), ten).await;

    let write = format!("{base}/notices/new");
    phone.goto(&write).await.expect("opens");
    let live =
        "return performance.getEntriesByType('resource').some(e => e.name.includes('/a/live.js'))";
    until(&phone, live, json!(true), ten).await;
    let title = "document.querySelector('[name=title]').value = 'Họp thôn tối thứ bảy'; \
        document.querySelector('[name=body]').value = 'Mời bà con đến nhà văn hóa.'";
    script(&phone, title).await;
    press(&phone, "main form button").await;
    words(&phone, "main", "Chưa đăng", ten).await;
    until(&phone, live, json!(true), ten).await;
    let frozen = Frozen::freeze(&house);
    press(&phone, "main form button").await;
    words(&phone, "#link", TOO_LATE, twenty).await;
    let kept = "return document.querySelector('[name=title]').value";
    assert_eq!(script(&phone, kept).await, "Họp thôn tối thứ bảy");
    frozen.thaw();
    until(&phone, IS_OLD, json!(false), ten).await;
    let notices = |h: &House| {
        h.state()["notices"]
            .as_object()
            .map_or(0, serde_json::Map::len)
    };
    assert_eq!(notices(&house), 0, "not published behind the chief's back");
    press(&phone, "main form button").await;
    words(&phone, "main", "Đã đăng", ten).await;
    assert_eq!(notices(&house), 1);
    phone.close().await.expect("closed");
}

/// Sends a request while the gateway is frozen for `long`; what it answers afterwards.
fn asked_while_frozen(house: &House, long: Duration, request: &str) -> String {
    let mut door = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    door.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("timeout");
    let frozen = Frozen::freeze(house);
    door.write_all(request.as_bytes()).expect("written");
    std::thread::sleep(long);
    frozen.thaw();
    let mut answer = String::new();
    door.read_to_string(&mut answer).expect("an answer");
    answer
}

fn form(house: &House, path: &str, cookie: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}; lang=vi\r\n\
         connection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        house.dashboard,
        body.len()
    )
}

#[test]
fn without_script_what_waited_through_a_standstill_is_refused_and_silence_is_not() {
    let (house, _lamp) = lit_house("");
    let cookie = house.sign_in();
    let token = house.form("/lights", &cookie);
    let long = Duration::from_millis(6_500);
    let order = format!("form={token}&on=1");
    let post = form(&house, "/lights/den-01.light", &cookie, &order);
    let answer = asked_while_frozen(&house, long, &post);
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    assert!(answer.contains(TOO_LATE), "{answer}");
    assert_eq!(orders(&house), 0);
    let stop = form(&house, "/speakers/stop", &cookie, &format!("form={token}"));
    let answer = asked_while_frozen(&house, long, &stop);
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    // A page that was opened long ago works as it is tapped now.
    house.until("the standstill is over", Duration::from_secs(10), |h| {
        h.post(
            "/lights/den-01.light",
            &cookie,
            &[("form", &token), ("on", "1")],
        )
        .status
            == 303
    });
    assert_eq!(orders(&house), 1);
}

/// The run and the moment of a page's stamp.
fn stamp(house: &House, cookie: &str) -> (String, u64) {
    let page = house.get("/lights", cookie).body;
    let stamp = page.split_once("data-stamp=\"").expect("a stamp").1;
    let (run, rest) = stamp.split_once('.').expect("two parts");
    let at = rest.split('"').next().expect("a number");
    (run.to_owned(), at.parse().expect("a number"))
}

#[test]
fn an_order_is_judged_by_its_tap_and_a_late_notice_keeps_its_words() {
    let (house, _lamp) = lit_house("");
    let cookie = house.sign_in();
    let token = house.form("/lights", &cookie);
    house.until("ten seconds of this run", Duration::from_secs(15), |h| {
        stamp(h, &cookie).1 > 10_000
    });
    let (run, now) = stamp(&house, &cookie);
    let tapped = |tap: &str| {
        let fields = [("form", token.as_str()), ("on", "1"), ("tap", tap)];
        house.post("/lights/den-01.light", &cookie, &fields)
    };
    let late = format!("{run}.{}", now - 8_000);
    for old in [
        late.as_str(),
        &format!("{run}.{}", now + 60_000),
        "0.1",
        "x",
    ] {
        let answer = tapped(old);
        assert_eq!(answer.status, 409, "{old}");
        assert!(answer.body.contains(TOO_LATE), "{}", answer.body);
    }
    assert_eq!(orders(&house), 0);
    assert_eq!(tapped(&format!("{run}.{now}")).status, 303);
    assert_eq!(orders(&house), 1);
    let once = "0123456789abcdef0123456789abcdef";
    let notice = |tap: &str| {
        let fields = [
            ("form", token.as_str()),
            ("once", once),
            ("title", "Họp thôn"),
            ("body", "Tối thứ bảy"),
            ("tap", tap),
        ];
        house.post("/notices", &cookie, &fields)
    };
    let answer = notice(&late);
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains(TOO_LATE) && answer.body.contains("Tối thứ bảy"));
    assert_eq!(house.state()["notices"], json!({}));
    let (_, now) = stamp(&house, &cookie);
    assert_eq!(notice(&format!("{run}.{now}")).status, 303, "the same form");
}

#[test]
fn a_command_of_the_terminal_that_nobody_waits_for_any_more_is_not_carried_out() {
    let (house, _lamp) = lit_house("");
    let command =
        json!({ "command": { "do": "SwitchLight", "light": "den-01.light", "on": true } });
    let command = command.to_string();
    let order = |deadline: u64| {
        format!(
            "POST /commands HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\
             x-deadline: {deadline}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             \r\n{command}",
            command.len()
        )
    };
    let now = conglang::supervisor::clock::since_boot_ms;
    let mut door =
        std::os::unix::net::UnixStream::connect(house.dir.join("run/control.sock")).expect("door");
    let frozen = Frozen::freeze(&house);
    let deadline = now() + 200;
    door.write_all(order(deadline).as_bytes()).expect("written");
    while now() <= deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    frozen.thaw();
    let mut answer = String::new();
    door.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    assert_eq!(orders(&house), 0);
    let answer = house.raw(&order(now() + 20_000));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(orders(&house), 1);
}

#[test]
fn a_page_that_follows_hears_something_every_four_seconds() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut door = TcpStream::connect(("127.0.0.1", house.dashboard)).expect("connects");
    door.set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    write!(
        door,
        "GET /live/other HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncookie: {cookie}\r\n\r\n",
        house.dashboard
    )
    .expect("asked");
    let mut lines = BufReader::new(door).lines();
    let mut last = Instant::now();
    for _ in 0..4 {
        loop {
            let line = lines.next().expect("goes on").expect("a line in time");
            if line.starts_with("event: beat") {
                break;
            }
        }
        assert!(last.elapsed() < Duration::from_secs(4), "{last:?}");
        last = Instant::now();
    }
}
