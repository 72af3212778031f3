//! Segments that join, clocks that are set, a disk that is slow.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::live::pictures::Format;
use crate::store::segments::{RetentionPolicy, Segment};
use crate::time::{MonoMs, WallMs};

const T: WallMs = WallMs::new(1_795_232_640_000);

struct Bench {
    _folder: tempfile::TempDir,
    ring: Ring,
    recorder: Recorder,
    format: Arc<Format>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let ring = Ring::new(
            folder.path(),
            RetentionPolicy {
                bytes: 1 << 30,
                days: 15,
            },
        );
        let clock = Clock::manual(T.ms());
        clock.advance(Duration::from_secs(3600));
        clock.set_synced();
        let camera = CameraId::new("cam-01").expect("id");
        let recorder = Recorder::new(camera, ring.clone(), Arc::new(LiveCamera::default()), clock);
        let format = Format {
            codec: "avc1.42C016".into(),
            sample_entry: vec![0, 0, 0, 8, b'a', b'v', b'c', b'1'],
            decoder: Vec::new(),
            width: 640,
            height: 360,
            timescale: 1_000,
        };
        Self {
            _folder: folder,
            ring,
            recorder,
            format: Arc::new(format),
        }
    }

    /// An access unit of a run, `ticks` ms into it, a keyframe every two seconds; `late` = how long
    /// it was delayed, as far as one could tell.
    fn frame(&self, run: u64, ticks: i64, late: i64) -> AccessUnit {
        let at_ms = T + (10_000_000 * i64::try_from(run).expect("small") + ticks + late);
        AccessUnit {
            format: self.format.clone(),
            rtsp_session: run,
            at_ms,
            came_at: MonoMs::new(3_600_000 + u64::try_from(ticks).expect("later")),
            ticks,
            composition_offset: 0,
            keyframe: ticks % 2_000 == 0,
            follows_loss: false,
            bytes: vec![0, 0, 0, 1, 5].into(),
        }
    }

    fn kept(&self) -> Vec<Segment> {
        self.ring.list(&self.recorder.camera)
    }
}

#[tokio::test]
async fn segments_meet_and_a_late_beginning_is_corrected_when_it_is_known() {
    let mut bench = Bench::new();
    bench.ring.load().expect("loads");
    for n in 0..2_000 {
        // The network delays the first six seconds, which come all at once; the following access
        // units show that.
        let frame = bench.frame(1, n * 100, (6_000 - n * 100).max(0));
        bench.recorder.handle_frame(frame).await;
        bench.recorder.clock.advance(Duration::from_millis(100));
    }
    bench.recorder.finish_segment().await;
    let kept = bench.kept();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert_eq!(kept[0].start_ms, T + 10_000_000);
    for pair in kept.windows(2) {
        assert_eq!(
            pair[0].start_ms + i64::from(pair[0].duration_ms),
            pair[1].start_ms
        );
    }
    assert_eq!(kept.iter().map(|s| s.duration_ms).sum::<u32>(), 200_000);
}

#[tokio::test]
async fn short_pieces_cost_no_rest() {
    let mut bench = Bench::new();
    bench.ring.load().expect("loads");
    for run in 1..5 {
        for n in 0..30 {
            let mut frame = bench.frame(run, n * 100, 0);
            frame.came_at += (run - 1) * 4_000;
            bench.recorder.handle_frame(frame).await;
        }
        bench.recorder.clock.advance(Duration::from_secs(4));
    }
    bench.recorder.finish_segment().await;
    assert_eq!(
        bench
            .kept()
            .iter()
            .map(|s| s.duration_ms)
            .collect::<Vec<_>>(),
        [3_000; 4]
    );
}

#[tokio::test]
async fn what_came_before_the_disk_was_ready_is_kept() {
    let bench = Bench::new();
    for n in 0..15 {
        bench.recorder.live_camera.push(&bench.frame(1, n * 100, 0));
    }
    bench.ring.load().expect("loads");
    let stop = Stop {
        soft: CancellationToken::new(),
        hard: CancellationToken::new(),
    };
    let (picture, soft) = (bench.recorder.live_camera.clone(), stop.soft.clone());
    let ends = async {
        while picture.viewers() == 0 {
            tokio::task::yield_now().await;
        }
        soft.cancel();
    };
    let recorder = Recorder::new(
        bench.recorder.camera.clone(),
        bench.ring.clone(),
        picture.clone(),
        bench.recorder.clock.clone(),
    );
    tokio::join!(recorder.run(&stop), ends);
    let kept = bench.kept();
    assert_eq!(
        kept.iter()
            .map(|s| (s.start_ms, s.duration_ms))
            .collect::<Vec<_>>(),
        [(T + 10_000_000, 1_500)]
    );
}

