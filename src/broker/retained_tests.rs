//! Retained messages: rot, churn, who waits, what a dump keeps.

use super::*;

#[test]
fn a_device_that_keeps_changing_what_is_retained_does_not_wear_the_card() {
    let folder = std::env::temp_dir().join(format!("conglang-retained-{}", getrandom::u64().expect("random")));
    let (mut kept, _store) = Retained::open(&folder, [1; 16], &Limits::default()).expect("opens");
    let second = Some(Duration::from_secs(1));
    let (mut written, mut calm) = (0, 0);
    for n in 0..3_600 {
        for part in 0..10 {
            kept.set("den-01", "d/den-01/a", message("d/den-01/a", &format!("{}{n}.{part}", "x".repeat(10_000))));
            kept.set("den-02", "d/den-02/a", message("d/den-02/a", "ON"));
        }
        let records = kept.take_pending(second);
        written += records.iter().map(Vec::len).sum::<usize>();
        calm += records.iter().filter(|r| r.windows(6).any(|w| w == b"den-02")).count();
    }
    assert!(written < 5_000_000, "{written} bytes in an hour");
    assert_eq!(calm, 1, "what did not change is written once");
    // Among its own topics who waits longest comes first, and what the disk never had leaves nothing behind.
    kept.set("den-01", "d/den-01/z", message("d/den-01/z", "NEW"));
    let found = (0..3_600).any(|n| {
        kept.set("den-01", "d/den-01/a", message("d/den-01/a", &format!("{}{n}", "y".repeat(10_000))));
        kept.take_pending(second).iter().any(|r| r.ends_with(b"NEW"))
    });
    assert!(found, "a chattering topic does not starve another");
    for n in 0..10_000 {
        let topic = format!("d/den-01/new/{n}");
        kept.set("den-01", &topic, message(&topic, "x"));
        kept.set("den-01", &topic, message(&topic, ""));
    }
    assert!(kept.pending.len() <= 2, "{} changes wait", kept.pending.len());
    std::fs::remove_dir_all(folder).expect("clean");
}

#[test]
fn rot_never_makes_a_message_that_nobody_published() {
    let folder = std::env::temp_dir().join(format!("conglang-retained-{}", getrandom::u64().expect("random")));
    let limits = Limits::default();
    let (mut kept, mut store) = Retained::open(&folder, [1; 16], &limits).expect("opens");
    for i in 0..300 {
        kept.set("den-01", &format!("d/den/{i}"), message(&format!("d/den/{i}"), &format!("ON {i}")));
        if i % 10 == 0 {
            store.write(&kept.take_pending(None)).expect("written");
        }
    }
    store.write(&kept.take_pending(None)).expect("written");
    drop((kept, store));
    let segment = std::fs::read_dir(&folder).expect("dir").filter_map(Result::ok).map(|e| e.path()).find(|p| std::fs::read(p).is_ok_and(|b| b.starts_with(b"CLGP"))).expect("a segment");
    let whole = std::fs::read(&segment).expect("read");
    let mut least = 300;
    let cases = crate::log::sim::cases(100);
    for case in 0..cases {
        let bytes = crate::log::sim::spoilt(&whole, case, cases);
        let spoilt = folder.with_extension(case.to_string());
        std::fs::create_dir_all(&spoilt).expect("folder");
        std::fs::write(spoilt.join(segment.file_name().expect("name")), &bytes).expect("write");
        let (kept, _) = Retained::open(&spoilt, [2; 16], &limits).expect("opens");
        least = least.min(kept.len());
        for m in kept.matching("#") {
            let n = m.topic.rsplit('/').next().expect("number");
            assert_eq!(&m.payload[..], format!("ON {n}").as_bytes(), "case {case}");
        }
        std::fs::remove_dir_all(spoilt).expect("clean");
    }
    assert!(least < 300, "the rig spoils, or it proves nothing");
    std::fs::remove_dir_all(folder).expect("clean");
}

fn message(topic: &str, payload: &str) -> Arc<Message> {
    Arc::new(Message { topic: topic.into(), payload: Bytes::copy_from_slice(payload.as_bytes()), qos: 1, retain: true, forward: Bytes::new(), expires: None })
}

#[test]
fn retained_messages_survive_and_bounds_hold() {
    let folder = std::env::temp_dir().join(format!("conglang-retained-{}", getrandom::u64().expect("random")));
    let limits = Limits { retained_per_device: 3, ..Limits::default() };
    let (mut kept, mut store) = Retained::open(&folder, [1; 16], &limits).expect("opens");
    for i in 0..5 {
        kept.set("den-01", &format!("d/đèn/{i}"), message(&format!("d/đèn/{i}"), "ON"));
    }
    kept.set("den-01", "d/đèn/0", message("d/đèn/0", ""));
    assert_eq!((kept.len(), kept.refused), (2, 2));
    store.write(&kept.take_pending(None)).expect("written");
    // Enough writes that everything is dumped anew at least once.
    for round in 0..40 {
        kept.set("@house", "big", message("big", &format!("{round}{}", "x".repeat(200_000))));
        store.write(&kept.take_pending(None)).expect("written");
        if store.wants_dump() {
            store.write_dump(&Retained::dump(&kept.snapshot())).expect("dumped");
        }
    }
    drop((kept, store));
    let (kept, store) = Retained::open(&folder, [2; 16], &limits).expect("opens");
    assert!(store.log.size() < 12 << 20, "segments are recycled: {}", store.log.size());
    assert_eq!(kept.matching("d/#").len(), 2);
    assert!(kept.matching("big")[0].payload.starts_with(b"39x"));
    std::fs::remove_dir_all(folder).expect("clean");
}
