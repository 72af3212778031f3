//! Papers of notices, read by the real confined process: a corpus of them, each with what is to
//! become of it; and a paper from the chief's notice to the search and the page of a visitor.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use conglang::domain::notice::AttachmentKind;
use conglang::protocol::paper::{MAX_PAGES, MAX_PICTURES, MAX_TEXT_CHARS, PaperProblem};
use conglang::store::paper_pages::PaperRecord;
use serde_json::{Value, json};

use crate::browser::Driver;
use crate::support::accessible::Judge;
use crate::support::house::House;
use crate::support::http::{Answer, http};
use crate::support::odd_papers;
use crate::support::office_papers;
use crate::support::paper_corpus::{self, Outcome, Sample};
use crate::support::papers::{self, docx, letters, scan};

/// Longest time for a paper: the bound of the processor's time, on a machine that has more to do.
const MOST: Duration = Duration::from_secs(300);

/// Lets a paper in as an upload is, and has it read; none = it was refused.
async fn read(
    reader: &conglang::papers::reading::PaperReader,
    sample: &Sample,
) -> Option<PaperRecord> {
    let mut file = reader.attachments.begin().expect("begun");
    file.write(&sample.content).expect("written");
    let kept = file.keep();
    if let Outcome::Refused(why) = &sample.outcome {
        assert_eq!(kept.err(), Some(*why), "{}", sample.name);
        return None;
    }
    let paper = kept.unwrap_or_else(|why| panic!("{}: {why}", sample.name));
    let began = Instant::now();
    let record = reader.read(&paper).await.expect("stored");
    let took = began.elapsed();
    println!(
        "{}: {} bytes, {took:?}, {} pages, {} texts, {} pictures, {:?}",
        sample.name,
        sample.content.len(),
        record.pages,
        record.texts.len(),
        record.pictures.len(),
        record.problem
    );
    assert!(took < MOST, "{} took {took:?}", sample.name);
    assert_eq!(
        reader.pages.record(&paper),
        Some(record.clone()),
        "{}",
        sample.name
    );
    assert!(reader.pages.is_whole(&paper, true), "{}", sample.name);
    // Nothing is told beyond the bounds, whatever the process says.
    let chars: usize = record.texts.iter().map(|t| t.text.chars().count()).sum();
    assert!(chars <= MAX_TEXT_CHARS && record.texts.len() <= MAX_PAGES as usize);
    assert!(record.pictures.len() <= MAX_PICTURES as usize);
    for picture in &record.pictures {
        let path = reader.pages.picture_path(&paper, picture.page);
        let size = image::image_dimensions(path).expect("a JPEG");
        assert_eq!(size, (picture.width, picture.height), "{}", sample.name);
    }
    if paper.kind == AttachmentKind::Pdf && record.problem.is_none() {
        let most = record.pages.min(MAX_PICTURES) as usize;
        assert!(record.pictures.len() <= most, "{}", sample.name);
    }
    Some(record)
}

fn judge(sample: &Sample, record: &PaperRecord) {
    let (name, text) = (sample.name, record.whole_text());
    let says = |words: &[&str]| {
        for words in words {
            assert!(text.contains(words), "{name}: {words} is not in {text:?}");
        }
    };
    let is_recognised = record.texts.iter().any(|text| text.is_recognised);
    match &sample.outcome {
        Outcome::Refused(_) | Outcome::Bounded => {}
        Outcome::Unread(why) => {
            assert_eq!(record.problem, Some(*why), "{name}");
            assert!(
                text.is_empty() && record.pictures.is_empty(),
                "{name}: {text}"
            );
        }
        Outcome::Read(pages, words) => {
            assert_eq!(
                (record.pages, record.problem),
                (*pages, None),
                "{name}: {text}"
            );
            says(words);
            assert!(!is_recognised, "{name}");
        }
        Outcome::Recognised(pages, words) => {
            assert_eq!((record.pages, record.problem), (*pages, None), "{name}");
            says(words);
            assert!(is_recognised, "{name}: no machine read it");
        }
        Outcome::Silent(pages) => {
            assert_eq!((record.pages, record.problem), (*pages, None), "{name}");
            assert!(!text.contains("thôn"), "{name}: {text}");
        }
    }
    if name.contains("turn the text") {
        assert_eq!(text, "họp thôn mai", "nothing hidden comes out");
    }
}

fn hold(samples: Vec<Sample>) {
    let folder = tempfile::tempdir().expect("folder");
    let reader = papers::reader(folder.path());
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    for sample in samples {
        if let Some(record) = runtime.block_on(read(&reader, &sample)) {
            judge(&sample, &record);
        }
    }
    let incoming = folder.path().join("attachments/incoming");
    assert_eq!(std::fs::read_dir(incoming).expect("folder").count(), 0);
}

