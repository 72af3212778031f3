//! The log deleted, cut off, zeroed, with a bit flipped, of another village, or older: which data
//! is still there, which loss is reported. It opens each time.

use std::path::{Path, PathBuf};

use super::record::PersistedChange;
use super::rig::{LogFixture, RETAINED, copy, edit_segments, segments, session_header};
use super::store::PersistenceFiles;
use crate::protocol::broker::{DataLoss, LossKind};
use crate::protocol::mqtt::PacketId;

fn loss_kind(loss: Option<&DataLoss>) -> Option<LossKind> {
    loss.map(|l| l.kind)
}

#[tokio::test]
async fn an_empty_ledger_is_told_apart_from_a_first_start() {
    let first = LogFixture::empty();
    let (mut store, found) =
        PersistenceFiles::open(&first.log_folder, [1; 16], false).expect("opens");
    assert_eq!(
        store.report_loss(&found, 2),
        None,
        "a first start lost nothing"
    );
    assert!(!store.wants_watermark());
    store
        .write(std::iter::once(session_header(1).encode()))
        .expect("written");
    assert!(
        store.wants_watermark(),
        "from the first message on it is known that there was something, whatever ends the broker"
    );
    store.write_watermark((0, 1));
    assert!(!store.wants_watermark());
    drop(store);
    edit_segments(&first.log_folder, |b| b.fill(0));
    assert_eq!(
        loss_kind(first.start_broker().1.as_ref()),
        Some(LossKind::Missing)
    );
    for (name, hurt) in [
        (
            "NUL",
            (|folder| edit_segments(folder, |b| b.fill(0))) as fn(&Path),
        ),
        ("all of it NUL", |folder| {
            std::fs::read_dir(folder).expect("dir").for_each(|e| {
                let path = e.expect("entry").path();
                let len = std::fs::read(&path).expect("read").len();
                std::fs::write(&path, vec![0; len]).expect("write");
            });
        }),
        ("files gone", |folder| {
            for p in segments(folder) {
                std::fs::remove_file(p).expect("removed");
            }
        }),
        ("folder gone", |folder| {
            std::fs::remove_dir_all(folder).expect("removed");
        }),
        ("the broker's folder gone", |folder| {
            std::fs::remove_dir_all(folder.parent().expect("broker")).expect("removed");
        }),
        ("folder and its mark gone", |folder| {
            std::fs::remove_dir_all(folder.parent().and_then(Path::parent).expect("root"))
                .expect("removed");
        }),
        ("cut to nothing", |folder| edit_segments(folder, Vec::clear)),
    ] {
        let village = LogFixture::new();
        let (retained, sessions, loss) = village.start_after_damage(hurt);
        assert_eq!(
            (retained, sessions, loss_kind(loss.as_ref())),
            (0, 0, Some(LossKind::Missing)),
            "{name}"
        );
        let loss = loss.expect("told");
        let known = if name == "folder and its mark gone" {
            (0, 0)
        } else {
            (400, 1)
        };
        assert_eq!(
            (loss.retained, loss.sessions, loss.retained_recovered),
            (known.0, known.1, 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_bit_costs_one_record_and_is_told() {
    let whole = LogFixture::new();
    let used = std::fs::read(&segments(&whole.log_folder)[0])
        .expect("read")
        .iter()
        .rposition(|b| *b != 0)
        .expect("something");
    let cases = crate::log::sim::cases(60);
    let mut lost = 0;
    for case in 0..cases {
        let village = LogFixture::empty();
        copy(whole.root.path(), village.root.path());
        copy(
            &whole.root.path().join("broker"),
            &village.root.path().join("broker"),
        );
        copy(&whole.log_folder, &village.log_folder);
        let (retained, sessions, loss) = village.start_after_damage(|folder| {
            edit_segments(folder, |b| b[case * used / cases] ^= 1 << (case % 8));
        });
        assert!(
            retained + sessions >= RETAINED,
            "case {case}: {retained} of {RETAINED}, {sessions} sessions"
        );
        let all = retained == RETAINED && sessions == 1;
        assert_eq!(
            loss_kind(loss.as_ref()),
            (!all).then_some(LossKind::Damaged),
            "case {case}"
        );
        lost += usize::from(!all);
    }
    assert!(lost > 0, "the rig spoils, or it proves nothing");
}

#[tokio::test]
async fn a_hole_a_cut_and_a_lost_segment_cost_what_they_hold_and_are_told() {
    // A block in the middle: one group of ten records.
    let (retained, sessions, loss) = LogFixture::new()
        .start_after_damage(|folder| edit_segments(folder, |b| b[20 * 4096..21 * 4096].fill(0)));
    assert_eq!(
        (
            retained,
            sessions,
            loss_kind(loss.as_ref()),
            loss.map(|l| l.lost_groups)
        ),
        (RETAINED - 10, 1, Some(LossKind::Damaged), Some(1))
    );
    // Cut off in the middle: the end is missing, and the watermark knows.
    let (retained, sessions, loss) = LogFixture::new()
        .start_after_damage(|folder| edit_segments(folder, |b| b.truncate(20 * 4096)));
    assert_eq!(
        (retained, sessions, loss_kind(loss.as_ref())),
        (200, 1, Some(LossKind::Outdated))
    );
    // A cut through a group spares the records before it.
    let (retained, _, loss) = LogFixture::new()
        .start_after_damage(|folder| edit_segments(folder, |b| b.truncate(39 * 4096 + 700)));
    assert!(
        (391..400).contains(&retained) && loss_kind(loss.as_ref()) == Some(LossKind::Damaged),
        "{retained}"
    );
    // The watermark itself: no data is lost, nothing is reported.
    let (retained, sessions, loss) = LogFixture::new().start_after_damage(|folder| {
        std::fs::write(folder.parent().expect("broker").with_extension("mark"), b"")
            .expect("write");
        std::fs::write(folder.join("mark"), vec![0; 4096]).expect("write");
    });
    assert_eq!((retained, sessions, loss), (RETAINED, 1, None));
}

#[tokio::test]
async fn an_older_copy_and_another_villages_are_told_and_not_mixed() {
    let village = LogFixture::empty();
    village.append_retained(0..200);
    let (old, mine) = (village.root.path().join("old"), village.log_folder.clone());
    copy(&village.log_folder, &old);
    village.append_retained(200..RETAINED);
    let (retained, sessions, loss) = village.start_after_damage(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&old, folder);
    });
    assert_eq!(
        (retained, sessions, loss_kind(loss.as_ref())),
        (200, 1, Some(LossKind::Outdated))
    );
    let other = LogFixture::empty();
    other.append_retained(0..50);
    let loss = village.start_after_damage(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&other.log_folder, folder);
    });
    assert_eq!(
        (loss.0, loss.1, loss_kind(loss.2.as_ref())),
        (0, 0, Some(LossKind::Foreign)),
        "what another's devices said is not ours"
    );
    // The whole folder of another village's broker, with the watermark in it.
    let village = LogFixture::new();
    let loss = village.start_after_damage(|folder| {
        let broker = folder.parent().expect("broker");
        std::fs::remove_dir_all(broker).expect("removed");
        copy(&other.log_folder, folder);
    });
    assert_eq!(
        (loss.0, loss.1, loss_kind(loss.2.as_ref())),
        (0, 0, Some(LossKind::Foreign))
    );
    assert!(
        std::fs::read_dir(&mine).expect("dir").any(|e| e
            .expect("entry")
            .file_name()
            .to_string_lossy()
            .starts_with("damaged-")),
        "it is set aside, not thrown away"
    );
}

