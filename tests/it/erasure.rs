//! “Erased on request” is so: on both copies, after a cut, out of a backup, at the commune, in no
//! file of either.

use std::path::Path;
use std::time::Duration;

use crate::commune::{pair, received, until_received};

/// Files under a folder that hold these bytes.
fn holding(folder: &Path, words: &str, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder)
        .expect("dir")
        .map(|e| e.expect("entry").path())
    {
        if entry.is_dir() {
            holding(&entry, words, out);
        } else if std::fs::read(&entry)
            .is_ok_and(|b| memchr::memmem::find(&b, words.as_bytes()).is_some())
        {
            out.push(entry.display().to_string());
        }
    }
}

fn all_holding(folders: &[&Path], words: &str) -> Vec<String> {
    let mut out = Vec::new();
    for folder in folders {
        holding(folder, words, &mut out);
    }
    out
}

#[test]
fn erased_words_are_in_no_file_of_the_village_or_the_commune_and_go_again_when_they_come_back() {
    const WORDS: &str = "Chuyen-rieng-nha-ba-Ty-7f3a91";
    let (mut house, mut office) = pair();
    office.start();
    house.start();
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n-0001", WORDS, "19 giờ 30 tối nay.", "event");
    until_received(&house);
    let (village, commune) = (house.dir.join("data"), house.dir.join("commune"));
    let before = all_holding(&[&village, &commune], WORDS);
    assert!(
        before.iter().filter(|f| f.contains("/people/")).count() == 2
            && before.iter().any(|f| f.contains("commune.texts")),
        "{before:?}"
    );
    let blob = house.state()["notices"]["n-0001"]["text"]["id"]
        .as_str()
        .expect("a file")
        .to_owned();
    let copies = ["a", "b"].map(|c| village.join("people").join(c).join(&blob));
    let backup = std::fs::read(&copies[0]).expect("there");

    assert_eq!(
        house
            .command(&serde_json::json!({ "do": "EraseBlob", "blob": blob }))
            .status,
        200
    );
    house.until("both copies are gone", Duration::from_secs(10), |_| {
        copies.iter().all(|c| !c.exists())
    });
    assert!(
        house
            .get("/notices/n-0001", &cookie)
            .body
            .contains("nội dung đã xóa"),
        "a page says so"
    );
    house.until("the commune heard of it", Duration::from_secs(30), received);
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !all_holding(&[&commune], WORDS).is_empty() {
        let log = std::fs::read_to_string(house.dir.join("office/log.txt")).unwrap_or_default();
        assert!(
            std::time::Instant::now() < end,
            "the commune's copy is still in {:?}\n{log}",
            all_holding(&[&commune], WORDS)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(house.stop(), Some(0));
    office.kill();
    assert_eq!(
        all_holding(&[&village, &commune], WORDS),
        Vec::<String>::new()
    );

    // As a cut between the entry and the files leaves it, or a backup brings it back.
    for copy in &copies {
        std::fs::write(copy, &backup).expect("back");
    }
    office.start();
    house.start();
    assert_eq!(
        all_holding(&[&village], WORDS),
        Vec::<String>::new(),
        "gone before anybody could look"
    );
    // Beside it everything else is as it was.
    let (code, text) = house.cli(&["journal", "check"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        !serde_json::to_string(&house.entries())
            .expect("entries")
            .contains(WORDS),
        "history never held them"
    );
}