#[test]
fn the_corpus_has_fifty_papers_and_more() {
    let all = [
        paper_corpus::usual().len(),
        paper_corpus::damaged().len(),
        paper_corpus::hostile().len(),
        office_papers::office().len(),
        odd_papers::odd().len(),
    ];
    assert!(all.iter().sum::<usize>() >= 50, "{all:?}");
}

#[test]
fn papers_as_people_make_them_are_read() {
    hold(paper_corpus::usual());
}

#[test]
fn damaged_papers_give_what_they_have_or_a_sentence() {
    hold(paper_corpus::damaged());
}

#[test]
fn hostile_papers_end_within_their_bounds() {
    hold(paper_corpus::hostile());
}

#[test]
fn papers_of_office_programs_are_read() {
    hold(office_papers::office());
}

#[test]
fn locked_papers_and_papers_of_old_fonts() {
    hold(odd_papers::odd());
}

#[test]
fn a_paper_with_a_password_is_refused_and_a_protected_one_is_kept() {
    let mut house = House::new("");
    house.start();
    let send = |content: &[u8]| {
        send(
            &house,
            "/notices/files",
            "application/octet-stream",
            content,
        )
    };
    let refused = send(&odd_papers::with_password());
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(refused.contains("mật khẩu"), "{refused}");
    let folder = house.dir.join("data/attachments");
    let kept = || {
        let files = std::fs::read_dir(&folder).expect("folder").flatten();
        let papers = files.filter(|f| f.path().extension().is_some_and(|end| end == "pdf"));
        papers.count()
    };
    assert_eq!(kept(), 0, "nothing of it stays");
    assert!(send(&odd_papers::protected()).starts_with("HTTP/1.1 200"));
    assert!(send(&letters(&[&["Họp thôn"][..]])).starts_with("HTTP/1.1 200"));
    assert_eq!(kept(), 2);
}