/// The three places of a log's watermark.
fn marks(ledger: &Path) -> [PathBuf; 3] {
    let broker = ledger.parent().expect("broker");
    [
        broker.with_extension("mark"),
        ledger.join("mark"),
        broker.with_file_name("keys").join("broker.ledger"),
    ]
}

#[tokio::test]
async fn another_villages_marks_never_make_a_stranger_of_our_own_ledger() {
    let (other, third) = (LogFixture::new(), LogFixture::new());
    // Which of the places (beside, inside, with the keys) hold another village's file.
    let cases: [&[usize]; 4] = [&[0], &[1], &[2], &[0, 1]];
    for which in cases {
        let village = LogFixture::empty();
        village.append_retained(0..200);
        village.append_retained(200..RETAINED);
        let (retained, sessions, loss) = village.start_after_damage(|folder| {
            for n in which {
                std::fs::copy(&marks(&other.log_folder)[*n], &marks(folder)[*n]).expect("copied");
            }
        });
        assert_eq!((retained, sessions, loss), (RETAINED, 1, None), "{which:?}");
        assert!(
            !std::fs::read_dir(&village.log_folder)
                .expect("dir")
                .any(|e| e
                    .expect("entry")
                    .file_name()
                    .to_string_lossy()
                    .starts_with("damaged-")),
            "{which:?}"
        );
    }
    // Two watermarks of two other villages: the segments and the file with the keys still name our
    // log.
    let village = LogFixture::new();
    let (retained, sessions, loss) = village.start_after_damage(|folder| {
        for (n, from) in [&other, &third].into_iter().enumerate() {
            std::fs::copy(&marks(&from.log_folder)[n], &marks(folder)[n]).expect("copied");
        }
    });
    assert_eq!((retained, sessions, loss), (RETAINED, 1, None));
    // The whole folder is another village's, with the watermark in it: messages of its devices are
    // not ours.
    let village = LogFixture::new();
    let (retained, sessions, loss) = village.start_after_damage(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&other.log_folder, folder);
    });
    assert_eq!(
        (retained, sessions, loss_kind(loss.as_ref())),
        (0, 0, Some(LossKind::Foreign))
    );
    // Without any watermark, files that were set aside are not taken for ours.
    let (retained, _, _) = {
        village.append_retained(0..50);
        village.start_after_damage(|folder| {
            for path in marks(folder) {
                std::fs::remove_file(path).expect("removed");
            }
        })
    };
    assert_eq!(retained, 50);
    // Before the file with the keys existed, the watermark beside the folder named the log.
    let village = LogFixture::new();
    let (retained, _, loss) = village.start_after_damage(|folder| {
        std::fs::remove_file(&marks(folder)[2]).expect("removed");
        std::fs::remove_file(&marks(folder)[1]).expect("removed");
    });
    assert_eq!((retained, loss), (RETAINED, None));
    assert!(
        marks(&village.log_folder).iter().all(|path| path.exists()),
        "written anew"
    );
}

