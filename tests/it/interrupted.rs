//! A sign-in that ends while somebody types: nothing that was typed is lost, nothing is carried out
//! by itself, and a link leads where it should after the next sign-in.

use std::time::{Duration, Instant};

use fantoccini::{Client, Locator};

use crate::browser::{Driver, sign_in, words};
use crate::support::house::{CHIEF_PIN, House, kind};
use crate::support::http::Answer;

/// A way in which a sign-in ends, with its name.
type Ending = (&'static str, fn(&mut House));

const ENDINGS: [Ending; 3] = [
    ("it was unused for 91 days", |house| {
        assert_eq!(house.stop(), Some(0));
        let path = house.dir.join("data/keys/sessions.json");
        age(&path, "used_at", 91 * 86_400_000);
        house.start();
    }),
    ("it was signed out from another phone", |house| {
        let other = house.sign_in();
        let fields = [("form", &*house.form("/me", &other)), ("pin", CHIEF_PIN)];
        assert_eq!(house.post("/sign-out/others", &other, &fields).status, 303);
    }),
    ("the gateway started without its sign-ins", |house| {
        house.kill();
        std::fs::remove_file(house.dir.join("data/keys/sessions.json")).expect("sign-ins");
        house.start();
    }),
];

/// Makes the times in a file of sign-ins older.
fn age(path: &std::path::Path, field: &str, by_ms: i64) {
    let text = std::fs::read_to_string(path).expect("sign-ins");
    let mut all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for sign_in in all.as_object_mut().expect("by token").values_mut() {
        let at = sign_in[field].as_i64().expect("a time");
        sign_in[field] = (at - by_ms).into();
    }
    std::fs::write(path, all.to_string()).expect("written");
}

/// Fills the sign-in form of a page, with everything that it carries.
fn sign_in_from(house: &House, page: &Answer, cookie: &str, user: &str, pin: &str) -> Answer {
    let mut fields = page.hidden_fields();
    fields.push(("user".to_owned(), user.to_owned()));
    fields.push(("pin".to_owned(), pin.to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
    house.post("/sign-in", cookie, &fields)
}

fn with_pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(n, v)| (&**n, &**v)).collect()
}

fn nothing_was_done(house: &House) {
    for entry in house.entries() {
        let kind = kind(&entry);
        assert!(
            !["notice.published", "speaker.announcement_queued"].contains(&&*kind),
            "{entry}"
        );
    }
}

const BODY: &str = "Tối nay <19 giờ> họp.\nMời bà con & \"các cụ\".";
const SENTENCE: &str = "Mời bà con họp thôn.";

#[test]
fn a_notice_comes_back_after_the_next_sign_in_however_the_last_one_ended() {
    for (how, end) in ENDINGS {
        let mut house = House::new("");
        house.start();
        let cookie = house.sign_in() + "; last=mau";
        let form = house.get("/notices/new", &cookie).hidden_fields();
        end(&mut house);
        let typed = [
            ("title", "Họp thôn"),
            ("body", BODY),
            ("kind", "event"),
            ("days", "30"),
        ];
        let fields: Vec<(&str, &str)> = with_pairs(&form).into_iter().chain(typed).collect();
        for path in ["/notices", "/notices/preview", "/notices/new"] {
            let asked = house.post(path, &cookie, &fields);
            assert_eq!(asked.status, 401, "{how}: {path}");
            assert!(asked.body.contains("chữ vừa gõ vẫn còn"), "{how}: {path}");
            assert!(
                asked.body.contains("<option value=\"mau\" selected>"),
                "{how}: the name is chosen"
            );
            // A wrong PIN costs none of it.
            let wrong = sign_in_from(&house, &asked, &cookie, "mau", "000000");
            assert_eq!(wrong.status, 401, "{how}");
            let shown = sign_in_from(&house, &wrong, &cookie, "mau", CHIEF_PIN);
            assert_eq!(shown.status, 200, "{how}: {}", shown.head);
            for kept in [
                "value=\"Họp thôn\"",
                "Tối nay &#60;19 giờ&#62; họp.\nMời bà con &#38; &#34;các cụ&#34;.</textarea>",
                "<option value=\"event\" selected>",
                "<option value=\"30\" selected>",
                "Chữ đã gõ vẫn còn đây, chưa gửi đi.",
            ] {
                assert!(shown.body.contains(kept), "{how}: {kept}: {}", shown.body);
            }
        }
        nothing_was_done(&house);
        // The new sign-in confirms it.
        let shown = house.post("/notices/preview", &cookie, &fields);
        let shown = sign_in_from(&house, &shown, &cookie, "mau", CHIEF_PIN);
        let form = shown.hidden_fields();
        let fields: Vec<(&str, &str)> = with_pairs(&form).into_iter().chain(typed).collect();
        let published = house.post("/notices", &shown.cookie(), &fields);
        assert_eq!(published.status, 303, "{how}: {published:?}");
        assert_eq!(house.state()["notices"].as_object().expect("map").len(), 1);
    }
}

#[test]
fn a_sentence_comes_back_typed_or_previewed_and_is_not_played() {
    for (how, end) in ENDINGS {
        let mut house = House::new("");
        house.start();
        let cookie = house.sign_in() + "; last=mau";
        let form = house.form("/speakers", &cookie);
        let fields = [("form", &*form), ("text", SENTENCE), ("zone", "loa-02")];
        let previewed = house.post("/speakers/hear", &cookie, &fields);
        let address = previewed.header("location").to_owned();
        assert!(address.contains("seal="), "{previewed:?}");
        let play = house.get(&address, &cookie).hidden_fields();
        end(&mut house);
        let asked = house.post("/speakers/hear", &cookie, &fields);
        assert_eq!(asked.status, 401, "{how}");
        let shown = sign_in_from(&house, &asked, &cookie, "mau", CHIEF_PIN);
        assert_eq!(shown.status, 200, "{how}");
        assert!(
            shown.body.contains(&format!("{SENTENCE}</textarea>"))
                && shown.body.contains("value=\"loa-02\" checked")
                && !shown.body.contains("value=\"loa-01\" checked"),
            "{how}: {}",
            shown.body
        );
        // Its preview is there again too, whether it was looked at or was to be played.
        for asked in [
            house.get(&address, &cookie),
            house.post("/speakers/announce", &cookie, &with_pairs(&play)),
        ] {
            assert_eq!(asked.status, 303, "{how}: {asked:?}");
            let page = house.get(asked.header("location"), &cookie);
            let back = sign_in_from(&house, &page, &cookie, "mau", CHIEF_PIN);
            assert_eq!(back.header("location"), address, "{how}");
            let shown = house.get(&address, &back.cookie());
            assert!(
                shown.status == 200 && shown.body.contains(SENTENCE),
                "{how}"
            );
            // The button of the page before is not proved any more, and costs nothing either.
            let old = house.post("/speakers/announce", &back.cookie(), &with_pairs(&play));
            assert_eq!(
                (old.status, old.header("location")),
                (303, &*format!("{address}&said=form-again")),
                "{how}"
            );
        }
        nothing_was_done(&house);
    }
}

#[test]
fn a_sign_in_that_carries_a_text_is_not_sent_again_from_an_old_page() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in() + "; last=mau";
    let form = house.get("/notices/new", &cookie).hidden_fields();
    let mut fields = with_pairs(&form);
    fields.extend([("title", "Họp thôn"), ("body", "Tối nay")]);
    let asked = house.post("/notices", "last=mau", &fields);
    assert_eq!(asked.status, 401, "{asked:?}");
    for stamp in ["", "0a.1", "x"] {
        let mut again = asked.hidden_fields();
        again.retain(|(name, _)| name != "shown");
        again.push(("shown".to_owned(), stamp.to_owned()));
        again.extend([("user", "mau"), ("pin", CHIEF_PIN)].map(|(n, v)| (n.into(), v.into())));
        let refused = house.post("/sign-in", "last=mau", &with_pairs(&again));
        assert_eq!(refused.status, 401, "{stamp}: {refused:?}");
        assert!(!refused.head.contains("set-cookie"), "{stamp}: {refused:?}");
        assert!(refused.body.contains("Chữ vẫn còn đây"), "{}", refused.body);
        // The page that comes has a stamp of its own, and loses nothing.
        let signed_in = sign_in_from(&house, &refused, "last=mau", "mau", CHIEF_PIN);
        assert!(signed_in.body.contains("Họp thôn"), "{signed_in:?}");
    }
}

