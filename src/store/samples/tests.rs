//! Readings over restarts, corruption and chattering sensors.

use super::*;

#[test]
fn a_sensor_that_chatters_costs_a_reading_in_two_seconds_and_its_last_word_is_kept() {
    let temporary = tempfile::tempdir().expect("folder");
    let folder = temporary.path().join("samples");
    let id = EntityId::new("cb-01.level").expect("id");
    let samples = Samples::open(&folder, [1; 16], &[]).expect("opens");
    for ms in 0..60_000 {
        samples.add(&id, WallMs::new(1_000_000 + ms), ms);
    }
    let of = samples.of(&id);
    assert_eq!(
        (of.len(), of.last()),
        (30, Some(&(WallMs::new(1_058_000), 59_999)))
    );
    assert_eq!(
        samples.inner.lock().expect("lock").unflushed[&id],
        of,
        "and so much goes to the card"
    );
    samples.flush().expect("written");
    samples.add(&id, WallMs::new(1_059_999), 7);
    assert_eq!(samples.of(&id).last(), Some(&(WallMs::new(1_058_000), 7)));
    // After a clock that was set back, a reading is not merged with the last one.
    samples.add(&id, WallMs::new(1_000), 8);
    assert_eq!(samples.of(&id).last(), Some(&(WallMs::new(1_000), 8)));
}

#[test]
fn rot_never_makes_a_reading_that_nobody_took() {
    let temporary = tempfile::tempdir().expect("folder");
    let folder = temporary.path().join("samples");
    let id = EntityId::new("cb-01.level").expect("id");
    let samples = Samples::open(&folder, [1; 16], &[]).expect("opens");
    for i in 0..600 {
        samples.add(&id, WallMs::new(i * 10_000), i * 7);
        if i % 20 == 0 {
            samples.flush().expect("written");
        }
    }
    drop(samples);
    let segment = std::fs::read_dir(&folder)
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| std::fs::read(p).is_ok_and(|b| b.starts_with(b"CLGP")))
        .expect("a segment");
    let whole = std::fs::read(&segment).expect("read");
    let cases = crate::log::sim::cases(100);
    for case in 0..cases {
        let bytes = crate::log::sim::corrupt(&whole, case, cases);
        let spoilt = folder.with_extension(case.to_string());
        std::fs::create_dir_all(&spoilt).expect("folder");
        std::fs::write(spoilt.join(segment.file_name().expect("name")), &bytes).expect("write");
        let samples = Samples::open(&spoilt, [2; 16], &[]).expect("opens");
        assert!(
            samples
                .of(&id)
                .iter()
                .all(|(at, v)| *v == at.ms() / 10_000 * 7),
            "case {case}"
        );
    }
}

#[test]
fn readings_survive_a_flush_and_are_bounded() {
    let temporary = tempfile::tempdir().expect("folder");
    let folder = temporary.path().join("samples");
    let id = EntityId::new("cb-01.level").expect("id");
    let samples = Samples::open(&folder, [1; 16], &[]).expect("opens");
    for i in 0..10_000 {
        samples.add(&id, WallMs::new(i * 10_000), i);
    }
    assert_eq!(samples.of(&id).len(), MAX_SAMPLES_PER_SENSOR);
    samples.flush().expect("written");
    samples.add(&id, WallMs::new(100_000_001), 5);
    drop(samples);
    let samples = Samples::open(&folder, [2; 16], &[]).expect("opens");
    assert_eq!(
        samples.of(&id).last(),
        Some(&(WallMs::new(99_990_000), 9_999)),
        "the unflushed minute is lost, no more"
    );
    assert_eq!(samples.of(&id).len(), MAX_SAMPLES_PER_SENSOR);
    assert!(decode(&[200, 1, 2]).is_none());
}

/// The harm's name, what it does, readings that are still there, the reported reason.
type Harm<'a> = (&'a str, &'a dyn Fn(&Path), usize, ReadingsLoss);

#[test]
fn each_harm_costs_what_it_hit_and_is_told() {
    use ReadingsLoss::{Damaged, Foreign, Missing, Outdated};
    let id = EntityId::new("cb-01.level").expect("id");
    let temporary = tempfile::tempdir().expect("folder");
    let root = |name: &str| temporary.path().join(name).join("samples");
    let boot = |n: u8| std::array::from_fn(|i| n ^ u8::try_from(i * 7).expect("small"));
    // Two hours: a group a minute, six readings each.
    let fill = |folder: &Path, n: u8, hours: std::ops::Range<i64>| {
        let samples = Samples::open(folder, boot(n), &[boot(n), boot(1)]).expect("opens");
        assert_eq!(samples.loss(), None);
        for i in hours.start * 360..hours.end * 360 {
            samples.add(&id, WallMs::new(i * 10_000), i);
            if i % 6 == 5 {
                samples.flush().expect("written");
            }
        }
    };
    let segments = |folder: &Path| {
        std::fs::read_dir(folder)
            .expect("dir")
            .map(|e| e.expect("entry").path())
            .filter(|p| p.extension().is_some_and(|e| e == "seg"))
            .collect::<Vec<_>>()
    };
    let change = |folder: &Path, how: &dyn Fn(&mut Vec<u8>)| {
        for path in segments(folder) {
            let mut bytes = std::fs::read(&path).expect("read");
            how(&mut bytes);
            std::fs::write(path, bytes).expect("write");
        }
    };
    let swap = |folder: &Path, other: &Path| {
        std::fs::remove_dir_all(folder).expect("removed");
        std::fs::create_dir_all(folder).expect("made");
        for path in segments(other) {
            std::fs::copy(&path, folder.join(path.file_name().expect("name"))).expect("copied");
        }
    };
    let (other, older) = (root("of another"), root("of before"));
    fill(&other, 9, 0..2);
    fill(&older, 1, 0..1);
    let harms: [Harm<'_>; 7] = [
        (
            "gone",
            &|f| std::fs::remove_dir_all(f).expect("removed"),
            0,
            Missing,
        ),
        (
            "files gone",
            &|f| {
                for p in segments(f) {
                    std::fs::remove_file(p).expect("removed");
                }
            },
            0,
            Missing,
        ),
        ("NUL", &|f| change(f, &|b| b.fill(0)), 0, Missing),
        (
            "one bit",
            &|f| change(f, &|b| b[30 * 4096 + 250] ^= 1),
            714,
            Damaged,
        ),
        (
            "truncated",
            &|f| change(f, &|b| b.truncate(30 * 4096)),
            180,
            Outdated,
        ),
        ("another village's", &|f| swap(f, &other), 0, Foreign),
        ("older", &|f| swap(f, &older), 360, Outdated),
    ];
    for (name, hurt, there, loss) in harms {
        let folder = root(name);
        fill(&folder, 1, 0..2);
        hurt(&folder);
        let samples = Samples::open(&folder, boot(2), &[boot(1), boot(2)])
            .expect("it opens whatever became of it");
        assert_eq!(samples.of(&id).len(), there, "{name}");
        assert_eq!(samples.loss(), Some(loss), "{name}");
        assert!(
            samples.of(&id).iter().all(|(at, n)| at.ms() == n * 10_000),
            "{name}: nobody took another"
        );
        samples.add(&id, WallMs::new(7_200_000), 720);
        samples.flush().expect("it goes on");
        drop(samples);
        let again = Samples::open(&folder, boot(3), &[boot(1), boot(2), boot(3)]).expect("opens");
        assert_eq!(
            again.of(&id).len(),
            there + 1,
            "{name}: what was saved is on disk"
        );
    }
}
