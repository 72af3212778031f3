//! “Nghe”: a notice as a file of sound for a phone, by the real speech program and the real
//! encoder; parts of it, and its end with the words that it says.

use std::time::Duration;

use conglang::domain::notice::{NoticeDetails, NoticeKind, NoticeWords};
use gstreamer as gst;
use gstreamer::prelude::*;
use serde_json::json;

use crate::notice_strains::{pages, publish};
use crate::support::house::House;
use crate::support::http::http_bytes;
use crate::support::office::visit;

/// A text is spoken and encoded.
const MOST: Duration = Duration::from_secs(120);

/// The seconds that a player finds in an MP3.
fn seconds(mp3: &[u8]) -> f64 {
    gst::init().expect("GStreamer");
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("a.mp3");
    std::fs::write(&file, mp3).expect("written");
    let make = |name: &str| gst::ElementFactory::make(name).build().expect("an element");
    let source = make("filesrc");
    source.set_property("location", file.display().to_string());
    let sink = gstreamer_app::AppSink::builder()
        .sync(false)
        .caps(
            &gst::Caps::builder("audio/x-raw")
                .field("format", "S16LE")
                .build(),
        )
        .build();
    let pipeline = gst::Pipeline::new();
    let line = [
        &source,
        &make("mpegaudioparse"),
        &make("mpg123audiodec"),
        &make("audioconvert"),
        sink.upcast_ref(),
    ];
    pipeline.add_many(line).expect("added");
    gst::Element::link_many(line).expect("linked");
    pipeline.set_state(gst::State::Playing).expect("plays");
    let (mut bytes, mut rate) = (0_usize, 1);
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(20)) {
        let caps = sample
            .caps()
            .expect("caps")
            .structure(0)
            .expect("one")
            .to_owned();
        rate = caps.get::<i32>("rate").expect("a rate");
        assert_eq!(caps.get::<i32>("channels").expect("channels"), 1);
        bytes += sample.buffer().expect("a buffer").size();
    }
    pipeline.set_state(gst::State::Null).expect("ends");
    #[expect(clippy::cast_precision_loss, reason = "a few MB")]
    let samples = bytes as f64 / 2.0;
    samples / f64::from(rate)
}

fn get(house: &House, path: &str, range: &str) -> (String, Vec<u8>) {
    let more = if range.is_empty() {
        String::new()
    } else {
        format!("range: bytes={range}\r\n")
    };
    http_bytes(house.portal, path, &more)
}

#[test]
fn a_notice_is_heard_whole_and_in_parts_and_no_more_when_it_is_erased() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let body = "19 giờ 30 tối thứ bảy tại nhà văn hóa. Mỗi hộ một người.";
    house.publish_notice(&cookie, "n-1", "Mời họp thôn", body, "event");
    let page = http_bytes(house.portal, "/t/n-1", "").1;
    let page = String::from_utf8_lossy(&page).into_owned();
    let player = "<audio controls preload=\"none\" src=\"/t/n-1/listen.mp3\">";
    assert!(page.contains(player), "{page}");
    let (head, whole) = get(&house, "/t/n-1/listen.mp3", "");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("content-type: audio/mpeg"),
        "{head}"
    );
    assert!(head.contains("accept-ranges: bytes"), "{head}");
    let length = seconds(&whole);
    assert!((5.0..90.0).contains(&length), "{length} s");
    // An iPhone asks for two bytes first.
    let (head, two) = get(&house, "/t/n-1/listen.mp3", "0-1");
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert!(
        head.contains(&format!("content-range: bytes 0-1/{}", whole.len())),
        "{head}"
    );
    assert_eq!(two, whole[..2]);
    let (head, end) = get(&house, "/t/n-1/listen.mp3", "-100");
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert_eq!(end, whole[whole.len() - 100..]);
    let (head, _) = get(&house, "/t/n-1/listen.mp3", "99999999-");
    assert!(head.starts_with("HTTP/1.1 416"), "{head}");
    for none in ["/t/n-2/listen.mp3", "/t/n-1/00/listen.mp3"] {
        assert!(
            get(&house, none, "").0.starts_with("HTTP/1.1 404"),
            "{none}"
        );
    }
    let sounds = || {
        std::fs::read_dir(house.dir.join("data/spoken"))
            .expect("folder")
            .count()
    };
    assert_eq!(sounds(), 1, "made once");
    let blob = house.state()["notices"]["n-1"]["text"]["id"].clone();
    let erased = house.command(&json!({ "do": "EraseBlob", "blob": blob }));
    assert_eq!(erased.status, 200, "{erased:?}");
    house.until("the sound is gone", MOST, |_| sounds() == 0);
    assert!(
        get(&house, "/t/n-1/listen.mp3", "")
            .0
            .starts_with("HTTP/1.1 404")
    );
}

#[test]
fn one_visitor_who_wants_to_hear_everything_has_one_turn_and_others_have_theirs() {
    let pages = pages();
    let details = || NoticeDetails::of(NoticeKind::Notice);
    for n in 0..12 {
        let words = NoticeWords::of(&format!("Tin {n}"), "Mời bà con.");
        publish(&pages, &format!("n-{n}"), &words, details());
    }
    let port = pages.portal;
    let listen = move |address: u8, n: usize| {
        std::thread::spawn(move || {
            let path = format!("/t/n-{n}/listen.mp3");
            visit(port, [127, 0, 0, address], "GET", &path, "", &[])
        })
    };
    let greedy: Vec<_> = (0..11).map(|n| listen(1, n)).collect();
    let asked = pages.block_on(async {
        // The service of the loudspeakers, which is long at the first text.
        let mut inbox = pages.app.ports.listening.inbox().await;
        let first = inbox.recv().await.expect("a request");
        let other = listen(2, 11);
        let second = inbox.recv().await.expect("a request");
        let mut asked = vec![first.0.asker, second.0.asker];
        drop((first, second));
        assert_eq!(other.join().expect("answered").status, 503, "none was made");
        // Without an answer the others of the one come in their turn, or give up.
        while !greedy.iter().all(std::thread::JoinHandle::is_finished) {
            let more = tokio::time::timeout(Duration::from_millis(50), inbox.recv()).await;
            if let Ok(Some((request, _))) = more {
                asked.push(request.asker);
            }
        }
        asked
    });
    let address = |n: u8| std::net::IpAddr::from([127, 0, 0, n]);
    assert_eq!(asked[..2], [address(1), address(2)], "{asked:?}");
    for answer in greedy {
        let answer = answer.join().expect("answered");
        assert_eq!((answer.status, answer.header("retry-after")), (503, "30"));
    }
}