#[test]
fn what_somebody_typed_is_shown_to_nobody_else() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in() + "; last=mau";
    let added = house.cli(&["user", "add", "lua", "Bà Lúa", "--pin", "246802"]);
    assert_eq!(added.0, 0, "{}", added.1);
    let form = house.form("/speakers", &cookie);
    let fields = [("form", &*form), ("text", SENTENCE), ("zone", "loa-02")];
    let previewed = house.post("/speakers/hear", &cookie, &fields);
    let address = previewed.header("location").to_owned();
    (ENDINGS[1].1)(&mut house);
    let typed = [("title", "Họp thôn"), ("body", BODY), ("pin", "135790")];
    let asked = house.post("/notices/preview", &cookie, &typed);
    assert_eq!(asked.status, 401, "{asked:?}");
    assert!(
        !asked.body.contains("Bà Lúa") && asked.body.contains("Bỏ chữ này"),
        "the page asks for the PIN of who typed: {}",
        asked.body
    );
    assert!(!asked.body.contains("135790"), "a PIN is not carried");
    // Somebody who sends the form of that page under their own name gets nothing of it.
    let shown = sign_in_from(&house, &asked, &cookie, "lua", "246802");
    assert_eq!(
        (shown.status, shown.header("location")),
        (303, "/?said=typed-not-yours")
    );
    let told = house.get(shown.header("location"), &shown.cookie());
    assert!(told.body.contains("Chữ gõ dở không mở ra"), "{}", told.body);
    let preview = house.get(&address, &shown.cookie());
    assert_eq!(
        (preview.status, preview.header("location")),
        (303, "/speakers"),
        "a sealed sentence is its person's"
    );
    // Of whom nobody knows who they are, nothing is read and nothing carried.
    for stranger in ["", "last=nobody"] {
        let asked = house.post("/notices/preview", stranger, &typed);
        assert_eq!(asked.status, 303, "{stranger}: {asked:?}");
        assert!(asked.header("location").starts_with("/sign-in"));
        assert!(!asked.body.contains("Họp thôn"));
    }
    nothing_was_done(&house);
}

