//! When each picture was taken and is shown, from the camera's time stamps and from when they came.
//!
//! A camera's clock is believed as long as it goes at the pace of ours: the network may hold
//! pictures up for seconds and let them go all at once. A clock that stands, runs away or steps
//! about is given up with its name, and what came is kept at the time at which it came. Invariants:
//! decoding times only grow; nothing ends a session.

use std::collections::VecDeque;

use crate::live::faults::ClockFault;

/// A step back or ahead of more than this is a jump, ms.
const MAX_STEP_BACK_MS: i64 = 2_000;
const MAX_STEP_AHEAD_MS: i64 = 10_000;
/// So many pictures of one moment: the clock stands.
const MAX_EQUAL_TIMESTAMPS: u32 = 5;
/// Each step back counts as [`STEP`], each step on takes one off; at [`STEPS`] the clock is given
/// up.
const STEP_BACK_PENALTY: u32 = 8;
const MAX_STEP_PENALTY: u32 = 60;
/// So many jumps, or so many times that it stayed behind after a step back, and the clock is given
/// up.
const MAX_JUMPS: u32 = 5;
/// After so long without another, ms, one of them is forgotten: a clock that is put right once a
/// week is not a bad one.
const PENALTY_DECAY_MS: u64 = 600_000;
/// So many pictures in turn that stand behind what was shown: the clock stepped back, and they are
/// placed by when they come. Where pictures are sent out of order, more than any order holds.
const MAX_BEHIND: u32 = 5;
const MAX_BEHIND_REORDERED: u32 = 17;
/// The pace is looked at so often, ms; a clock that is off by a twentieth this many times in turn
/// is given up.
const DRIFT_WINDOW_MS: i64 = 10_000;
const DRIFT_DIVISOR: i64 = 20;
const MAX_DRIFT_WINDOWS: u32 = 3;
/// One that lags is given up only beyond this, ms: until then it may as well be the network that is
/// too thin.
const MAX_LAG_MS: i64 = 10_000;
/// A change of clocks within this needs no new beginning, ms.
const CLOCK_SWITCH_TOLERANCE_MS: i64 = 500;
/// Most pictures that are sent before one that is shown earlier.
const MAX_REORDER: usize = 16;

/// Where a picture stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTime {
    /// When it is decoded, ticks.
    pub ticks: i64,
    /// How long after that it is shown, ticks.
    pub composition_offset: i32,
    /// How long before it came it was taken, ms.
    pub delay_ms: i64,
    /// It does not go on where the last one was.
    pub is_discontinuity: bool,
}

/// The clock of one session's pictures.
pub struct TimestampMapper {
    scale: i64,
    last: Option<LastFrame>,
    offset: i64,
    reorder_depth: usize,
    /// The last times of showing, in order: one more than [`Timing::depth`].
    recent_pts: VecDeque<i64>,
    first_mono: u64,
    fault: Option<ClockFault>,
    given_up: Option<ClockFault>,
    equal_timestamps: u32,
    step_penalty: u32,
    jumps: u32,
    /// How many pictures in turn stood behind what was shown before them.
    behind: u32,
    /// How far out of order pictures came before these.
    previous_reorder_depth: usize,
    /// The last one that did not: where it is shown, and when it came.
    last_in_order: (i64, u64),
    times_behind: u32,
    /// When one of `jumps` or `backs` was last counted or forgotten, monotonic ms.
    calm_since: u64,
    window: DriftWindow,
}

struct LastFrame {
    raw: i64,
    shown: i64,
    ticks: i64,
    mono_ms: u64,
}

/// The least delay of the pictures in this stretch of time and in the one before: what the network
/// held up is not the clock's.
#[derive(Default)]
struct DriftWindow {
    until: i64,
    least: Option<i64>,
    before: Option<i64>,
    drift_windows: i32,
}

impl TimestampMapper {
    /// For a stream of so many ticks a second.
    pub fn new(timescale: u32) -> Self {
        Self {
            scale: i64::from(timescale.max(1)),
            last: None,
            offset: 0,
            reorder_depth: 0,
            recent_pts: VecDeque::new(),
            first_mono: 0,
            fault: None,
            given_up: None,
            equal_timestamps: 0,
            step_penalty: 0,
            jumps: 0,
            behind: 0,
            previous_reorder_depth: 0,
            last_in_order: (0, 0),
            times_behind: 0,
            calm_since: 0,
            window: DriftWindow::default(),
        }
    }

