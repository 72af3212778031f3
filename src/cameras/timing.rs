//! Time stamps: when each picture was taken and is shown, from the camera's time stamps and from
//! the times of arrival.
//!
//! A camera's clock is trusted as long as it runs at the pace of ours: the network may delay
//! pictures for seconds and deliver them all at once. A clock that stands still, runs away or steps
//! about is given up, with the fault named; from then on pictures are placed at the times of their
//! arrival. Invariants: decoding times only grow; no time stamp ends a session.

use std::collections::VecDeque;

use crate::live::faults::ClockFault;
use crate::time::MonoMs;

/// A step back or ahead of more than this is a jump, ms.
const MAX_STEP_BACK_MS: i64 = 2_000;
const MAX_STEP_AHEAD_MS: i64 = 10_000;
/// After this many equal time stamps in a row the clock stands still.
const MAX_EQUAL_TIMESTAMPS: u32 = 5;
/// Each step back adds [`STEP_BACK_PENALTY`], each step forward takes one off; at
/// [`MAX_STEP_PENALTY`] the clock is given up.
const STEP_BACK_PENALTY: u32 = 8;
const MAX_STEP_PENALTY: u32 = 60;
/// After this many jumps, or when it stayed behind after a step back this many times, the clock is
/// given up.
const MAX_JUMPS: u32 = 5;
/// After this long without another, ms, one of them is forgotten: a clock that is corrected once a
/// week is not a bad one.
const PENALTY_DECAY_MS: u64 = 600_000;
/// After this many pictures in a row that are behind what was already shown, the clock counts as
/// stepped back, and they are placed by their arrival. Where pictures are sent out of order, the
/// limit is larger than any order needs.
const MAX_BEHIND: u32 = 5;
const MAX_BEHIND_REORDERED: u32 = 17;
/// How often the pace is checked, ms; a clock that is off by a twentieth this many times in a row
/// is given up.
const DRIFT_WINDOW_MS: i64 = 10_000;
const DRIFT_DIVISOR: i64 = 20;
const MAX_DRIFT_WINDOWS: u32 = 3;
/// A clock that lags is given up only beyond this, ms: until then the cause may as well be a
/// network that is too slow.
const MAX_LAG_MS: i64 = 10_000;
/// Changing from the camera's clock to ours within this difference is no discontinuity, ms.
const CLOCK_SWITCH_TOLERANCE_MS: i64 = 500;
/// Most pictures that are sent before one that is shown earlier.
const MAX_REORDER: usize = 16;

/// The times of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTime {
    /// When it is decoded, ticks.
    pub ticks: i64,
    /// How long after that it is shown, ticks.
    pub composition_offset: i32,
    /// How long before its arrival it was taken, ms.
    pub delay_ms: i64,
    /// It does not continue where the last picture was.
    pub is_discontinuity: bool,
}

/// Maps the time stamps of one RTSP session.
pub struct TimestampMapper {
    scale: i64,
    last: Option<LastFrame>,
    offset: i64,
    reorder_depth: usize,
    /// The last times at which pictures are shown, sorted: one more than `reorder_depth`.
    recent_pts: VecDeque<i64>,
    first_came_at: MonoMs,
    fault: Option<ClockFault>,
    given_up: Option<ClockFault>,
    equal_timestamps: u32,
    step_penalty: u32,
    jumps: u32,
    /// How many pictures in a row were behind what was shown before them.
    behind: u32,
    /// The value of `reorder_depth` before these pictures.
    previous_reorder_depth: usize,
    /// The last picture that was not behind: when it is shown, and when it arrived.
    last_in_order: (i64, MonoMs),
    times_behind: u32,
    /// When one of `jumps` or `times_behind` was last counted or forgotten.
    calm_since: MonoMs,
    window: DriftWindow,
}

struct LastFrame {
    raw: i64,
    shown: i64,
    ticks: i64,
    came_at: MonoMs,
}

/// The shortest delay of the pictures in this window and in the one before: a delay by the network
/// is no fault of the clock.
#[derive(Default)]
struct DriftWindow {
    until: i64,
    least: Option<i64>,
    before: Option<i64>,
    drift_windows: i32,
}

impl TimestampMapper {
    /// A mapper for a stream of this many ticks a second.
    pub fn new(timescale: u32) -> Self {
        Self {
            scale: i64::from(timescale.max(1)),
            last: None,
            offset: 0,
            reorder_depth: 0,
            recent_pts: VecDeque::new(),
            first_came_at: MonoMs::START,
            fault: None,
            given_up: None,
            equal_timestamps: 0,
            step_penalty: 0,
            jumps: 0,
            behind: 0,
            previous_reorder_depth: 0,
            last_in_order: (0, MonoMs::START),
            times_behind: 0,
            calm_since: MonoMs::START,
            window: DriftWindow::default(),
        }
    }

