//! Cameras whose clocks are right, jump, stand, step about, and networks that hold pictures up.

use super::*;

/// Places pictures with these time stamps and times of arrival (ms), at 90 kHz; every thirtieth is
/// a keyframe.
fn run(
    pictures: impl Iterator<Item = (i64, i64)>,
    reorders: bool,
) -> (TimestampMapper, Vec<FrameTime>) {
    let mut timing = TimestampMapper::new(90_000);
    let placed = pictures
        .enumerate()
        .map(|(n, (stamp, came))| {
            timing.map(
                stamp * 90,
                MonoMs::new(u64::try_from(came + 1_000).expect("later")),
                n % 30 == 0,
                reorders,
                None,
            )
        })
        .collect();
    (timing, placed)
}

fn grows(placed: &[FrameTime]) {
    assert!(
        placed
            .windows(2)
            .all(|w| w[0].ticks < w[1].ticks || w[1].is_discontinuity),
        "{placed:?}"
    );
}

#[test]
fn what_the_network_holds_up_is_dated_when_it_was_taken() {
    // At second 10 nothing comes for 7 s, then all at once.
    let (timing, placed) = run(
        (0..1000).map(|n| n * 50).map(|t| {
            (
                t,
                if (10_000..17_000).contains(&t) {
                    17_000
                } else {
                    t
                },
            )
        }),
        false,
    );
    grows(&placed);
    assert_eq!(timing.fault(), None);
    for (n, p) in placed.iter().enumerate() {
        let t = i64::try_from(n).expect("small") * 50;
        assert_eq!(
            (p.ticks, p.delay_ms),
            (
                t * 90,
                if (10_000..17_000).contains(&t) {
                    17_000 - t
                } else {
                    0
                }
            )
        );
    }
}

#[test]
fn a_clock_that_stands_is_given_up_at_once_and_pictures_go_on() {
    let (timing, placed) = run((0..200).map(|n| (0, n * 50)), false);
    grows(&placed);
    assert_eq!(timing.fault(), Some(ClockFault::Stands));
    assert_eq!(placed[199].ticks, 199 * 50 * 90);
    assert!(placed.iter().all(|p| !p.is_discontinuity));
}

#[test]
fn jumps_are_bridged_and_many_are_told() {
    let (timing, placed) = run(
        (0..100).map(|n| {
            (
                n * 50 + if n > 30 { 3_600_000 } else { 0 } - if n > 60 { 7_200_000 } else { 0 },
                n * 50,
            )
        }),
        false,
    );
    assert_eq!((timing.fault(), placed[99].ticks), (None, 99 * 50 * 90));
    let (timing, placed) = run(
        (0..400).map(|n| (n * 50 + n / 20 * 3_600_000, n * 50)),
        false,
    );
    grows(&placed);
    assert_eq!(
        (timing.fault(), placed[399].ticks),
        (Some(ClockFault::Jumps), 399 * 50 * 90)
    );
}

/// How many pictures in turn stand nearer than a tenth of their usual distance, at most.
fn crushed(placed: &[FrameTime], usual: i64) -> usize {
    placed
        .windows(2)
        .map(|w| w[1].ticks - w[0].ticks < usual / 10)
        .collect::<Vec<_>>()
        .split(|near| !near)
        .map(<[bool]>::len)
        .max()
        .unwrap_or(0)
}

#[test]
fn after_a_small_step_back_pictures_go_on_at_their_pace() {
    for back in [600, 1_000, 1_900] {
        let (timing, placed) = run(
            (0..400).map(|n| (n * 50 - if n > 200 { back } else { 0 }, n * 50)),
            false,
        );
        grows(&placed);
        assert_eq!(
            (timing.fault(), placed[399].ticks),
            (None, 399 * 50 * 90),
            "{back}"
        );
        assert!(
            crushed(&placed, 50 * 90) <= 6,
            "{back}: {}",
            crushed(&placed, 50 * 90)
        );
    }
    // Also where pictures are sent out of order: I P B B P B B …
    let shown = |n: i64| {
        if n == 0 {
            0
        } else {
            (n - 1) / 3 * 3 + [3, 1, 2][usize::try_from((n - 1) % 3).expect("small")]
        }
    };
    let (timing, placed) = run(
        (0..601).map(|n| (shown(n) * 40 - if n > 300 { 1_900 } else { 0 }, n * 40)),
        true,
    );
    grows(&placed);
    assert_eq!(timing.fault(), None);
    assert!(
        crushed(&placed, 40 * 90) < 24,
        "{}",
        crushed(&placed, 40 * 90)
    );
    let off = placed[600].ticks + i64::from(placed[600].composition_offset) - shown(600) * 40 * 90;
    assert!(off.abs() < 300 * 90, "{off}");
    // Again and again: the clock is no longer trusted, and nothing stands still.
    let (timing, placed) = run((0..800).map(|n| (n * 50 - n / 60 * 1_500, n * 50)), false);
    grows(&placed);
    assert_eq!(
        (timing.fault(), placed[799].ticks),
        (Some(ClockFault::StepsBack), 799 * 50 * 90)
    );
}