/// Sends a body of bytes to the control socket.
fn send(house: &House, path: &str, content_type: &str, body: &[u8]) -> String {
    let mut stream =
        UnixStream::connect(house.dir.join("run/control.sock")).expect("the control socket");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    stream.write_all(body).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

/// The same; gives the answer to what was taken.
fn post(house: &House, path: &str, content_type: &str, body: &[u8]) -> Value {
    let answer = send(house, path, content_type, body);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or(Value::Null)
}

/// Publishes a notice with papers; gives their hashes.
fn publish(house: &House, id: &str, title: &str, files: &[(&str, &[u8])]) -> Vec<String> {
    let kept: Vec<Value> = files
        .iter()
        .map(|(_, content)| post(house, "/notices/files", "application/octet-stream", content))
        .collect();
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let notice = json!({
        "id": id, "title": title, "body": "Mời bà con xem tệp.", "kind": "document",
        "files": names, "attachments": kept
    });
    post(
        house,
        "/notices",
        "application/json",
        notice.to_string().as_bytes(),
    );
    let hash = |file: &Value| file["sha256"].as_str().expect("a hash").to_owned();
    kept.iter().map(hash).collect()
}

fn visitor(house: &House, path: &str) -> Answer {
    http(house.portal, "GET", path, "", "")
}

fn until_read(house: &House, path: &str) -> String {
    house.until("the paper is read", MOST, |house| {
        visitor(house, path).status == 200
    });
    visitor(house, path).body
}

#[test]
fn a_paper_is_read_found_and_seen_by_visitors_and_made_again_when_it_is_lost() {
    let mut house = House::new("");
    house.start();
    let pdf = letters(&[
        &["Kế hoạch nạo vét mương trước mùa mưa"][..],
        &["Phân công các xóm"],
    ]);
    let word = docx("<w:p><w:r><w:t>Danh sách hộ góp công</w:t></w:r></w:p>");
    let picture = scan(&["Biên bản kiểm kê trạm bơm"], "");
    let files: [(&str, &[u8]); 3] = [
        ("Kế hoạch.pdf", &pdf),
        ("Danh sách.docx", &word),
        ("Biên bản.pdf", &picture),
    ];
    let hashes = publish(&house, "n1", "Nạo vét mương", &files);
    let read = |n: usize| format!("/t/n1/{}/read", hashes[n]);
    let page = until_read(&house, &read(0));
    for seen in [
        "Trang 1",
        "Trang 2",
        "Kế hoạch nạo vét mương",
        "Phân công các xóm",
    ] {
        assert!(page.contains(seen), "{seen}: {page}");
    }
    assert!(!page.contains("máy đọc, có thể sai"), "{page}");
    assert!(until_read(&house, &read(1)).contains("<p>Danh sách hộ góp công</p>"));
    let scanned = until_read(&house, &read(2));
    assert!(scanned.contains("kiểm kê trạm bơm"), "{scanned}");
    assert!(scanned.contains("máy đọc, có thể sai"), "{scanned}");
    let notice = visitor(&house, "/t/n1").body;
    for n in 0..3 {
        assert!(
            notice.contains(&format!("href=\"{}?lang=vi\"", read(n))),
            "{notice}"
        );
    }
    for seen in [
        "<b>Kế hoạch</b> <small>PDF, 2 trang, ",
        ">Đọc trên trang này</a>",
        ">Mở tệp PDF</a>",
        "<b>Danh sách</b> <small>DOCX, ",
        ">Tải tệp DOCX</a>",
    ] {
        assert!(notice.contains(seen), "{seen}: {notice}");
    }
    // Found without marks by what stands in the paper alone.
    for (asked, n) in [
        ("nao vet muong truoc mua", 0),
        ("gop cong", 1),
        ("tram bom", 2),
    ] {
        let found = visitor(&house, &format!("/search?find={}", asked.replace(' ', "+"))).body;
        assert!(
            found.contains(&format!("href=\"{}", read(n))),
            "{asked}: {found}"
        );
    }
    let picture = format!("/t/n1/{}/page/2", hashes[0]);
    let seen = visitor(&house, &picture);
    assert!(
        seen.status == 200 && seen.head.contains("content-type: image/jpeg"),
        "{}",
        seen.head
    );
    for none in ["/page/3", "/page/0", "/page/x", "/page/4294967295"] {
        let answer = visitor(&house, &format!("/t/n1/{}{none}", hashes[0]));
        assert_ne!(answer.status, 200, "{none}");
    }
    // The cache is lost: after the next start it is there again.
    house.stop();
    std::fs::remove_dir_all(house.dir.join("data/papers")).expect("lost");
    house.start();
    assert!(until_read(&house, &read(0)).contains("Phân công các xóm"));
    // Taken down, nobody reads it any more.
    let down = house.command(&json!({ "do": "TakeDownNotice", "id": "n1" }));
    assert_eq!(down.status, 200, "{down:?}");
    assert_eq!(visitor(&house, &read(0)).status, 404);
    assert_eq!(visitor(&house, &picture).status, 404);
    let found = visitor(&house, "/search?find=gop+cong").body;
    assert!(!found.contains(&hashes[1]), "{found}");
}

#[test]
fn the_process_that_reads_a_paper_is_bounded_and_opens_nothing() {
    // A paper whose reading costs more than it may: the process ends, and the page says so.
    let folder = tempfile::tempdir().expect("folder");
    let mut reader = papers::reader(folder.path());
    let sample = Sample {
        name: "a page",
        content: letters(&[&["Họp thôn tối thứ bảy này"][..]]),
        outcome: Outcome::Bounded,
    };
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    // Instead of the reader, a program that tells noise, and one that tells nothing.
    for program in ["/usr/bin/yes", "/bin/true"] {
        program.clone_into(&mut reader.program);
        let record = runtime.block_on(read(&reader, &sample)).expect("a record");
        assert_eq!(record.problem, Some(PaperProblem::Ended), "{program}");
        assert!(record.texts.is_empty() && record.pictures.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_paper_is_for_everybody_and_light() {
    let mut house = House::new("");
    house.start();
    let lines = ["Danh sách các hộ góp công nạo vét mương"; 30];
    let pdf = letters(&[&lines[..]; 12]);
    let picture = scan(&["Biên bản kiểm kê trạm bơm"], "");
    let files: [(&str, &[u8]); 2] = [("Danh sách.pdf", &pdf), ("Biên bản.pdf", &picture)];
    let hashes = publish(&house, "n1", "Nạo vét mương", &files);
    let (driver, judge) = (Driver::start(), Judge::new());
    let page = driver.phone().await;
    for hash in &hashes {
        let path = format!("/t/n1/{hash}/read");
        let first = until_read(&house, &path);
        assert!(
            first.len() < 45_000,
            "{} bytes before they are packed",
            first.len()
        );
        for query in ["?lang=vi", "?lang=en", "?lang=vi&big=1", "?lang=vi&part=2"] {
            let address = format!("http://127.0.0.1:{}{path}{query}", house.portal);
            page.goto(&address).await.expect("opens");
            judge
                .judge(&page, &format!("the page of a paper, {query}"))
                .await;
        }
    }
    let notice = format!("http://127.0.0.1:{}/t/n1?lang=vi", house.portal);
    page.goto(&notice).await.expect("opens");
    judge
        .judge(&page, "a notice with papers that are read")
        .await;
    page.close().await.expect("closes");
    judge.verdict();
    // A long paper has parts, and each word of it is in one of them.
    let whole: usize = (1..=4)
        .map(|n| visitor(&house, &format!("/t/n1/{}/read?part={n}", hashes[0])).body)
        .map(|part| part.matches("Danh sách các hộ góp công").count())
        .sum();
    assert!(whole >= 360, "{whole} of 360 lines");
}