#[tokio::test]
async fn what_was_saved_outlives_a_death_before_it_is_written_anew() {
    let village = LogFixture::new();
    edit_segments(&village.log_folder, |b| b[5 * 4096 + 64] ^= 1);
    for _ in 0..6 {
        // Ends before its first snapshot, after some writes of its own.
        let (mut store, found) = PersistenceFiles::open(
            &village.log_folder,
            crate::keys::secret::random().expect("random"),
            true,
        )
        .expect("opens");
        store.report_loss(&found, 2);
        assert_eq!(found.counts(), (400, 1));
        store
            .write(
                (1..=30)
                    .filter_map(PacketId::new)
                    .map(|id| PersistedChange::InboundQos2Released { session: 7, id }.encode()),
            )
            .expect("written");
    }
    let (core, _) = village.start_broker();
    assert_eq!(core.retained.len(), RETAINED);
}

#[tokio::test]
async fn what_a_power_cut_tore_off_is_no_loss() {
    let village = LogFixture::new();
    let (mut store, _) = PersistenceFiles::open(&village.log_folder, [9; 16], true).expect("opens");
    store
        .write(std::iter::once(session_header(8).encode()))
        .expect("written");
    drop(store);
    // The last group is in a segment of its own; half of it never reached the disk.
    let last = segments(&village.log_folder)
        .into_iter()
        .max_by_key(|p| {
            std::fs::read(p)
                .expect("read")
                .get(8..16)
                .map(|b| u64::from_le_bytes(b.try_into().expect("eight")))
        })
        .expect("a segment");
    let mut bytes = std::fs::read(&last).expect("read");
    bytes[200..4096].fill(0);
    std::fs::write(&last, bytes).expect("write");
    let (core, loss) = village.start_broker();
    assert_eq!(
        (core.retained.len(), core.sessions.len(), loss),
        (RETAINED, 1, None)
    );
}