#[test]
fn jitter_is_smoothed_and_a_clock_that_steps_about_is_told() {
    let (timing, placed) = run(
        (0..600).map(|n| {
            (
                n * 66 + [0, 40, -30, 55, -55, 10][usize::try_from(n % 6).expect("small")],
                n * 66,
            )
        }),
        false,
    );
    grows(&placed);
    assert_eq!(placed.len(), 600);
    assert!(matches!(timing.fault(), None | Some(ClockFault::StepsBack)));
    assert!((placed[599].ticks - 599 * 66 * 90).abs() < 90 * 100);
    let (timing, placed) = run((0..600).map(|n| (n * 66 + n % 2 * 900, n * 66)), false);
    grows(&placed);
    assert_eq!(
        (timing.fault(), placed[599].ticks),
        (Some(ClockFault::StepsBack), 599 * 66 * 90)
    );
}

#[test]
fn a_clock_of_another_pace_is_given_up_at_a_keyframe() {
    for (up, down) in [(4, 5), (10, 1), (1, 10), (6, 5)] {
        let (timing, placed) = run((0..2_000).map(|n| (n * 50 * up / down, n * 50)), false);
        grows(&placed);
        assert_eq!(timing.fault(), Some(ClockFault::Pace), "{up}/{down}");
        assert_eq!(placed[1_999].ticks, 1_999 * 50 * 90);
    }
    // A tenth of a second in an hour is no other pace.
    assert_eq!(
        run((0..20_000).map(|n| (n * 50, n * 50 + n / 700)), false)
            .0
            .fault(),
        None
    );
}

#[test]
fn pictures_out_of_order_are_decoded_before_they_are_shown() {
    // I P B B P B B …, as sent.
    let shown = (0..300).map(|n: i64| {
        if n == 0 {
            0
        } else {
            (n - 1) / 3 * 3 + [3, 1, 2][usize::try_from((n - 1) % 3).expect("small")]
        }
    });
    let (timing, placed) = run(shown.clone().zip(0..).map(|(s, n)| (s * 40, n * 40)), true);
    grows(&placed);
    assert_eq!(timing.fault(), None);
    for (p, s) in placed.iter().zip(shown) {
        assert_eq!(
            p.ticks + i64::from(p.composition_offset),
            s * 40 * 90,
            "shown when the camera says"
        );
    }
    assert!(placed[10..].iter().all(|p| p.composition_offset >= 0));
}

#[test]
fn a_clock_that_is_put_right_now_and_then_is_believed_and_so_is_one_behind_a_thin_link() {
    // Two pictures a second; each eleven minutes, or each 50 s, the camera's clock is put ahead
    // by 20 s.
    let jumping = |each: i64| {
        run(
            (0..14_400).map(|n| (n * 500 + n / each * 20_000, n * 500)),
            false,
        )
        .0
        .fault()
    };
    assert_eq!(
        [jumping(1_320), jumping(100)],
        [None, Some(ClockFault::Jumps)]
    );
    // For 50 s each picture comes 6 % later than the one before, then the link is wide again.
    let (timing, placed) = run(
        (0..4_000).map(|n| {
            (
                n * 40,
                n * 40 + if n < 1_250 { n * 40 * 6 / 100 } else { 0 },
            )
        }),
        false,
    );
    assert_eq!((timing.fault(), placed[3_999].delay_ms), (None, 0));
}
