//! Tests of the ring: names, power cuts, budget.

use super::*;
use crate::protocol::fmp4::{Sample, fragment, init};
use crate::time::{MonoMs, WallMs};

impl SegmentWriter {
    fn shut(self) -> io::Result<Segment> {
        let start = self.start_ms();
        self.close(start, None)
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }
    fn ring(&self, bytes: u64, days: u32) -> Ring {
        let ring = Ring::new(self.0.path(), RetentionPolicy { bytes, days });
        ring.load().expect("loads");
        ring
    }
}

const T: WallMs = WallMs::new(1_795_232_640_000);

fn cam(n: u32) -> CameraId {
    CameraId::new(&format!("cam-{n:02}")).expect("id")
}

fn head() -> Vec<u8> {
    init(1000, &[0, 0, 0, 8, b'a', b'v', b'c', b'1'], 640, 360)
}

fn second(n: u32) -> Vec<u8> {
    let nal = [&[0, 0, 3, 232][..], &[7; 1000]].concat();
    fragment(
        n,
        u64::from(n) * 1000,
        &[Sample {
            duration: 1000,
            composition_offset: 0,
            size: 1004,
            keyframe: true,
        }],
        std::iter::once(nal.as_slice()),
    )
}

fn write(ring: &Ring, camera: &CameraId, start: WallMs, seconds: u32) -> SegmentWriter {
    let mut w = ring
        .begin(camera, start, true, &head(), MonoMs::START)
        .expect("begins");
    for n in 0..seconds {
        w.append(&second(n), (n + 1) * 1000, MonoMs::new(u64::from(n) * 1000))
            .expect("written");
    }
    w
}

#[test]
fn names_rebuild_the_whole_index() {
    let folder = Folder::new();
    let ring = folder.ring(1 << 30, 15);
    for n in 0..5 {
        write(&ring, &cam(1), T + n * 60_000, 10)
            .shut()
            .expect("closed");
        write(&ring, &cam(2), T + n * 60_000, 10)
            .shut()
            .expect("closed");
    }
    let again = folder.ring(1 << 30, 15);
    assert_eq!(again.list(&cam(1)), ring.list(&cam(1)));
    assert_eq!(again.totals(), ring.totals());
    let one = again.list(&cam(2))[3];
    assert_eq!((one.start_ms, one.duration_ms), (T + 180_000, 10_000));
    assert_eq!(
        std::fs::metadata(again.path(&cam(2), one))
            .expect("there")
            .len(),
        one.bytes
    );
}

#[test]
fn a_cut_leaves_whole_fragments_and_a_second_start_changes_nothing() {
    let ring = |folder: &Folder| folder.ring(1 << 30, 15);
    for cut in [0u64, 7, 400, 700, 5_000, 9_999, 12_345] {
        let folder = Folder::new();
        let first = ring(&folder);
        std::mem::forget(write(&first, &cam(1), T, 12));
        let part = first.day(&cam(1), T).join(format!("{}.part", T.ms()));
        File::options()
            .write(true)
            .open(&part)
            .expect("there")
            .set_len(cut)
            .expect("cut");
        let after = folder.ring(1 << 30, 15);
        let kept = after.list(&cam(1));
        let each = second(0).len() as u64;
        let whole = cut.saturating_sub(head().len() as u64) / each;
        assert_eq!(
            kept.iter().map(|s| u64::from(s.duration_ms)).sum::<u64>(),
            whole * 1000,
            "cut at {cut}"
        );
        assert!(!part.exists());
        assert_eq!(folder.ring(1 << 30, 15).list(&cam(1)), kept);
    }
}

#[test]
fn the_oldest_go_first_and_the_budget_holds() {
    let folder = Folder::new();
    let ring = folder.ring(60_000, 15);
    for n in 0..10 {
        write(
            &ring,
            &cam(u32::try_from(n).expect("small") % 2),
            T + n * 60_000,
            10,
        )
        .shut()
        .expect("closed");
        ring.evict(Some(T)).expect("room");
    }
    let (_, bytes, oldest) = ring.totals();
    assert!(bytes <= 60_000, "{bytes}");
    assert!(oldest > Some(T + 3 * 60_000), "the oldest went");
    assert_eq!(
        folder.ring(60_000, 15).totals(),
        ring.totals(),
        "the files went with them"
    );
}

#[test]
fn days_count_only_when_the_date_is_known() {
    let folder = Folder::new();
    let ring = folder.ring(1 << 30, 15);
    write(&ring, &cam(1), T, 5).shut().expect("closed");
    write(&ring, &cam(1), T + 86_400_000, 5)
        .shut()
        .expect("closed");
    let later = T + (15 * 86_400_000 + 1);
    assert_eq!(ring.evict(None).expect("room"), 0);
    assert_eq!(ring.evict(Some(later)).expect("room"), 1);
    assert!(!ring.day(&cam(1), T).exists(), "the empty day went too");
    assert_eq!(ring.list(&cam(1)).len(), 1);
}

#[test]
fn what_a_full_disk_left_half_written_is_mended_at_once() {
    let folder = Folder::new();
    let ring = folder.ring(1 << 30, 15);
    let mut w = write(&ring, &cam(1), T, 3);
    w.append(&second(3)[..500], 4000, MonoMs::new(3000))
        .expect("written");
    drop(w);
    assert!(ring.list(&cam(1)).is_empty());
    ring.evict(Some(T)).expect("mended");
    assert_eq!(ring.list(&cam(1))[0].duration_ms, 3000);
    write(&ring, &cam(1), T + 10_000, 0)
        .shut()
        .expect("nothing was written");
    assert_eq!(ring.list(&cam(1)).len(), 1);
}

