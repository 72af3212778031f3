//! How many of a camera's access units are lost or damaged, by the minute: because packets are
//! missing, or because the disk is slow.
//!
//! A connection that loses a little now and then is normal. A minute in which more than a tenth of
//! the access units was damaged is reported, and stays reported until some minutes were clean.

use crate::time::MonoMs;

/// Length of a window, ms, and the fewest access units that make a percentage meaningful.
const WINDOW_MS: u64 = 60_000;
const MIN_FRAMES: u32 = 20;
/// A window with more than this many percent is reported.
const REPORT_ABOVE_PERCENT: u64 = 10;
/// After this many clean windows the report ends.
const CLEAN_WINDOWS_TO_RECOVER: u32 = 3;

/// The counts of one camera; they continue from one RTSP session to the next.
#[derive(Debug, Default)]
pub struct LossMeter {
    began: Option<MonoMs>,
    received: u32,
    damaged: u32,
    clean_windows: u32,
    reported: Option<u8>,
}

impl LossMeter {
    /// Counts an access unit that came; `is_harmed` = a part of it is missing, or a part of what it
    /// may refer to. Returns what to report: how many percent of a minute's access units were
    /// damaged.
    pub fn record_frame(&mut self, now: MonoMs, is_harmed: bool) -> Option<u8> {
        let began = *self.began.get_or_insert(now);
        if now.since(began) >= WINDOW_MS && self.received >= MIN_FRAMES {
            let percent = u64::from(self.damaged) * 100 / u64::from(self.received);
            if percent > REPORT_ABOVE_PERCENT {
                self.reported = u8::try_from(percent).ok();
                self.clean_windows = 0;
            } else {
                self.clean_windows += 1;
                self.reported = self
                    .reported
                    .filter(|_| self.clean_windows < CLEAN_WINDOWS_TO_RECOVER);
            }
            (self.began, self.received, self.damaged) = (Some(now), 0, 0);
        }
        self.received = self.received.saturating_add(1);
        self.damaged = self.damaged.saturating_add(u32::from(is_harmed));
        self.reported
    }

    /// Counts access units that are lost altogether; the next [`Self::record_frame`] takes them
    /// into account.
    pub fn record_missing(&mut self, pictures: u64) {
        let pictures = u32::try_from(pictures).unwrap_or(u32::MAX);
        self.received = self.received.saturating_add(pictures);
        self.damaged = self.damaged.saturating_add(pictures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One minute at ten access units a second, `harmed` of each hundred damaged; returns the last
    /// report.
    fn minute(loss: &mut LossMeter, from: &mut MonoMs, harmed: u64) -> Option<u8> {
        let mut told = None;
        for n in 0..600 {
            *from += 100;
            told = loss.record_frame(*from, n % 100 < harmed);
        }
        told
    }

    #[test]
    fn much_loss_is_told_and_gone_when_it_was_well_for_some_minutes() {
        let (mut loss, mut now) = (LossMeter::default(), MonoMs::new(5_000));
        // Each report is about the minute before.
        let said: Vec<Option<u8>> = [10, 0, 97, 30, 0, 5, 0, 0, 0]
            .into_iter()
            .map(|harmed| minute(&mut loss, &mut now, harmed))
            .collect();
        assert_eq!(
            said,
            [
                None,
                None,
                None,
                Some(97),
                Some(30),
                Some(30),
                Some(30),
                None,
                None
            ]
        );
    }

    #[test]
    fn a_few_pictures_say_nothing() {
        let mut loss = LossMeter::default();
        assert!((0..30).all(|n| {
            loss.record_frame(MonoMs::new(n * 60_000), n % 7 == 0)
                .is_none_or(|p| p > 10)
        }));
        assert_eq!(
            LossMeter::default().record_frame(MonoMs::new(9), true),
            None
        );
    }

    #[test]
    fn what_is_gone_altogether_counts_too() {
        let (mut loss, mut now) = (LossMeter::default(), MonoMs::new(5_000));
        assert_eq!(minute(&mut loss, &mut now, 0), None);
        loss.record_missing(200);
        assert_eq!(minute(&mut loss, &mut now, 0), Some(25));
    }
}