    /// Why the camera's clock is not believed.
    pub const fn fault(&self) -> Option<ClockFault> {
        self.fault
    }

    const fn ms(&self, ticks: i64) -> i64 {
        ticks.saturating_mul(1000) / self.scale
    }

    const fn ticks(&self, ms: i64) -> i64 {
        ms.saturating_mul(self.scale) / 1000
    }

    /// Places a picture with the camera's time stamp `raw` that came at `mono_ms`. `reorders` =
    /// earlier ones may follow, `reorder` = how many, when that is known.
    pub fn map(
        &mut self,
        raw: i64,
        mono_ms: u64,
        keyframe: bool,
        reorders: bool,
        reorder: Option<usize>,
    ) -> FrameTime {
        let Some(last) = &self.last else {
            self.first_mono = mono_ms;
            self.offset = raw.saturating_neg();
            self.last_in_order = (0, mono_ms);
            self.reorder_depth = reorder.unwrap_or(0).min(MAX_REORDER);
            return self.assign_dts(raw, 0, mono_ms, false);
        };
        let since = self.ticks(i64::try_from(mono_ms.saturating_sub(last.mono_ms)).unwrap_or(0));
        let (last_raw, last_shown, last_ticks) = (last.raw, last.shown, last.ticks);
        let now = self.ticks(i64::try_from(mono_ms.saturating_sub(self.first_mono)).unwrap_or(0));
        // A clock that ran ahead is left at a keyframe, as a new beginning; one that lags, when it
        // is near.
        if self.fault.is_none()
            && let Some(why) = self.given_up
        {
            let near = self.ms(now.saturating_sub(last_ticks));
            if (0..CLOCK_SWITCH_TOLERANCE_MS).contains(&near) || keyframe {
                self.fault = Some(why);
                let anew = !(0..CLOCK_SWITCH_TOLERANCE_MS).contains(&near);
                self.recent_pts.clear();
                self.reorder_depth = 0;
                return self.assign_dts(raw, now, mono_ms, anew);
            }
        }
        if self.fault.is_some() {
            return self.assign_dts(raw, now.max(last_ticks.saturating_add(1)), mono_ms, false);
        }
        if mono_ms.saturating_sub(self.calm_since) >= PENALTY_DECAY_MS {
            self.calm_since = mono_ms;
            self.jumps = self.jumps.saturating_sub(1);
            self.times_behind = self.times_behind.saturating_sub(1);
        }
        let step = raw.saturating_sub(last_raw);
        self.equal_timestamps = if step == 0 {
            self.equal_timestamps + 1
        } else {
            0
        };
        if self.equal_timestamps >= MAX_EQUAL_TIMESTAMPS {
            self.distrust_clock(ClockFault::Stands);
        }
        if self.ms(step) < -MAX_STEP_BACK_MS
            || self.ms(step.saturating_sub(since)) > MAX_STEP_AHEAD_MS
        {
            self.offset = last_shown.saturating_add(since.max(1)).saturating_sub(raw);
            self.jumps += 1;
            self.calm_since = mono_ms;
            if self.jumps >= MAX_JUMPS {
                self.distrust_clock(ClockFault::Jumps);
            }
        }
        let mut shown = raw.saturating_add(self.offset);
        if self.is_stepped_back(
            shown,
            step,
            mono_ms,
            reorders,
            if reorders { last_ticks } else { last_shown },
        ) {
            let (before, came) = self.last_in_order;
            shown = before
                .saturating_add(
                    self.ticks(i64::try_from(mono_ms.saturating_sub(came)).unwrap_or(0)),
                )
                .max(last_shown.saturating_add(1));
            self.offset = shown.saturating_sub(raw);
            self.last_in_order = (shown, mono_ms);
        }
        if !reorders && shown <= last_shown {
            if step < 0 {
                self.step_penalty += STEP_BACK_PENALTY;
                if self.step_penalty >= MAX_STEP_PENALTY {
                    self.distrust_clock(ClockFault::StepsBack);
                }
            }
            shown = last_shown.saturating_add(1);
        } else {
            self.step_penalty = self.step_penalty.saturating_sub(1);
        }
        if reorders {
            self.reorder_depth = self
                .reorder_depth
                .max(reorder.unwrap_or(1))
                .min(MAX_REORDER);
            if reorder.is_none() && shown < last_ticks {
                // Pictures come further out of order than any before.
                self.reorder_depth = (self.reorder_depth + 1).min(MAX_REORDER);
            }
        }
        self.assign_dts(raw, shown, mono_ms, false)
    }

