//! The first configuration of a box: nine answers make it, each is checked when it is given, and
//! nothing overwrites it.

use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn nine_answers_make_a_configuration_and_a_second_setup_overwrites_nothing() {
    let temporary = tempfile::tempdir().expect("folder");
    let dir = temporary.path();
    let file = dir.join("etc/conglang.toml");
    let setup = |answers: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(&file)
            .arg("setup")
            .env("CONGLANG_LANG", "vi")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(answers.as_bytes())
            .expect("answered");
        let out = child.wait_with_output().expect("ended");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned()
                + &String::from_utf8_lossy(&out.stderr),
        )
    };
    // A wrong answer is told at once and asked again; answers that end too soon write nothing.
    let (code, text) = setup("Thôn Gò Mít\nxã Đồng Nếp\nmột chỗ nào đó\n");
    assert!(
        code == Some(1)
            && text.contains("“một chỗ nào đó” không phải tọa độ")
            && text.matches("3/9").count() == 2
            && !file.exists(),
        "{text}"
    );
    let (code, text) = setup(
        "Thôn Gò Mít\nxã Đồng Nếp\nmột chỗ nào đó\n19.5, 105.5\nBà Lúa\n0000 000 014\n\nkhông có\n\
         192.168.20.1\n\n/srv/thon\n",
    );
    assert!(code == Some(0) && text.contains("Bà Lúa"), "{text}");
    assert_eq!(text.matches("7/9").count(), 2, "{text}");
    assert!(text.contains("9/9") && !text.contains("10/9"), "{text}");
    let written = std::fs::read_to_string(&file).expect("written");
    assert!(
        [
            "go-mit",
            "/srv/thon",
            "0000 000 014",
            "\"192.168.20.1:1883\"",
            "\"http://192.168.20.1:80\""
        ]
        .iter()
        .all(|w| written.contains(w)),
        "{written}"
    );
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(&file)
        .args(["config", "check"])
        .output()
        .expect("runs");
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(setup("x\nx\n1, 1\nx\n\n\n\n\n\n").0, Some(1));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), written);
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .args(["journal", "no-such-thing"])
        .output()
        .expect("runs");
    assert_eq!(out.status.code(), Some(64), "wrong use");
}