#[test]
fn strangers_in_the_folder_are_left_alone() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.0.path().join("cam-01/2026-11-21")).expect("folder");
    std::fs::create_dir_all(folder.0.path().join("lost+found")).expect("folder");
    for name in [
        "notes.txt",
        "1-2.mp4",
        "x.part",
        "1-2-3-4.mp4",
        "-.mp4",
        "9223372036854775807-0-18446744073709551615.mp4",
        "+5-1-1.mp4",
        "007-1-1.mp4",
        "1795232640000-1000-99999999999999.mp4",
    ] {
        std::fs::write(folder.0.path().join("cam-01/2026-11-21").join(name), b"x").expect("file");
    }
    let ring = folder.ring(0, 1);
    ring.evict(Some(T)).expect("room");
    assert_eq!(ring.totals().0, 0);
    assert!(folder.0.path().join("cam-01/2026-11-21/notes.txt").exists());
}

#[test]
fn a_clock_that_jumped_neither_empties_the_ring_nor_fills_it_for_good() {
    let folder = Folder::new();
    let ring = folder.ring(120_000, 15);
    for n in 0..10 {
        write(&ring, &cam(1), T + n * 60_000, 10)
            .shut()
            .expect("closed");
    }
    // For a while the clock shows 2035 without being synced.
    let far = T + 9 * 365 * 86_400_000;
    for n in 0..5 {
        ring.begin(&cam(1), far + n * 60_000, false, &head(), MonoMs::START)
            .expect("begins")
            .shut()
            .expect("empty");
        write(&ring, &cam(1), far + n * 60_000, 10)
            .shut()
            .expect("closed");
    }
    assert_eq!(
        ring.evict(None).expect("room"),
        5,
        "only what is too much: the oldest"
    );
    // The clock is corrected: segments dated in the future are removed before real ones.
    write(&ring, &cam(1), T + 600_000, 10)
        .shut()
        .expect("closed");
    ring.evict(Some(T + 610_000)).expect("room");
    assert!(
        ring.list(&cam(1)).iter().any(|s| s.start_ms == T + 600_000),
        "the newest real one stays"
    );
    // Without a synced clock a segment never begins before existing ones.
    let w = ring
        .begin(&cam(2), WallMs::new(5), false, &head(), MonoMs::START)
        .expect("begins");
    assert!(w.start_ms() > T);
    w.shut().expect("empty");
}

#[test]
fn a_camera_that_sends_much_pushes_out_its_own_pictures() {
    let folder = Folder::new();
    let ring = folder.ring(300_000, 15);
    for n in 0..10 {
        write(&ring, &cam(1), T + n * 60_000, 5)
            .shut()
            .expect("closed");
    }
    for n in 0..60 {
        write(&ring, &cam(2), T + (600_000 + n * 60_000), 12)
            .shut()
            .expect("closed");
        ring.evict(Some(T + 600_000)).expect("room");
    }
    assert_eq!(
        ring.list(&cam(1)).len(),
        10,
        "the quiet camera keeps all of its own"
    );
    assert!(ring.list(&cam(2)).len() < 25);
}

#[test]
fn two_pieces_that_begin_at_the_same_moment_are_both_kept() {
    let folder = Folder::new();
    let ring = folder.ring(1 << 30, 15);
    // The clock was set back: the same moment comes again, with as many bytes.
    write(&ring, &cam(1), T, 5).shut().expect("closed");
    let again = write(&ring, &cam(1), T, 5);
    let third = write(&ring, &cam(1), T, 5);
    assert_eq!(third.start_ms(), T + 1, "one that is open has that name");
    assert_eq!(again.shut().expect("closed").start_ms, T + 1);
    assert_eq!(
        third.shut().expect("closed").start_ms,
        T + 2,
        "what it began as is taken"
    );
    // Duplicates that an earlier version left.
    let one = ring.list(&cam(1))[0];
    std::fs::copy(
        ring.path(&cam(1), one),
        ring.path(
            &cam(1),
            Segment {
                duration_ms: 4_000,
                ..one
            },
        ),
    )
    .expect("copied");
    let after = folder.ring(1 << 30, 15);
    assert_eq!(
        after
            .list(&cam(1))
            .iter()
            .map(|s| s.start_ms.since(T))
            .collect::<Vec<_>>(),
        [-1, 0, 1, 2]
    );
    assert!(
        after
            .list(&cam(1))
            .iter()
            .all(|s| after.path(&cam(1), *s).exists())
    );
    assert_eq!(after.totals().1, 4 * one.bytes);
    // At the end of a day the segment stays in the day's folder.
    let last = (0..DAY_MS)
        .map(|ms| T + ms)
        .find(|t| calendar::day_number(*t + 1) != calendar::day_number(*t))
        .expect("a day ends");
    write(&ring, &cam(2), last, 1).shut().expect("closed");
    assert_eq!(
        write(&ring, &cam(2), last, 1)
            .shut()
            .expect("closed")
            .start_ms,
        last - 1
    );
}

#[test]
fn a_piece_whose_pictures_run_ahead_ends_when_the_next_begins() {
    let folder = Folder::new();
    let ring = folder.ring(1 << 30, 15);
    // Sixty seconds by the camera's timestamps in 48 of our clock; then a clock that was set an
    // hour ahead.
    assert_eq!(
        write(&ring, &cam(1), T, 60)
            .close(T, Some(T + 48_000))
            .expect("closed")
            .duration_ms,
        48_000
    );
    assert_eq!(
        write(&ring, &cam(1), T + 48_000, 60)
            .close(T + 48_000, Some(T + 3_600_000))
            .expect("closed")
            .duration_ms,
        60_000
    );
}