    /// Why the camera's clock is not trusted.
    pub const fn fault(&self) -> Option<ClockFault> {
        self.fault
    }

    const fn ms(&self, ticks: i64) -> i64 {
        ticks.saturating_mul(1000) / self.scale
    }

    const fn ticks(&self, ms: i64) -> i64 {
        ms.saturating_mul(self.scale) / 1000
    }

    /// Places a picture with the camera's time stamp `raw` that arrived at `came_at`. `reorders` =
    /// pictures that are shown earlier may follow, `reorder` = how many, when that is known.
    pub fn map(
        &mut self,
        raw: i64,
        came_at: MonoMs,
        keyframe: bool,
        reorders: bool,
        reorder: Option<usize>,
    ) -> FrameTime {
        let Some(last) = &self.last else {
            self.first_came_at = came_at;
            self.offset = raw.saturating_neg();
            self.last_in_order = (0, came_at);
            self.reorder_depth = reorder.unwrap_or(0).min(MAX_REORDER);
            return self.assign_dts(raw, 0, came_at, false);
        };
        let since = self.ticks(came_at.signed_since(last.came_at));
        let (last_raw, last_shown, last_ticks) = (last.raw, last.shown, last.ticks);
        let now = self.ticks(came_at.signed_since(self.first_came_at));
        // A clock that ran ahead is left at a keyframe, with a discontinuity; a clock that lags, as
        // soon as it is near ours.
        if self.fault.is_none()
            && let Some(why) = self.given_up
        {
            let near = self.ms(now.saturating_sub(last_ticks));
            if (0..CLOCK_SWITCH_TOLERANCE_MS).contains(&near) || keyframe {
                self.fault = Some(why);
                let anew = !(0..CLOCK_SWITCH_TOLERANCE_MS).contains(&near);
                self.recent_pts.clear();
                self.reorder_depth = 0;
                return self.assign_dts(raw, now, came_at, anew);
            }
        }
        if self.fault.is_some() {
            return self.assign_dts(raw, now.max(last_ticks.saturating_add(1)), came_at, false);
        }
        if came_at.since(self.calm_since) >= PENALTY_DECAY_MS {
            self.calm_since = came_at;
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
            self.calm_since = came_at;
            if self.jumps >= MAX_JUMPS {
                self.distrust_clock(ClockFault::Jumps);
            }
        }
        let mut shown = raw.saturating_add(self.offset);
        if self.is_stepped_back(
            shown,
            step,
            came_at,
            reorders,
            if reorders { last_ticks } else { last_shown },
        ) {
            let (before, came) = self.last_in_order;
            shown = before
                .saturating_add(self.ticks(came_at.signed_since(came)))
                .max(last_shown.saturating_add(1));
            self.offset = shown.saturating_sub(raw);
            self.last_in_order = (shown, came_at);
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
        self.assign_dts(raw, shown, came_at, false)
    }

    /// Whether the clock stepped back by less than a jump and stays there. A single late picture is
    /// only moved a little, but all of them would be squeezed into one moment until the clock has
    /// caught up.
    fn is_stepped_back(
        &mut self,
        shown: i64,
        step: i64,
        came_at: MonoMs,
        reorders: bool,
        least: i64,
    ) -> bool {
        if shown > least {
            self.behind = 0;
            self.last_in_order = self.last_in_order.max((shown, came_at));
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
        self.calm_since = came_at;
        if self.times_behind >= MAX_JUMPS {
            self.distrust_clock(ClockFault::StepsBack);
        }
        true
    }

    fn distrust_clock(&mut self, why: ClockFault) {
        self.given_up.get_or_insert(why);
    }

    /// Assigns the decoding time of a picture that is shown at `shown`: never after a later picture
    /// is shown.
    fn assign_dts(&mut self, raw: i64, shown: i64, came_at: MonoMs, anew: bool) -> FrameTime {
        let at = self.recent_pts.partition_point(|s| *s <= shown);
        self.recent_pts.insert(at, shown);
        while self.recent_pts.len() > self.reorder_depth + 1 {
            self.recent_pts.pop_front();
        }
        let earliest = if self.recent_pts.len() > self.reorder_depth {
            self.recent_pts.front().copied().unwrap_or(shown)
        } else {
            // Too few pictures have come to know the order: their decoding time is some time before
            // the first of them is shown.
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
            came_at,
        });
        let ago_ms = if self.fault.is_some() {
            0
        } else {
            self.delay(shown, came_at)
        };
        FrameTime {
            ticks,
            composition_offset: i32::try_from(shown.saturating_sub(ticks)).unwrap_or(0),
            delay_ms: ago_ms,
            is_discontinuity: anew,
        }
    }

    /// How much longer this picture took to arrive than the fastest one.
    fn delay(&mut self, shown: i64, came_at: MonoMs) -> i64 {
        let came = came_at.signed_since(self.first_came_at);
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
