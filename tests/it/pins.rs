//! PINs and the phones that are signed in by them: guesses, a new PIN, a lost phone.

use crate::support::house::House;
use crate::support::http::http;

#[test]
fn wrong_pins_lock_the_prankster_not_the_chief() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    for _ in 0..5 {
        house.post("/sign-in", "", &[("user", "mau"), ("pin", "000000")]);
    }
    let locked = house.post(
        "/sign-in",
        "",
        &[("user", "mau"), ("pin", crate::support::house::CHIEF_PIN)],
    );
    assert_eq!(locked.status, 429, "this address waits");
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "the chief's phone goes on"
    );
    house.kill();
    house.start();
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "and is remembered after a power cut"
    );
}

#[test]
fn the_tries_left_are_told_in_a_row_whatever_is_typed_between() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let answer = |pin: &str| house.post("/sign-in", "", &[("user", "mau"), ("pin", pin)]);
    for left in ["4", "3", "2", "1"] {
        let wrong = answer("000000");
        let told = format!("Sai mã PIN của Ông Mẫu, còn thử được {left} lần");
        assert!(
            wrong.status == 401 && wrong.body.contains(&told),
            "{}",
            wrong.body
        );
        let short = answer("12345");
        let told = format!("Lần này chưa tính, còn thử được {left} lần");
        assert!(
            short.status == 401 && short.body.contains(&told),
            "{}",
            short.body
        );
    }
    assert_eq!(answer("000000").status, 429);
}

#[test]
fn guesses_side_by_side_count_each() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    let port = house.dashboard;
    let guesses: Vec<_> = (0..30)
        .map(|n| {
            std::thread::spawn(move || {
                http(
                    port,
                    "POST",
                    "/sign-in",
                    "",
                    &format!("user=mau&pin=00{n:04}"),
                )
                .status
            })
        })
        .collect();
    let answers: Vec<u16> = guesses
        .into_iter()
        .map(|g| g.join().expect("answered"))
        .collect();
    let tried = answers.iter().filter(|s| **s == 401).count();
    assert!(
        tried <= 5,
        "thirty at once are not thirty guesses: {tried} were looked at"
    );
    assert!(
        answers.iter().all(|s| matches!(s, 401 | 429)),
        "{answers:?}"
    );
}

#[test]
fn a_new_pin_keeps_the_role_and_the_name_and_ends_the_old_phones() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    assert_eq!(
        house
            .cli(&["user", "add", "vi", "Anh Ví", "--role", "technician"])
            .0,
        0
    );
    let (code, text) = house.cli(&["user", "pin", "vi"]);
    assert!(code == 0 && text.contains("vi"), "{text}");
    assert_eq!(
        house.state()["users"]["vi"]["role"],
        "technician",
        "a new PIN makes nobody a chief"
    );
    assert_eq!(house.cli(&["user", "pin", "nobody"]).0, 1);
    // The id of the chief typed once more makes nobody else out of him, and puts nobody out.
    let generation = house.state()["users"]["mau"]["generation"].clone();
    assert_eq!(
        house
            .cli(&["user", "add", "mau", "Bà Lúa", "--role", "technician"])
            .0,
        1
    );
    let (code, text) = house.cli(&["user", "rename", "mau", "Ông \u{202e}Mẫu  Lớn"]);
    assert!(code == 0 && text.contains("Ông Mẫu Lớn"), "{text}");
    assert_eq!(house.cli(&["user", "rename", "nobody", "Ai"]).0, 1);
    assert_eq!(house.cli(&["user", "rename", "mau", "\u{200b}"]).0, 1);
    assert_eq!(house.cli(&["user", "add", "dai", &"x".repeat(121)]).0, 1);
    let chief = &house.state()["users"]["mau"];
    assert!(
        chief["role"] == "chief" && chief["generation"] == generation,
        "{chief}"
    );
    let page = house.get("/me", &cookie);
    assert!(
        page.status == 200 && page.body.contains("Ông Mẫu Lớn") && !page.body.contains('\u{202e}'),
        "the phone stays signed in"
    );
    assert!(
        house
            .get("/history", &cookie)
            .body
            .contains("đổi tên một người thành Ông Mẫu Lớn")
    );
    assert_eq!(
        house
            .post(
                "/sign-in",
                "",
                &[("user", "mau"), ("pin", crate::support::house::CHIEF_PIN)]
            )
            .status,
        303,
        "the PIN is the same"
    );
    assert_eq!(house.get("/", &cookie).status, 200);
    assert_eq!(house.cli(&["user", "pin", "mau"]).0, 0);
    assert_eq!(
        house.get("/", &cookie).status,
        303,
        "the old phone signs in again"
    );
    assert_eq!(house.state()["users"]["mau"]["role"], "chief");
}

#[test]
fn a_lost_phone_is_signed_out_from_another() {
    let mut house = House::new("");
    house.start();
    let lost = house.sign_in();
    let answer = house.post(
        "/sign-in",
        "",
        &[("user", "mau"), ("pin", crate::support::house::CHIEF_PIN)],
    );
    let mine = answer.cookie();
    let form = house.form("/me", &mine);
    assert!(
        house
            .get("/me", &mine)
            .body
            .contains("Đang có 2 điện thoại")
    );
    assert_eq!(
        house
            .post(
                "/sign-out/others",
                &mine,
                &[("form", &form), ("pin", "000000")]
            )
            .status,
        401,
        "whoever has the phone has no PIN"
    );
    assert_eq!(house.get("/", &lost).status, 200);
    assert_eq!(
        house
            .post(
                "/sign-out/others",
                &mine,
                &[("form", &form), ("pin", crate::support::house::CHIEF_PIN)]
            )
            .status,
        303
    );
    assert_eq!(
        house.get("/", &lost).status,
        303,
        "the lost phone is asked for the PIN"
    );
    assert_eq!(house.get("/", &mine).status, 200);
}
