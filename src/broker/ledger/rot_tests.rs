//! The ledger gone, cut, NUL, with a bit turned, of another village, older: what is still there,
//! what is said; it opens each time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::record::{Head, Record};
use super::store::Store;
use super::{Ledger, Message};
use crate::broker::core::Core;
use crate::protocol::broker::{Limits, Loss, Rot};
use crate::supervisor::clock::Clock;

const RETAINED: usize = 400;
/// When each beginning was, in some seconds or other.
static BEGINNINGS: AtomicU64 = AtomicU64::new(100);

struct Village {
    root: PathBuf,
    ledger: PathBuf,
}

fn message(n: usize) -> Arc<Message> {
    let topic = format!("d/den-01/{n}");
    Arc::new(Message {
        topic: topic.into(),
        payload: format!("ON {n}").into_bytes().into(),
        qos: 1,
        retain: true,
        forward: bytes::Bytes::new(),
        expires: None,
    })
}

fn head(session: u64) -> Record {
    Record::Session(Head {
        session,
        account: "den-01".into(),
        client_id: format!("den-{session}"),
        credential: String::new(),
        keep_s: 3600,
        away: None,
        next_id: 1,
    })
}

impl Village {
    fn empty() -> Self {
        let root = std::env::temp_dir().join(format!(
            "conglang-rot-{}",
            getrandom::u64().expect("random")
        ));
        Self {
            ledger: root.join("broker/ledger"),
            root,
        }
    }

    /// 400 retained messages and a session, in groups of ten; ended as planned.
    fn new() -> Self {
        let village = Self::empty();
        village.say(0..RETAINED);
        village
    }

    fn say(&self, which: std::ops::Range<usize>) {
        let (mut ledger, now, owner): (_, _, Arc<str>) =
            (Ledger::default(), Instant::now(), "den-01".into());
        let (mut store, found) = Store::open(
            &self.ledger,
            crate::keys::secret::random().expect("random"),
            false,
        )
        .expect("opens");
        assert_eq!(
            store.tell_loss(&found, 1).filter(|l| l.at == 1),
            None,
            "nothing is lost while nothing was hurt"
        );
        if which.start == 0 {
            ledger.note(&owner, head(7), None);
        }
        let end = which.end;
        for n in which {
            // Each account has a bound of its own.
            let owner = format!("den-{:02}", n % 4).into();
            ledger.retained(&owner, &message(n).topic.clone(), Some(message(n)), None);
            if n % 10 == 9 {
                store
                    .write(ledger.take(None, now, 0).records.into_iter())
                    .expect("written");
            }
        }
        store.mark((end as u64, 1));
    }

    /// Opens it as the broker does: what is there, and what is said.
    fn begin(&self) -> (Core, Option<Loss>) {
        let now = Instant::now();
        let mut core = Core::new(
            Limits::default(),
            crate::protocol::broker::usual_rules(),
            Clock::manual(1_800_000_000_000),
        );
        let (mut store, found) = Store::open(
            &self.ledger,
            crate::keys::secret::random().expect("random"),
            true,
        )
        .expect("it opens whatever became of it");
        let wall = BEGINNINGS.fetch_add(1, Ordering::SeqCst);
        let loss = store.tell_loss(&found, wall).filter(|l| l.at == wall);
        found.restore(&mut core, now);
        for (_, m) in core.retained.matching("#", now) {
            let n = m.topic.rsplit('/').next().expect("number");
            assert_eq!(
                &m.payload[..],
                format!("ON {n}").as_bytes(),
                "nobody published this"
            );
        }
        if store.wants_dump() {
            store.write_dump(&core.snapshot(now)).expect("dumped");
        }
        store.mark(core.kept_counts());
        (core, loss)
    }

    /// What is there after the hurt, what was said; the next start has the same and has nothing new
    /// to say.
    fn after(&self, hurt: impl FnOnce(&Path)) -> (usize, usize, Option<Loss>) {
        hurt(&self.ledger);
        let (core, loss) = self.begin();
        let there = (core.retained.len(), core.sessions.iter().flatten().count());
        let (again, more) = self.begin();
        assert_eq!(
            (
                again.retained.len(),
                again.sessions.iter().flatten().count()
            ),
            there,
            "it is written anew"
        );
        assert_eq!(more, None, "told once");
        (there.0, there.1, loss)
    }
}

impl Drop for Village {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("dir")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    all.sort();
    all
}

