//! When each picture was taken and is shown, from the camera's time stamps and from when they came.
//!
//! A camera's clock is believed as long as it goes at the pace of ours: the network may hold
//! pictures up for seconds and let them go all at once. A clock that stands, runs away or steps
//! about is given up with its name, and what came is kept at the time at which it came. Invariants:
//! decoding times only grow; nothing ends a session.

use std::collections::VecDeque;

use crate::live::faults::ClockFault;

/// A step back or ahead of more than this is a jump, ms.
const BACK_MS: i64 = 2_000;
const AHEAD_MS: i64 = 10_000;
/// So many pictures of one moment: the clock stands.
const STANDS: u32 = 5;
/// Each step back counts as [`STEP`], each step on takes one off; at [`STEPS`] the clock is given
/// up.
const STEP: u32 = 8;
const STEPS: u32 = 60;
/// So many jumps, or so many times that it stayed behind after a step back, and the clock is given
/// up.
const JUMPS: u32 = 5;
/// After so long without another, ms, one of them is forgotten: a clock that is put right once a
/// week is not a bad one.
const CALM_MS: u64 = 600_000;
/// So many pictures in turn that stand behind what was shown: the clock stepped back, and they are
/// placed by when they come. Where pictures are sent out of order, more than any order holds.
const BEHIND: u32 = 5;
const BEHIND_ORDER: u32 = 17;
/// The pace is looked at so often, ms; a clock that is off by a twentieth this many times in turn
/// is given up.
const WINDOW_MS: i64 = 10_000;
const OFF: i64 = 20;
const OFF_TURNS: u32 = 3;
/// One that lags is given up only beyond this, ms: until then it may as well be the network that is
/// too thin.
const LAG_MS: i64 = 10_000;
/// A change of clocks within this needs no new beginning, ms.
const NEAR_MS: i64 = 500;
/// Most pictures that are sent before one that is shown earlier.
const REORDER_MAX: usize = 16;

/// Where a picture stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// When it is decoded, ticks.
    pub ticks: i64,
    /// How long after that it is shown, ticks.
    pub shown: i32,
    /// How long before it came it was taken, ms.
    pub ago_ms: i64,
    /// It does not go on where the last one was.
    pub anew: bool,
}

/// The clock of one session's pictures.
pub struct Timing {
    scale: i64,
    last: Option<Last>,
    shift: i64,
    depth: usize,
    /// The last times of showing, in order: one more than [`Timing::depth`].
    order: VecDeque<i64>,
    first_mono: u64,
    fault: Option<ClockFault>,
    given_up: Option<ClockFault>,
    same: u32,
    steps: u32,
    jumps: u32,
    /// How many pictures in turn stood behind what was shown before them.
    behind: u32,
    /// How far out of order pictures came before these.
    depth_before: usize,
    /// The last one that did not: where it is shown, and when it came.
    ahead: (i64, u64),
    backs: u32,
    /// When one of `jumps` or `backs` was last counted or forgotten, monotonic ms.
    calm_since: u64,
    window: Window,
}

struct Last {
    raw: i64,
    shown: i64,
    ticks: i64,
    mono_ms: u64,
}

/// The least delay of the pictures in this stretch of time and in the one before: what the network
/// held up is not the clock's.
#[derive(Default)]
struct Window {
    until: i64,
    least: Option<i64>,
    before: Option<i64>,
    off: i32,
}

