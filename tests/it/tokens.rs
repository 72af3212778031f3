//! Programs at the house's door: none without a token, each what its token's scopes say, and what
//! no token says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::doors::status;
use crate::support::house::{House, kind};

/// A request with a program's token, or with none if that is empty: status and body.
fn with_token(port: u16, token: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    let proof = if token.is_empty() {
        String::new()
    } else {
        format!("authorization: Bearer {token}\r\n")
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{proof}connection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    (
        status(&answer),
        answer
            .split_once("\r\n\r\n")
            .map(|(_, b)| b.to_owned())
            .unwrap_or_default(),
    )
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_token_opens_what_its_scopes_say_until_it_is_taken_away() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let port = house.dashboard;
    let add = |name: &str, scope: &str| {
        let (code, text) = house.cli(&["token", "add", name, "--scope", scope, "--json"]);
        assert_eq!(code, 0, "{text}");
        serde_json::from_str::<serde_json::Value>(&text).expect("json")["token"]
            .as_str()
            .expect("token")
            .to_owned()
    };
    let (read, switch) = (add("man-hinh", "read"), add("cong-tac", "switch,speak"));
    let on = r#"{"command":{"do":"SwitchLight","light":"none.light","on":true}}"#;
    let place = r#"{"command":{"do":"DeclarePlace","place":{"id":"p","name":"Ngõ"}}}"#;
    for path in [
        "/api/state",
        "/api/entries?after=0&limit=100",
        "/api/metrics",
    ] {
        let (status, body) = with_token(port, &read, "GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        for secret in ["sha256", "\"record\"", &read] {
            assert!(!body.contains(secret), "{path} shows {secret}: {body}");
        }
        let (status, body) = with_token(port, &switch, "GET", path, "");
        assert!(
            status == 403 && body.contains("“cong-tac”") && body.contains("read"),
            "{path}: {status} {body}"
        );
    }
    assert!(
        with_token(port, &read, "GET", "/api/state", "")
            .1
            .contains("Thôn Bến Thóc")
    );
    let (status, body) = with_token(port, &read, "POST", "/api/commands", on);
    assert!(
        status == 403 && body.contains("“man-hinh”") && body.contains("SwitchLight"),
        "{status} {body}"
    );
    assert_eq!(
        with_token(port, &switch, "POST", "/api/commands", on).0,
        409,
        "it may, and there is no such lamp"
    );
    assert_eq!(
        with_token(port, &switch, "POST", "/api/commands", place).0,
        403
    );
    assert_eq!(
        with_token(
            port,
            &switch,
            "POST",
            "/api/commands",
            r#"{"command":{"do":"StopEverything"}}"#
        )
        .0,
        200
    );
    assert!(
        house
            .entries()
            .iter()
            .any(|e| e["actor"]["id"] == "cong-tac" && kind(e) == "speaker.everything_stopped"),
        "it stands in the history by name"
    );
    // No token makes tokens; the technician does, each name once, with scopes that there are.
    let more = format!(
        r#"{{"command":{{"do":"PutToken","token":{{"id":"x","sha256":"{}","scopes":["manage"]}}}}}}"#,
        "0".repeat(64)
    );
    let file = std::fs::read_to_string(house.dir.join("data/keys/api.token")).expect("token");
    for token in [&read, &switch, &file] {
        assert_eq!(
            with_token(port, token, "POST", "/api/commands", &more).0,
            403
        );
    }
    assert_eq!(
        (
            house
                .cli(&["token", "add", "man-hinh", "--scope", "read"])
                .0,
            house.cli(&["token", "add", "api", "--scope", "read"]).0,
            house.cli(&["token", "add", "x", "--scope", "all"]).0
        ),
        (1, 1, 64)
    );
    let listed = house.cli(&["token", "list"]).1;
    assert!(
        listed.starts_with("3 mã")
            && ["man-hinh", "cong-tac", "api"]
                .iter()
                .all(|n| listed.contains(n))
            && !listed.contains(&read),
        "{listed}"
    );
    let history = house.get("/history", &cookie).body;
    assert!(
        history.contains("cấp mã cho phần mềm cong-tac: switch, speak"),
        "{history}"
    );
    // Taken away, each opens nothing at once, also the one in the file, also after a start.
    assert_eq!(
        with_token(port, file.trim(), "POST", "/api/commands", place).0,
        200
    );
    for name in ["man-hinh", "api"] {
        assert_eq!(house.cli(&["token", "remove", name]).0, 0);
    }
    assert_eq!(house.cli(&["token", "remove", "man-hinh"]).0, 1);
    assert_eq!(house.stop(), Some(0));
    house.start();
    for token in [read.as_str(), file.trim()] {
        assert_eq!(with_token(port, token, "GET", "/api/state", "").0, 401);
    }
    assert_eq!(
        with_token(port, &switch, "POST", "/api/commands", on).0,
        409
    );
    assert!(house.cli(&["token", "list"]).1.starts_with("1 mã"));
    assert_eq!(house.stop(), Some(0));
}

/// Commands that no token gives: events that only the gateway observes, things that stand in the
/// configuration, and who may sign in.
fn forbidden_commands(hash: &str) -> [serde_json::Value; 8] {
    let grant = |name: &str, topics: &[&str]| {
        let account = json!({
            "name": name, "secret_sha256": hash, "publish": topics, "subscribe": topics
        });
        json!({ "do": "GrantAccess", "account": account })
    };
    let village = json!({
        "id": "x", "name": "x", "commune": "x", "latitude": 1.0, "longitude": 1.0
    });
    [
        json!({ "do": "NoteTrim", "from": 1, "to": 2 }),
        json!({ "do": "NoteDamage", "epoch": "00", "from": 1, "to": 2 }),
        json!({ "do": "NoteClock", "offset_ms": 1 }),
        grant("den-01", &["#"]),
        grant("loa-01", &[]),
        json!({ "do": "ReportLevel", "sensor": "cb-01.level", "level": 1, "value": 1e308 }),
        json!({ "do": "EraseBlob", "blob": "0123" }),
        json!({ "do": "DeclareVillage", "village": village }),
    ]
}

#[test]
fn programs_need_the_token_and_what_they_may_not_do_is_said() {
    let mut house = House::new("");
    house.start();
    let token = std::fs::read_to_string(house.dir.join("data/keys/api.token")).expect("token");
    let ask = |method: &str, path: &str, bearer: &str, body: &str| {
        with_token(house.dashboard, bearer, method, path, body)
    };
    for bearer in ["", "0123", &"x".repeat(4000)] {
        assert_eq!(
            ask("GET", "/api/state", bearer, "").0,
            401,
            "{} characters",
            bearer.len()
        );
    }
    let (status, body) = ask("GET", "/api/state", token.trim(), "");
    assert!(status == 200 && body.contains("Thôn Bến Thóc"));
    let wish = r#"{"command":{"do":"DeclarePlace","place":{"id":"ngo-moi","name":"Ngõ Mới"}}}"#;
    assert_eq!(ask("POST", "/api/commands", "", wish).0, 401);
    let (status, body) = ask("POST", "/api/commands", token.trim(), wish);
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        ask(
            "POST",
            "/api/commands",
            token.trim(),
            r#"{"command":{"do":"SwitchLight","light":"none.light","on":true}}"#
        )
        .0,
        409
    );
    assert!((400..500).contains(&ask("POST", "/api/commands", token.trim(), "{").0));
    let hash = "0".repeat(64);
    let text = format!(r#"{{"id":"0123","mac":"{hash}","len":5}}"#);
    for wish in forbidden_commands(&hash) {
        let name = wish["do"].as_str().expect("a name");
        let (status, body) = ask(
            "POST",
            "/api/commands",
            token.trim(),
            &format!(r#"{{"command":{wish}}}"#),
        );
        assert!(
            status == 403 && body.contains("“api”") && body.contains(name),
            "{name}: {status} {body}"
        );
        let said = house.command(&wish);
        assert!(
            matches!(said.status, 403 | 409) || name == "EraseBlob",
            "{name}: {} {}",
            said.status,
            said.body
        );
    }
    // A notice that names no text of this house; a name that would fill every page; one that turns
    // the page around.
    let empty = format!(
        r#"{{"command":{{"do":"PublishNotice","id":"n1","text":{text},"kind":"notice","until":null}}}}"#
    );
    let (status, body) = ask("POST", "/api/commands", token.trim(), &empty);
    assert!(status == 409 && body.contains("tệp chữ"), "{status} {body}");
    for bad in ["x".repeat(15_000), "a\u{202e}b".into(), String::new()] {
        let wish = serde_json::json!({
            "command": { "do": "DeclareDevice", "device": { "id": "den-09", "name": bad } }
        });
        let (status, body) = ask("POST", "/api/commands", token.trim(), &wish.to_string());
        assert!(
            status == 409 && body.contains("120") && body.len() < 400,
            "{status} {body}"
        );
    }
    assert!(
        house.state()["notices"]
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    );
    let (status, body) = ask("GET", "/api/entries?after=0&limit=3", token.trim(), "");
    assert!(
        status == 200
            && serde_json::from_str::<Vec<serde_json::Value>>(&body)
                .expect("json")
                .len()
                == 3,
        "{body}"
    );
    assert_eq!(house.stop(), Some(0));
}