fn change(folder: &Path, change: impl Fn(&mut Vec<u8>)) {
    for path in segments(folder) {
        let mut bytes = std::fs::read(&path).expect("read");
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("write");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("dir") {
        let entry = entry.expect("entry");
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

fn how(loss: Option<&Loss>) -> Option<Rot> {
    loss.map(|l| l.how)
}

#[tokio::test]
async fn an_empty_ledger_is_told_apart_from_a_first_start() {
    let first = Village::empty();
    let (mut store, found) = Store::open(&first.ledger, [1; 16], false).expect("opens");
    assert_eq!(
        store.tell_loss(&found, 2),
        None,
        "a first start lost nothing"
    );
    assert!(!store.wants_mark());
    store
        .write(std::iter::once(head(1).encode()))
        .expect("written");
    assert!(
        store.wants_mark(),
        "from the first message on it is known that there was something, whatever ends the broker"
    );
    store.mark((0, 1));
    assert!(!store.wants_mark());
    drop(store);
    change(&first.ledger, |b| b.fill(0));
    assert_eq!(how(first.begin().1.as_ref()), Some(Rot::Gone));
    for (name, hurt) in [
        ("NUL", (|folder| change(folder, |b| b.fill(0))) as fn(&Path)),
        ("all of it NUL", |folder| {
            std::fs::read_dir(folder).expect("dir").for_each(|e| {
                let path = e.expect("entry").path();
                let len = std::fs::read(&path).expect("read").len();
                std::fs::write(&path, vec![0; len]).expect("write");
            });
        }),
        ("files gone", |folder| {
            segments(folder)
                .iter()
                .for_each(|p| std::fs::remove_file(p).expect("removed"))
        }),
        ("folder gone", |folder| {
            std::fs::remove_dir_all(folder).expect("removed")
        }),
        ("the broker's folder gone", |folder| {
            std::fs::remove_dir_all(folder.parent().expect("broker")).expect("removed")
        }),
        ("folder and its mark gone", |folder| {
            std::fs::remove_dir_all(folder.parent().and_then(Path::parent).expect("root"))
                .expect("removed")
        }),
        ("cut to nothing", |folder| change(folder, Vec::clear)),
    ] {
        let village = Village::new();
        let (retained, sessions, loss) = village.after(hurt);
        assert_eq!(
            (retained, sessions, how(loss.as_ref())),
            (0, 0, Some(Rot::Gone)),
            "{name}"
        );
        let loss = loss.expect("told");
        let known = if name == "folder and its mark gone" {
            (0, 0)
        } else {
            (400, 1)
        };
        assert_eq!(
            (loss.retained, loss.sessions, loss.retained_left),
            (known.0, known.1, 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_bit_costs_one_record_and_is_told() {
    let whole = Village::new();
    let used = std::fs::read(&segments(&whole.ledger)[0])
        .expect("read")
        .iter()
        .rposition(|b| *b != 0)
        .expect("something");
    let cases = crate::log::sim::cases(60);
    let mut lost = 0;
    for case in 0..cases {
        let village = Village::empty();
        copy(&whole.root, &village.root);
        copy(&whole.root.join("broker"), &village.root.join("broker"));
        copy(&whole.ledger, &village.ledger);
        let (retained, sessions, loss) =
            village.after(|folder| change(folder, |b| b[case * used / cases] ^= 1 << (case % 8)));
        assert!(
            retained + sessions >= RETAINED,
            "case {case}: {retained} of {RETAINED}, {sessions} sessions"
        );
        let all = retained == RETAINED && sessions == 1;
        assert_eq!(
            how(loss.as_ref()),
            (!all).then_some(Rot::Damaged),
            "case {case}"
        );
        lost += usize::from(!all);
    }
    assert!(lost > 0, "the rig spoils, or it proves nothing");
}

#[tokio::test]
async fn a_hole_a_cut_and_a_lost_segment_cost_what_they_hold_and_are_told() {
    // A block in the middle: one group of ten.
    let (retained, sessions, loss) =
        Village::new().after(|folder| change(folder, |b| b[20 * 4096..21 * 4096].fill(0)));
    assert_eq!(
        (
            retained,
            sessions,
            how(loss.as_ref()),
            loss.map(|l| l.groups)
        ),
        (RETAINED - 10, 1, Some(Rot::Damaged), Some(1))
    );
    // Cut in the middle: the end is missing, and the mark knows.
    let (retained, sessions, loss) =
        Village::new().after(|folder| change(folder, |b| b.truncate(20 * 4096)));
    assert_eq!(
        (retained, sessions, how(loss.as_ref())),
        (200, 1, Some(Rot::Older))
    );
    // A cut through a group spares the records before it.
    let (retained, _, loss) =
        Village::new().after(|folder| change(folder, |b| b.truncate(39 * 4096 + 700)));
    assert!(
        (391..400).contains(&retained) && how(loss.as_ref()) == Some(Rot::Damaged),
        "{retained}"
    );
    // The mark itself: nothing of worth is lost, nothing is said.
    let (retained, sessions, loss) = Village::new().after(|folder| {
        std::fs::write(folder.parent().expect("broker").with_extension("mark"), b"")
            .expect("write");
        std::fs::write(folder.join("mark"), vec![0; 4096]).expect("write");
    });
    assert_eq!((retained, sessions, loss), (RETAINED, 1, None));
}

#[tokio::test]
async fn an_older_copy_and_another_villages_are_told_and_not_mixed() {
    let village = Village::empty();
    village.say(0..200);
    let (old, mine) = (village.root.join("old"), village.ledger.clone());
    copy(&village.ledger, &old);
    village.say(200..RETAINED);
    let (retained, sessions, loss) = village.after(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&old, folder);
    });
    assert_eq!(
        (retained, sessions, how(loss.as_ref())),
        (200, 1, Some(Rot::Older))
    );
    let other = Village::empty();
    other.say(0..50);
    let loss = village.after(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&other.ledger, folder);
    });
    assert_eq!(
        (loss.0, loss.1, how(loss.2.as_ref())),
        (0, 0, Some(Rot::Foreign)),
        "what another's devices said is not ours"
    );
    // The whole folder of another's broker, with the mark in it.
    let village = Village::new();
    let loss = village.after(|folder| {
        let broker = folder.parent().expect("broker");
        std::fs::remove_dir_all(broker).expect("removed");
        copy(&other.ledger, folder);
    });
    assert_eq!(
        (loss.0, loss.1, how(loss.2.as_ref())),
        (0, 0, Some(Rot::Foreign))
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

/// A ledger's mark in each of its places.
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
    let (other, third) = (Village::new(), Village::new());
    // Of the places (beside, inside, with the keys) those that are another's.
    let cases: [&[usize]; 4] = [&[0], &[1], &[2], &[0, 1]];
    for which in cases {
        let village = Village::empty();
        village.say(0..200);
        village.say(200..RETAINED);
        let (retained, sessions, loss) = village.after(|folder| {
            for n in which {
                std::fs::copy(&marks(&other.ledger)[*n], &marks(folder)[*n]).expect("copied");
            }
        });
        assert_eq!((retained, sessions, loss), (RETAINED, 1, None), "{which:?}");
        assert!(
            !std::fs::read_dir(&village.ledger).expect("dir").any(|e| e
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .starts_with("damaged-")),
            "{which:?}"
        );
    }
    // Each mark of another: the segments and what stands with the keys are left.
    let village = Village::new();
    let (retained, sessions, loss) = village.after(|folder| {
        for (n, from) in [&other, &third].into_iter().enumerate() {
            std::fs::copy(&marks(&from.ledger)[n], &marks(folder)[n]).expect("copied");
        }
    });
    assert_eq!((retained, sessions, loss), (RETAINED, 1, None));
    // The whole folder another's, with the mark in it: what another's devices said is not ours.
    let village = Village::new();
    let (retained, sessions, loss) = village.after(|folder| {
        std::fs::remove_dir_all(folder).expect("removed");
        copy(&other.ledger, folder);
    });
    assert_eq!(
        (retained, sessions, how(loss.as_ref())),
        (0, 0, Some(Rot::Foreign))
    );
    // With all marks gone what was set aside is not taken for ours.
    let (retained, _, _) = {
        village.say(0..50);
        village.after(|folder| {
            marks(folder)
                .iter()
                .for_each(|path| std::fs::remove_file(path).expect("removed"))
        })
    };
    assert_eq!(retained, 50);
    // Before there was a file with the keys, the mark beside the folder says it.
    let village = Village::new();
    let (retained, _, loss) = village.after(|folder| {
        std::fs::remove_file(&marks(folder)[2]).expect("removed");
        std::fs::remove_file(&marks(folder)[1]).expect("removed");
    });
    assert_eq!((retained, loss), (RETAINED, None));
    assert!(
        marks(&village.ledger).iter().all(|path| path.exists()),
        "written anew"
    );
}

#[tokio::test]
async fn what_was_saved_outlives_a_death_before_it_is_written_anew() {
    let village = Village::new();
    change(&village.ledger, |b| b[5 * 4096 + 64] ^= 1);
    for _ in 0..6 {
        // Ends before its first dump, after some writing of its own.
        let (mut store, found) = Store::open(
            &village.ledger,
            crate::keys::secret::random().expect("random"),
            true,
        )
        .expect("opens");
        store.tell_loss(&found, 2);
        assert_eq!(found.counts(), (400, 1));
        store
            .write((0..30).map(|n| Record::InboundOver { session: 7, id: n }.encode()))
            .expect("written");
    }
    let (core, _) = village.begin();
    assert_eq!(core.retained.len(), RETAINED);
}

#[tokio::test]
async fn what_a_power_cut_tore_off_is_no_loss() {
    let village = Village::new();
    let (mut store, _) = Store::open(&village.ledger, [9; 16], true).expect("opens");
    store
        .write(std::iter::once(head(8).encode()))
        .expect("written");
    drop(store);
    // The last group stands in a segment of its own; half of it never came down.
    let last = segments(&village.ledger)
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
    let (core, loss) = village.begin();
    assert_eq!(
        (
            core.retained.len(),
            core.sessions.iter().flatten().count(),
            loss
        ),
        (RETAINED, 1, None)
    );
}