/// The segments, by seconds: when each begins after the first access unit of the first run, and how
/// long it is.
fn spans(bench: &Bench) -> Vec<(i64, u32)> {
    bench
        .kept()
        .iter()
        .map(|s| {
            (
                s.start_ms.since(T + 10_000_000) / 1_000,
                s.duration_ms / 1_000,
            )
        })
        .collect()
}

#[tokio::test]
async fn a_clock_that_is_set_back_dates_nothing_wrong_and_loses_nothing() {
    // In the first segment of a run and in a later one; within a GOP and at its beginning.
    for (at, want) in [
        (
            1_205,
            [(0, 60), (60, 60), (102, 60), (120, 2), (162, 60), (222, 58)],
        ),
        (
            600,
            [(0, 60), (40, 60), (100, 60), (160, 60), (220, 60), (0, 0)],
        ),
        (
            305,
            [(0, 32), (12, 60), (72, 60), (132, 60), (192, 60), (252, 28)],
        ),
    ] {
        let mut bench = Bench::new();
        bench.ring.load().expect("loads");
        for n in 0..3_000 {
            let frame = bench.frame(1, n * 100, if n >= at { -20_000 } else { 0 });
            bench.recorder.handle_frame(frame).await;
            bench.recorder.clock.advance(Duration::from_millis(100));
        }
        bench.recorder.finish_segment().await;
        let want: Vec<_> = want.into_iter().filter(|(_, long)| *long > 0).collect();
        assert_eq!(spans(&bench), want, "set back at {at}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_nothing_comes_is_believed_at_once() {
    let mut bench = Bench::new();
    bench.ring.load().expect("loads");
    for n in 0..1_300 {
        // Ninety seconds; ten seconds later the camera has reconnected, and the clock is half a
        // minute behind.
        let mut frame = bench.frame(1, n * 100, if n >= 1_000 { -30_000 } else { 0 });
        if n >= 1_000 {
            frame.rtsp_session = 2;
        }
        if !(900..1_000).contains(&n) {
            bench.recorder.handle_frame(frame).await;
        }
        bench.recorder.clock.advance(Duration::from_millis(100));
    }
    bench.recorder.finish_segment().await;
    assert_eq!(spans(&bench), [(0, 60), (60, 30), (70, 30)]);
}

#[tokio::test]
async fn a_camera_whose_clock_jumps_ahead_dates_only_its_own_pictures() {
    let mut bench = Bench::new();
    bench.ring.load().expect("loads");
    for n in 0..3_000 {
        let mut frame = bench.frame(1, n * 100, 0);
        frame.ticks += if n > 700 { 6_000 } else { 0 } + if n > 800 { 6_000 } else { 0 };
        bench.recorder.handle_frame(frame).await;
        bench.recorder.clock.advance(Duration::from_millis(100));
    }
    bench.recorder.finish_segment().await;
    assert_eq!(
        spans(&bench),
        [
            (0, 60),
            (60, 48),
            (108, 60),
            (168, 60),
            (228, 60),
            (288, 12)
        ]
    );
}

#[tokio::test]
async fn what_the_disk_was_too_slow_for_is_told() {
    let mut bench = Bench::new();
    bench.ring.load().expect("loads");
    for n in (0..300).chain(590..700) {
        if n == 590 {
            // Ten of the last GOP are still buffered.
            let group = (580..590).map(|n| bench.frame(1, n * 100, 0)).collect();
            bench.recorder.catch_up(290, group).await;
        }
        let frame = bench.frame(1, n * 100, 0);
        bench.recorder.handle_frame(frame).await;
        bench.recorder.clock.advance(Duration::from_millis(100));
    }
    bench.recorder.finish_segment().await;
    assert_eq!(spans(&bench), [(0, 30), (58, 12)]);
    // 280 of 600 in the first minute.
    assert_eq!(bench.recorder.live_camera.faults().missed, Some(46));
}