#[test]
fn a_link_leads_where_it_should_after_the_sign_in_and_never_elsewhere() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    for page in ["/history", "/cameras?a=b&c=d", "/notices/new"] {
        let asked = house.get(page, "");
        assert_eq!(asked.status, 303, "{page}");
        let form = house.get(asked.header("location"), "");
        assert_eq!(form.status, 200, "{page}");
        let there = sign_in_from(&house, &form, "", "mau", CHIEF_PIN);
        assert_eq!(
            (there.status, there.header("location")),
            (303, page),
            "{page}"
        );
    }
    for elsewhere in [
        "//evil.example/",
        "/\\evil.example/",
        "https://evil.example/",
        "/sign-in",
        "/api/state",
    ] {
        let fields = [("user", "mau"), ("pin", CHIEF_PIN), ("next", elsewhere)];
        let answer = house.post("/sign-in", "", &fields);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/"),
            "{elsewhere}"
        );
    }
}

/// Presses the button of the page's form by script: the bar at the bottom may lie over it.
async fn press(phone: &Client) {
    let code = "const b = document.querySelector('main form button'); setTimeout(() => b.click())";
    phone.execute(code, vec![]).await.expect("pressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_which_somebody_types_stays_when_the_sign_in_ends() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let driver = Driver::start();
    let phone = driver.phone().await;
    let base = format!("http://127.0.0.1:{}", house.dashboard);
    sign_in(&phone, &base).await;
    let write = format!("{base}/notices/new");
    phone.goto(&write).await.expect("opens");
    let typed = "const own = window.fetch; window.asked = 0; \
        window.fetch = (u, o) => own(u, o).then(r => { window.asked = r.status; return r; }); \
        document.querySelector('[name=title]').value = 'Họp thôn'; \
        document.querySelector('[name=body]').value = 'Tối nay.\\nMời bà con.'";
    phone.execute(typed, vec![]).await.expect("script");
    (ENDINGS[1].1)(&mut house);
    // The page's script learns that nobody is signed in here any more.
    let began = Instant::now();
    while phone
        .execute("return window.asked", vec![])
        .await
        .expect("script")
        != 401
    {
        assert!(began.elapsed() < Duration::from_secs(20), "it asks");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    press(&phone).await;
    let soon = Duration::from_secs(5);
    words(&phone, "main", "chữ vừa gõ vẫn còn", soon).await;
    let pin = phone.find(Locator::Id("pin")).await.expect("the sign-in");
    pin.send_keys(CHIEF_PIN).await.expect("typed");
    press(&phone).await;
    words(&phone, "main", "Chữ đã gõ vẫn còn đây", soon).await;
    let body = "return document.querySelector('textarea').value";
    assert_eq!(
        phone.execute(body, vec![]).await.expect("script"),
        "Tối nay.\nMời bà con."
    );
    press(&phone).await;
    words(&phone, "main", "Chưa đăng", soon).await;
    press(&phone).await;
    words(&phone, "main", "Đã đăng", soon).await;
    phone.close().await.expect("closed");
}
