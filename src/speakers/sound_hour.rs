//! How many bytes of sound for phones are written within an hour.
//!
//! Invariants: the storage of the box wears with what is written, so all phones together have
//! [`MAX_BYTES`] an hour, and one address a share of it; what lies ready costs nothing. A sound
//! counts once it is written, so the last one may go beyond. It is in memory: a restart forgets it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Most bytes of an hour: some two hundred minutes of speech.
const MAX_BYTES: u64 = 96 << 20;
/// Most bytes of an hour for one address.
const MAX_SHARE_BYTES: u64 = 8 << 20;
/// A file wears at least so much.
const LEAST_BYTES: u64 = 32 << 10;
const HOUR: Duration = Duration::from_secs(3_600);

/// A sound that was written.
struct WrittenSound {
    at: Instant,
    asker: IpAddr,
    bytes: u64,
}

/// The sounds of the last hour, the oldest first.
#[derive(Default)]
pub(super) struct SoundHour(VecDeque<WrittenSound>);

impl SoundHour {
    /// Whether another sound may be made for this address.
    pub(super) fn has_room(&mut self, asker: IpAddr, now: Instant) -> bool {
        let is_over = |sound: &WrittenSound| now.saturating_duration_since(sound.at) >= HOUR;
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        let bytes = |is_counted: &dyn Fn(&WrittenSound) -> bool| -> u64 {
            let counted = self.0.iter().filter(|sound| is_counted(sound));
            counted.map(|sound| sound.bytes).sum()
        };
        bytes(&|_| true) < MAX_BYTES && bytes(&|sound| sound.asker == asker) < MAX_SHARE_BYTES
    }

    /// A sound of so many bytes was written for this address.
    pub(super) fn wrote(&mut self, asker: IpAddr, bytes: usize, now: Instant) {
        self.0.push_back(WrittenSound {
            at: now,
            asker,
            bytes: LEAST_BYTES.max(bytes as u64),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [10, 77, 0, n].into()
    }

    /// Lets an address ask for sounds of this size as often as it may; gives how often that was.
    fn greedy(hour: &mut SoundHour, n: u8, bytes: usize, now: Instant) -> u64 {
        let mut count = 0;
        while hour.has_room(address(n), now) {
            hour.wrote(address(n), bytes, now);
            count += 1;
        }
        count
    }

    #[test]
    fn one_address_has_a_share_of_the_hour_and_all_together_have_a_bound() {
        let (mut hour, now) = (SoundHour::default(), Instant::now());
        let mib = 1 << 20;
        assert_eq!(greedy(&mut hour, 1, mib, now), 8);
        assert!(hour.has_room(address(2), now), "others are served");
        // As many addresses as one radio may have.
        let of_radio: u64 = (2..=8).map(|n| greedy(&mut hour, n, mib, now)).sum();
        assert_eq!(of_radio, 56);
        assert!(hour.has_room(address(9), now), "and others still are");
        let rest: u64 = (9..=30).map(|n| greedy(&mut hour, n, mib, now)).sum();
        assert_eq!(8 + of_radio + rest, 96, "MiB within the hour");
        assert!(!hour.has_room(address(99), now));
        let later = now + HOUR - Duration::from_secs(1);
        assert!(!hour.has_room(address(1), later));
        assert!(hour.has_room(address(1), now + HOUR), "it is another hour");
        assert!(hour.0.is_empty(), "nothing of the last one is remembered");
    }

    #[test]
    fn short_sounds_count_as_files_so_that_few_are_remembered() {
        let (mut hour, now) = (SoundHour::default(), Instant::now());
        let all: u64 = (0..=250).map(|n| greedy(&mut hour, n, 1, now)).sum();
        assert_eq!(all, MAX_BYTES / LEAST_BYTES);
        assert_eq!(hour.0.len() as u64, all);
    }
}
