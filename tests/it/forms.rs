//! Forms of signed-in people: none is taken without the proof that our own page sent it, and the
//! words that were typed are not lost with it.

use conglang::{commune, web};

use crate::support::house::House;
use crate::support::http::Answer;
use crate::support::office::Commune;

/// What people type into the forms; each form takes the fields that it knows.
const TYPED: [(&str, &str); 6] = [
    ("on", "1"),
    ("once", "0123456789abcdef0123456789abcdef"),
    ("title", "Hop-thon"),
    ("body", "Chieu-nay-hop"),
    ("text", "Moi-ba-con-di-hop"),
    ("zone", "loa-01"),
];

fn with_proof<'a>(proof: Option<&'a str>, pin: &'a str) -> Vec<(&'a str, &'a str)> {
    let proof = proof.map(|p| ("form", p));
    TYPED
        .into_iter()
        .chain([("pin", pin)])
        .chain(proof)
        .collect()
}

/// Sends every form without a proof, with a wrong one and with that of another sign-in; none may be
/// taken.
fn no_form_is_taken(paths: Vec<&str>, other: &str, send: impl Fn(&str, Option<&str>) -> Answer) {
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        let sent_to = path
            .replace("{id}", "den-01.light")
            .replace("{kind}", "map");
        for proof in [None, Some(""), Some("00"), Some(other)] {
            let answer = send(&sent_to, proof);
            assert_eq!(answer.status, 403, "{path} with {proof:?}: {answer:?}");
            let typed = match path {
                "/notices" | "/notices/preview" | "/notices/new" | "/bulletins" => {
                    "Chieu-nay-hop</textarea>"
                }
                "/speakers/hear" => "Moi-ba-con-di-hop</textarea>",
                _ => "",
            };
            assert!(answer.body.contains(typed), "{path} keeps the words");
        }
    }
}

#[test]
fn no_form_of_the_dashboard_is_taken_without_its_proof() {
    let mut house = House::new("");
    house.start();
    let (here, there) = (house.sign_in(), house.sign_in());
    let by_people = |h: &House| {
        let entries = h.entries();
        entries
            .iter()
            .filter(|e| e["actor"]["is"] == "user")
            .count()
    };
    let before = by_people(&house);
    let (mine, other) = (house.form("/me", &here), house.form("/me", &there));
    assert!(!mine.is_empty() && !other.is_empty());
    let pin = crate::support::house::CHIEF_PIN;
    let paths = web::dashboard::form_paths();
    no_form_is_taken(paths.clone(), &other, |path, proof| {
        house.post(path, &here, &with_proof(proof, pin))
    });
    for path in paths {
        let answer = house.post(path, "", &with_proof(Some(&mine), pin));
        assert_eq!(answer.status, 303, "{path} asks to sign in");
        assert!(answer.head.contains("location: /sign-in"), "{answer:?}");
    }
    for cookie in [&here, &there] {
        assert_eq!(house.get("/", cookie).status, 200, "nobody was signed out");
    }
    assert_eq!(by_people(&house), before, "nothing was done");
}

#[test]
fn no_form_of_the_console_is_taken_without_its_proof() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let (at, elsewhere) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    let (here, there) = (commune.sign_in(at), commune.sign_in(elsewhere));
    let get = |path: &str, cookie: &str| commune.visit(at, "GET", path, cookie, &[]);
    let (mine, other) = (
        get("/", &here).field("form"),
        get("/", &there).field("form"),
    );
    assert!(!mine.is_empty() && !other.is_empty());
    let pin = commune.pin();
    let send = |path: &str, cookie: &str, proof: Option<&str>| {
        let mut fields = with_proof(proof, &pin);
        fields.extend([("to", "all"), ("sure", "1")]);
        commune.visit(at, "POST", path, cookie, &fields)
    };
    let paths = commune::console::form_paths();
    no_form_is_taken(paths.clone(), &other, |path, proof| {
        send(path, &here, proof)
    });
    for path in paths {
        let answer = send(path, "", Some(&mine));
        if path == "/bulletins" {
            assert_eq!(answer.status, 401, "{path} asks to sign in");
            assert_eq!(answer.field("body"), "Chieu-nay-hop", "and keeps the words");
        } else {
            assert_eq!(answer.status, 303, "{path} asks to sign in");
            assert_eq!(answer.header("location"), "/");
        }
    }
    for cookie in [&here, &there] {
        let page = get("/", cookie).body;
        assert!(page.contains("Thôn ben-thoc"), "nobody was signed out");
        assert!(!page.contains("Hop-thon"), "nothing was sent");
    }
}
