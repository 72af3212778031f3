//! The block list and the garden: from texts of people to names.

use std::io::Cursor;

use hickory_proto::rr::RecordType;
use tokio::sync::mpsc;

use super::super::block_list::{BadLine, BlockList, BlockListError};
use super::super::garden::{Garden, GardenGate, OpenAddresses, open_seconds};
use super::super::host_name::HostNameError;
use super::packets::{ip, question};
use crate::time::MonoMs;

fn blocks(list: &BlockList, text: &str) -> bool {
    list.blocks(question(text, RecordType::A).lower_name())
}

#[test]
fn a_list_is_read_and_its_bad_lines_are_told() {
    let text = "\u{feff}# gambling\n\
        Xau.example\r\n\
        0.0.0.0 hosts.example # as in /etc/hosts\n\
        *.la.example\n\
        \n\
        vn\n\
        not a name\n\
        http://x.example/\n\
        127.0.0.1\n\
        cờbạc.example\n\
        xau.example";
    let mut bytes = text.as_bytes().to_vec();
    bytes.extend(b"\n\xff\xfe.example\n");
    bytes.extend([b'a'; 3_000]);
    bytes.extend(b"\nlast.example");
    let loaded = BlockList::load(Cursor::new(bytes)).expect("a list");
    assert_eq!(
        loaded.bad_lines,
        [
            (6, BadLine::Name(HostNameError::TooWide)),
            (7, BadLine::Name(HostNameError::NotAName)),
            (8, BadLine::Name(HostNameError::NotAName)),
            (9, BadLine::Name(HostNameError::NotAName)),
            (12, BadLine::NotText),
            (13, BadLine::TooLong),
        ]
    );
    assert_eq!(loaded.bad_count, 6);
    let list = loaded.list;
    assert_eq!(list.len(), 5, "a name that stands twice is one");
    for name in [
        "xau.example.",
        "www.XAU.example.",
        "hosts.example.",
        "a.b.la.example.",
        "la.example.",
        "last.example.",
        "xn--cbc-tgzzn.example.",
    ] {
        assert!(blocks(&list, name), "{name}");
    }
    for name in [
        "example.",
        "xxau.example.",
        "au.example.",
        "vn.",
        "thon.vn.",
    ] {
        assert!(!blocks(&list, name), "{name}");
    }
}

#[test]
fn two_hundred_thousand_names_take_few_bytes() {
    let names: Vec<String> = (0..200_000)
        .map(|n| format!("a-rather-long-label-{n}.of-some-length.example"))
        .collect();
    let text = names.join("\n");
    let loaded = BlockList::load(Cursor::new(text)).expect("a list");
    assert_eq!((loaded.list.len(), loaded.bad_count), (200_000, 0));
    let bytes = loaded.list.memory_bytes();
    assert!(bytes <= 10_000_000, "{bytes}");
    for name in [&names[0], &names[99_999], &names[199_999]] {
        assert!(blocks(&loaded.list, name), "{name}");
        assert!(blocks(&loaded.list, &format!("www.{name}")), "{name}");
    }
    assert!(!blocks(&loaded.list, "of-some-length.example"));
}

#[test]
fn a_list_without_end_is_refused() {
    let text: Vec<String> = (0..11).map(|n| format!("n{n}.example\n")).collect();
    let load = |lines: &[String]| BlockList::load_at_most(10, lines.concat().as_bytes());
    assert_eq!(load(&text[..10]).expect("a list").list.len(), 10);
    let error = load(&text).expect_err("too many");
    assert!(matches!(error, BlockListError::TooMany));
}

#[test]
fn a_garden_has_names_and_domains() {
    let garden = Garden::new(["Nap.example.vn", "*.gov.vn", "xã.vn"]).expect("a garden");
    let covers = |text: &str| garden.covers(&question(text, RecordType::A));
    for name in [
        "nap.example.vn.",
        "NAP.example.vn.",
        "gov.vn.",
        "xn--x-yfa.vn.",
        "dichvucong.GOV.vn.",
    ] {
        assert!(covers(name), "{name}");
    }
    for name in [
        "x.nap.example.vn.",
        "example.vn.",
        "xgov.vn.",
        "gov.vn.example.",
        "vn.",
    ] {
        assert!(!covers(name), "{name}");
    }
    for (text, cause) in [
        ("vn", HostNameError::TooWide),
        ("*.vn", HostNameError::TooWide),
        ("https://gov.vn/", HostNameError::NotAName),
        ("a.*.vn", HostNameError::NotAName),
        ("", HostNameError::NotAName),
        ("*.", HostNameError::NotAName),
    ] {
        let error = Garden::new([text]).expect_err("no name");
        assert_eq!((error.text.as_str(), error.cause), (text, cause));
    }
}

/// Answers as the network helper does, and counts.
async fn helper(mut requests: mpsc::Receiver<OpenAddresses>, is_working: bool) -> Vec<u32> {
    let mut seconds = Vec::new();
    while let Some(request) = requests.recv().await {
        seconds.extend(request.addresses.iter().map(|(_, s)| *s));
        let _ = request.done.send(is_working);
    }
    seconds
}

#[tokio::test(start_paused = true)]
async fn addresses_are_opened_for_longer_than_the_answer_holds_and_once() {
    let (to, requests) = mpsc::channel(4);
    let gate = GardenGate::new(to);
    let both = [ip("203.0.113.7"), ip("2001:db8::7")];
    let at = |second: u64| MonoMs::new(second * 1_000);
    let scene = async {
        assert!(!gate.is_open(&both, 60, at(0), 0));
        assert!(gate.open(&both, 60, at(0), 0).await, "opened for 360 s");
        // Open, and asked for again, but not at every question.
        assert!(gate.is_open(&both, 60, at(300), 0));
        assert!(gate.is_open(&both, 60, at(300), 0));
        assert!(
            !gate.is_open(&both, 60, at(301), 0),
            "it would end before the answer"
        );
        assert!(gate.open(&both[..1], 1_000, at(10), 0).await, "for longer");
        assert!(gate.open(&both, 60, at(20), 0).await, "nothing to do");
        assert!(
            !gate.is_open(&both, 60, at(20), 1),
            "the helper was started again"
        );
        assert!(gate.open(&both, 60, at(20), 1).await);
        drop(gate);
    };
    let ((), seconds) = tokio::join!(scene, helper(requests, true));
    assert_eq!(seconds, [360, 360, 360, 360, 1_060, 360, 360]);
    assert_eq!(open_seconds(u32::MAX), u32::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_refuses_or_is_silent_opens_nothing() {
    let (to, requests) = mpsc::channel(4);
    let gate = GardenGate::new(to);
    let address = [ip("203.0.113.7")];
    let scene = async {
        assert!(!gate.open(&address, 60, MonoMs::START, 0).await);
        assert!(!gate.is_open(&address, 60, MonoMs::START, 0));
        drop(gate);
    };
    tokio::join!(scene, helper(requests, false));
    let (to, held) = mpsc::channel(4);
    let silent = GardenGate::new(to);
    assert!(!silent.open(&address, 60, MonoMs::START, 0).await);
    drop(held);
    assert!(
        !silent.open(&address, 60, MonoMs::START, 0).await,
        "it is gone"
    );
}
