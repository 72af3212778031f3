//! A village that goes on, that was set back, that was cloned: what the commune notices of each.

use super::*;

fn say(
    past: &mut BootHistory,
    (epoch, boot): (&str, u64),
    names: &[&'static str],
    missing: &[(&str, u64)],
) -> Option<Divergence> {
    let missing = missing.iter().map(|(e, n)| ((*e).to_owned(), *n)).collect();
    past.apply_hello(
        &HelloSummary {
            epoch,
            boot,
            missing,
            names: names.iter().copied().collect(),
        },
        true,
        WallMs::new(5),
    )
    .then(|| past.trouble.as_ref().expect("told").how)
}

#[test]
fn what_cannot_be_the_same_box_going_on_is_noticed_and_nothing_else() {
    let mut past = BootHistory::default();
    for (boot, epoch) in [(3, "c"), (3, "c"), (4, "d"), (4, "d"), (7, "g")] {
        assert_eq!(
            say(&mut past, (epoch, boot), &["c", "d", "g"], &[]),
            None,
            "boots follow each other, some never connected"
        );
    }
    // Storage was set back: an earlier boot under another epoch. It goes on, and is reported once.
    assert_eq!(
        say(&mut past, ("x", 6), &["c", "d", "x"], &[("d", 4)]),
        Some(Divergence::Older)
    );
    assert_eq!(
        past.trouble.as_ref().map(|t| (t.highest, t.missing)),
        Some((7, 4))
    );
    assert_eq!(
        (
            say(&mut past, ("x", 6), &["c", "d", "x"], &[("d", 4)]),
            past.generation
        ),
        (None, 1),
        "its numbers began again once"
    );
    assert_eq!(
        say(&mut past, ("y", 7), &["d", "x", "y"], &[("d", 4)]),
        None,
        "once"
    );
    // The storage that it was copied from is used again: a higher boot that does not know the last
    // epoch.
    assert_eq!(
        say(&mut past, ("h", 8), &["d", "g", "h"], &[]),
        Some(Divergence::Older)
    );
    // Both run at once.
    assert_eq!(
        say(&mut past, ("y", 7), &["x", "y"], &[]),
        Some(Divergence::Twin)
    );
    assert_eq!(
        say(&mut past, ("h", 8), &["g", "h"], &[]),
        Some(Divergence::Twin)
    );
    // An epoch lost its end.
    assert_eq!(
        say(&mut past, ("z", 9), &["h", "z"], &[("h", 2)]),
        Some(Divergence::Shorter)
    );
    assert_eq!(
        say(&mut past, ("z", 9), &["h", "z"], &[("h", 3)]),
        Some(Divergence::Shorter),
        "and more of it"
    );
    // New storage counts boots from one.
    assert_eq!(
        say(&mut past, ("1", 1), &["1"], &[]),
        Some(Divergence::Older)
    );
    assert!(
        past.recent_divergence(WallMs::new(5 + DIVERGENCE_SHOWN_MS))
            .is_none()
            && past
                .recent_divergence(WallMs::new(4 + DIVERGENCE_SHOWN_MS))
                .is_some()
    );
    for n in 0..1_000 {
        say(
            &mut past,
            (&format!("e{n}"), 10 + n),
            &[],
            &[(&format!("m{n}"), 1)],
        );
    }
    let mut away = past.clone();
    let late = HelloSummary {
        epoch: "late",
        boot: 5_000,
        missing: BTreeMap::new(),
        names: BTreeSet::new(),
    };
    assert!(
        !away.apply_hello(&late, false, WallMs::new(5))
            && past.apply_hello(&late, true, WallMs::new(5)),
        "who was away for a month may have let go what it said before"
    );
    assert!(past.boots.len() <= MAX_BOOTS && past.shorter.len() <= MAX_BOOTS);
}

#[test]
fn the_village_is_told_what_stands_last_and_its_word_that_it_differs_is_kept() {
    let temporary = tempfile::tempdir().expect("folder");
    let path = temporary.path().join("store.redb");
    let store = CommuneStore::open(&path).expect("store");
    let stream = Stream {
        epoch: format!("{:032x}", 5),
        lane: crate::domain::event::Lane::Log,
    };
    let record = br#"{"lane":"log","lane_seq":1,"seq":9}"#;
    let batch =
        crate::protocol::commune::pack(stream.clone(), 1, &[record.as_slice()], BTreeMap::new())
            .expect("packed");
    assert_eq!(
        store.apply("v", &batch, WallMs::default()).expect("taken"),
        (1, false)
    );
    let known = store
        .copy_summary("v", &[(stream.clone(), 1)], WallMs::default())
        .expect("read");
    assert_eq!(
        (known.heads, known.trouble),
        (vec![(stream.clone(), 1, secret::sha256(record))], None)
    );
    // The hello names fewer records than were acknowledged.
    let offered = [(stream.clone(), 1, 0)];
    let greeting = HelloSummary::new(&stream.epoch, 5, &offered, &[(stream.clone(), 1)]);
    store
        .hello("v", &greeting, WallMs::new(100))
        .expect("heard");
    let told = |now| {
        store
            .divergence("v", now)
            .expect("read")
            .map(|t| (t.how, t.missing))
    };
    assert_eq!(
        (
            told(WallMs::new(200)),
            told(WallMs::new(100 + DIVERGENCE_SHOWN_MS))
        ),
        (Some((Divergence::Shorter, 1)), None)
    );
    store
        .record_conflict(
            "v",
            &Stream {
                epoch: format!("{:032x}", 6),
                ..stream.clone()
            },
            WallMs::new(300),
        )
        .expect("of an epoch that nobody knows");
    assert_eq!(told(WallMs::new(300)), Some((Divergence::Shorter, 1)));
    store
        .record_conflict("v", &stream, WallMs::new(300))
        .expect("kept");
    store
        .record_conflict("v", &stream, WallMs::new(900))
        .expect("said again");
    assert_eq!(
        store
            .divergence("v", WallMs::new(901))
            .expect("read")
            .map(|t| (t.how, t.at)),
        Some((Divergence::Differs, WallMs::new(300)))
    );
    // A village that was known before boots were stored.
    store
        .hello("w", &HelloSummary::new("a", 5, &[], &[]), WallMs::default())
        .expect("heard");
    assert_eq!(
        store.divergence("w", WallMs::default()).expect("read"),
        None
    );
}