    /// Whether the clock stepped back by less than a jump and stays there. One late picture is only
    /// held back a little, but all of them would be crushed into one moment until the clock is
    /// where it was.
    fn is_stepped_back(
        &mut self,
        shown: i64,
        step: i64,
        mono_ms: u64,
        reorders: bool,
        least: i64,
    ) -> bool {
        if shown > least {
            self.behind = 0;
            self.last_in_order = self.last_in_order.max((shown, mono_ms));
        } else if step > 0 || reorders {
            if self.behind == 0 {
                self.previous_reorder_depth = self.reorder_depth;
            }
            self.behind += 1;
        }
        if self.behind
            < if reorders {
                MAX_BEHIND_REORDERED
            } else {
                MAX_BEHIND
            }
        {
            return false;
        }
        self.behind = 0;
        self.reorder_depth = self.previous_reorder_depth;
        self.recent_pts.clear();
        self.times_behind += 1;
        self.calm_since = mono_ms;
        if self.times_behind >= MAX_JUMPS {
            self.distrust_clock(ClockFault::StepsBack);
        }
        true
    }

    fn distrust_clock(&mut self, why: ClockFault) {
        self.given_up.get_or_insert(why);
    }

    /// Gives a picture that is shown at `shown` its time of decoding: never after a later one is
    /// shown.
    fn assign_dts(&mut self, raw: i64, shown: i64, mono_ms: u64, anew: bool) -> FrameTime {
        let at = self.recent_pts.partition_point(|s| *s <= shown);
        self.recent_pts.insert(at, shown);
        while self.recent_pts.len() > self.reorder_depth + 1 {
            self.recent_pts.pop_front();
        }
        let earliest = if self.recent_pts.len() > self.reorder_depth {
            self.recent_pts.front().copied().unwrap_or(shown)
        } else {
            // Too few came to know the order: some time before what comes first.
            let lacking =
                i64::try_from(self.reorder_depth + 1 - self.recent_pts.len()).unwrap_or(0);
            self.recent_pts
                .front()
                .copied()
                .unwrap_or(shown)
                .saturating_sub(lacking.saturating_mul(self.scale / 30))
        };
        let ticks = match &self.last {
            Some(last) if !anew => earliest.max(last.ticks.saturating_add(1)),
            _ => earliest,
        };
        self.last = Some(LastFrame {
            raw,
            shown,
            ticks,
            mono_ms,
        });
        let ago_ms = if self.fault.is_some() {
            0
        } else {
            self.delay(shown, mono_ms)
        };
        FrameTime {
            ticks,
            composition_offset: i32::try_from(shown.saturating_sub(ticks)).unwrap_or(0),
            delay_ms: ago_ms,
            is_discontinuity: anew,
        }
    }

    /// How much longer than the fastest this picture took.
    fn delay(&mut self, shown: i64, mono_ms: u64) -> i64 {
        let came = i64::try_from(mono_ms.saturating_sub(self.first_mono)).unwrap_or(0);
        let late = came.saturating_sub(self.ms(shown));
        let w = &mut self.window;
        if came >= w.until {
            w.until = came + DRIFT_WINDOW_MS;
            if let (Some(least), Some(before)) = (w.least, w.before) {
                let off = least.saturating_sub(before);
                let turn = if off.saturating_abs() > DRIFT_WINDOW_MS / DRIFT_DIVISOR {
                    i32::try_from(off.signum()).unwrap_or(0)
                } else {
                    0
                };
                w.drift_windows = if turn == 0 || w.drift_windows.signum() == -turn {
                    turn
                } else {
                    w.drift_windows + turn
                };
                if w.drift_windows.unsigned_abs() >= MAX_DRIFT_WINDOWS
                    && (off < 0 || least > MAX_LAG_MS)
                {
                    self.given_up.get_or_insert(ClockFault::Pace);
                }
            }
            w.before = w.least.take().or(w.before);
        }
        w.least = Some(w.least.map_or(late, |l| l.min(late)));
        let least = w.least.into_iter().chain(w.before).min().unwrap_or(late);
        late.saturating_sub(least).max(0)
    }
}

#[cfg(test)]
mod tests;
