//! How many of a camera's pictures are lost or harmed, by the minute: by packets that are missing,
//! by a disk that is slow.
//!
//! A line that loses a little now and then is as lines are; one that harms a tenth of a minute's
//! pictures is told, and is told until it was well for some minutes.

/// Length of a count, ms, and the fewest pictures that say anything.
const MINUTE_MS: u64 = 60_000;
const LEAST: u32 = 20;
/// More than so many percent are told.
const MOST: u64 = 10;
/// So many counts without trouble, and it is over.
const WELL: u32 = 3;

/// The count of one camera; it goes on from session to session.
#[derive(Debug, Default)]
pub struct Loss {
    began: Option<u64>,
    came: u32,
    harmed: u32,
    well: u32,
    told: Option<u8>,
}

impl Loss {
    /// A picture came; `is_harmed` = something of it is missing, or of what it may refer to. Gives
    /// what is to be told: how many percent of a minute's pictures were harmed.
    pub fn note(&mut self, mono_ms: u64, is_harmed: bool) -> Option<u8> {
        let began = *self.began.get_or_insert(mono_ms);
        if mono_ms.saturating_sub(began) >= MINUTE_MS && self.came >= LEAST {
            let percent = u64::from(self.harmed) * 100 / u64::from(self.came);
            if percent > MOST {
                self.told = u8::try_from(percent).ok();
                self.well = 0;
            } else {
                self.well += 1;
                self.told = self.told.filter(|_| self.well < WELL);
            }
            (self.began, self.came, self.harmed) = (Some(mono_ms), 0, 0);
        }
        self.came = self.came.saturating_add(1);
        self.harmed = self.harmed.saturating_add(u32::from(is_harmed));
        self.told
    }

    /// So many pictures are gone altogether; they count with the next one that comes.
    pub fn miss(&mut self, pictures: u64) {
        let pictures = u32::try_from(pictures).unwrap_or(u32::MAX);
        self.came = self.came.saturating_add(pictures);
        self.harmed = self.harmed.saturating_add(pictures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute at ten pictures a second, so many of each hundred harmed; what is told then.
    fn minute(loss: &mut Loss, from: &mut u64, harmed: u64) -> Option<u8> {
        let mut told = None;
        for n in 0..600 {
            *from += 100;
            told = loss.note(*from, n % 100 < harmed);
        }
        told
    }

    #[test]
    fn much_loss_is_told_and_gone_when_it_was_well_for_some_minutes() {
        let (mut loss, mut now) = (Loss::default(), 5_000);
        // What is told is the minute before.
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
        let mut loss = Loss::default();
        assert!((0..30).all(|n| loss.note(n * 60_000, n % 7 == 0).is_none_or(|p| p > 10)));
        assert_eq!(Loss::default().note(9, true), None);
    }

    #[test]
    fn what_is_gone_altogether_counts_too() {
        let (mut loss, mut now) = (Loss::default(), 5_000);
        assert_eq!(minute(&mut loss, &mut now, 0), None);
        loss.miss(200);
        assert_eq!(minute(&mut loss, &mut now, 0), Some(25));
    }
}