impl Timing {
    /// For a stream of so many ticks a second.
    pub fn new(timescale: u32) -> Self {
        Self {
            scale: i64::from(timescale.max(1)),
            last: None,
            shift: 0,
            depth: 0,
            order: VecDeque::new(),
            first_mono: 0,
            fault: None,
            given_up: None,
            same: 0,
            steps: 0,
            jumps: 0,
            behind: 0,
            depth_before: 0,
            ahead: (0, 0),
            backs: 0,
            calm_since: 0,
            window: Window::default(),
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
    pub fn place(
        &mut self,
        raw: i64,
        mono_ms: u64,
        keyframe: bool,
        reorders: bool,
        reorder: Option<usize>,
    ) -> Placed {
        let Some(last) = &self.last else {
            self.first_mono = mono_ms;
            self.shift = raw.saturating_neg();
            self.ahead = (0, mono_ms);
            self.depth = reorder.unwrap_or(0).min(REORDER_MAX);
            return self.settle(raw, 0, mono_ms, false);
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
            if (0..NEAR_MS).contains(&near) || keyframe {
                self.fault = Some(why);
                let anew = !(0..NEAR_MS).contains(&near);
                self.order.clear();
                self.depth = 0;
                return self.settle(raw, now, mono_ms, anew);
            }
        }
        if self.fault.is_some() {
            return self.settle(raw, now.max(last_ticks.saturating_add(1)), mono_ms, false);
        }
        if mono_ms.saturating_sub(self.calm_since) >= CALM_MS {
            self.calm_since = mono_ms;
            self.jumps = self.jumps.saturating_sub(1);
            self.backs = self.backs.saturating_sub(1);
        }
        let step = raw.saturating_sub(last_raw);
        self.same = if step == 0 { self.same + 1 } else { 0 };
        if self.same >= STANDS {
            self.give_up(ClockFault::Stands);
        }
        if self.ms(step) < -BACK_MS || self.ms(step.saturating_sub(since)) > AHEAD_MS {
            self.shift = last_shown.saturating_add(since.max(1)).saturating_sub(raw);
            self.jumps += 1;
            self.calm_since = mono_ms;
            if self.jumps >= JUMPS {
                self.give_up(ClockFault::Jumps);
            }
        }
        let mut shown = raw.saturating_add(self.shift);
        if self.stays_behind(
            shown,
            step,
            mono_ms,
            reorders,
            if reorders { last_ticks } else { last_shown },
        ) {
            let (before, came) = self.ahead;
            shown = before
                .saturating_add(
                    self.ticks(i64::try_from(mono_ms.saturating_sub(came)).unwrap_or(0)),
                )
                .max(last_shown.saturating_add(1));
            self.shift = shown.saturating_sub(raw);
            self.ahead = (shown, mono_ms);
        }
        if !reorders && shown <= last_shown {
            if step < 0 {
                self.steps += STEP;
                if self.steps >= STEPS {
                    self.give_up(ClockFault::StepsBack);
                }
            }
            shown = last_shown.saturating_add(1);
        } else {
            self.steps = self.steps.saturating_sub(1);
        }
        if reorders {
            self.depth = self.depth.max(reorder.unwrap_or(1)).min(REORDER_MAX);
            if reorder.is_none() && shown < last_ticks {
                // Pictures come further out of order than any before.
                self.depth = (self.depth + 1).min(REORDER_MAX);
            }
        }
        self.settle(raw, shown, mono_ms, false)
    }

    /// Whether the clock stepped back by less than a jump and stays there. One late picture is only
    /// held back a little, but all of them would be crushed into one moment until the clock is
    /// where it was.
    fn stays_behind(
        &mut self,
        shown: i64,
        step: i64,
        mono_ms: u64,
        reorders: bool,
        least: i64,
    ) -> bool {
        if shown > least {
            self.behind = 0;
            self.ahead = self.ahead.max((shown, mono_ms));
        } else if step > 0 || reorders {
            if self.behind == 0 {
                self.depth_before = self.depth;
            }
            self.behind += 1;
        }
        if self.behind < if reorders { BEHIND_ORDER } else { BEHIND } {
            return false;
        }
        self.behind = 0;
        self.depth = self.depth_before;
        self.order.clear();
        self.backs += 1;
        self.calm_since = mono_ms;
        if self.backs >= JUMPS {
            self.give_up(ClockFault::StepsBack);
        }
        true
    }

    fn give_up(&mut self, why: ClockFault) {
        self.given_up.get_or_insert(why);
    }

    /// Gives a picture that is shown at `shown` its time of decoding: never after a later one is
    /// shown.
    fn settle(&mut self, raw: i64, shown: i64, mono_ms: u64, anew: bool) -> Placed {
        let at = self.order.partition_point(|s| *s <= shown);
        self.order.insert(at, shown);
        while self.order.len() > self.depth + 1 {
            self.order.pop_front();
        }
        let earliest = if self.order.len() > self.depth {
            self.order.front().copied().unwrap_or(shown)
        } else {
            // Too few came to know the order: some time before what comes first.
            let lacking = i64::try_from(self.depth + 1 - self.order.len()).unwrap_or(0);
            self.order
                .front()
                .copied()
                .unwrap_or(shown)
                .saturating_sub(lacking.saturating_mul(self.scale / 30))
        };
        let ticks = match &self.last {
            Some(last) if !anew => earliest.max(last.ticks.saturating_add(1)),
            _ => earliest,
        };
        self.last = Some(Last {
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
        Placed {
            ticks,
            shown: i32::try_from(shown.saturating_sub(ticks)).unwrap_or(0),
            ago_ms,
            anew,
        }
    }

    /// How much longer than the fastest this picture took.
    fn delay(&mut self, shown: i64, mono_ms: u64) -> i64 {
        let came = i64::try_from(mono_ms.saturating_sub(self.first_mono)).unwrap_or(0);
        let late = came.saturating_sub(self.ms(shown));
        let w = &mut self.window;
        if came >= w.until {
            w.until = came + WINDOW_MS;
            if let (Some(least), Some(before)) = (w.least, w.before) {
                let off = least.saturating_sub(before);
                let turn = if off.saturating_abs() > WINDOW_MS / OFF {
                    i32::try_from(off.signum()).unwrap_or(0)
                } else {
                    0
                };
                w.off = if turn == 0 || w.off.signum() == -turn {
                    turn
                } else {
                    w.off + turn
                };
                if w.off.unsigned_abs() >= OFF_TURNS && (off < 0 || least > LAG_MS) {
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
