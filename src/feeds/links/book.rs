//! When each link is opened next, and which do not open: a value without a clock or a network.
//!
//! Invariants: a link has its own time within a day of when it was first seen, and then every week;
//! one that failed is opened again a day later. Failures count only while the internet is there,
//! and no two of them are less than a day apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::feeds::fetch::FetchError;
use crate::keys::secret;
use crate::time::MonoMs;

const DAY_MS: u64 = 86_400_000;
const WEEK_MS: u64 = 7 * DAY_MS;
/// Wait after a look without internet.
const OFFLINE_MS: u64 = 3_600_000;
/// Looks that must fail.
const FAILURES: u8 = 2;

/// How a link was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Opened,
    Failed,
    /// It is none that is opened from here.
    NotOurs,
}

impl From<Result<(), FetchError>> for Met {
    fn from(answer: Result<(), FetchError>) -> Self {
        match answer {
            // A page that is large, that leads on, or that wants a browser is there.
            Ok(()) | Err(FetchError::TooLarge | FetchError::Redirections) => Self::Opened,
            Err(FetchError::Status(status)) if !matches!(status, 404 | 410) => Self::Opened,
            Err(FetchError::Inside | FetchError::NoAddress) => Self::NotOurs,
            Err(_) => Self::Failed,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct LinkNote {
    next: MonoMs,
    failures: u8,
}

/// The knowledge about each link.
#[derive(Debug, Default)]
pub(super) struct LinkBook(BTreeMap<String, LinkNote>);

/// A part of a day by which a link differs from others.
fn share_of_day(link: &str) -> u64 {
    let hash = secret::sha256(link.as_bytes());
    let number = u64::from_str_radix(hash.get(..8).unwrap_or_default(), 16);
    number.unwrap_or_default() % DAY_MS
}

impl LinkBook {
    /// These are the links now; others are forgotten.
    pub(super) fn keep<'a>(&mut self, links: impl Iterator<Item = &'a String>, now: MonoMs) {
        let links: BTreeSet<&String> = links.collect();
        self.0.retain(|link, _| links.contains(link));
        for link in links {
            if !self.0.contains_key(link) {
                let next = now + share_of_day(link);
                self.0.insert(link.clone(), LinkNote { next, failures: 0 });
            }
        }
    }

    /// The links whose time has come, those that wait longest first.
    pub(super) fn due(&self, now: MonoMs) -> Vec<String> {
        let due = self.0.iter().filter(|(_, note)| note.next <= now);
        let mut due: Vec<(&String, MonoMs)> = due.map(|(link, note)| (link, note.next)).collect();
        due.sort_by_key(|(_, next)| *next);
        due.into_iter().map(|(link, _)| link.clone()).collect()
    }

    /// Notes how a link was met, and whether the internet was there.
    pub(super) fn tell(&mut self, link: &str, met: Met, is_online: bool, now: MonoMs) {
        let Some(note) = self.0.get_mut(link) else {
            return;
        };
        match met {
            Met::Opened | Met::NotOurs => {
                *note = LinkNote {
                    next: now + WEEK_MS,
                    failures: 0,
                };
            }
            Met::Failed if is_online => {
                *note = LinkNote {
                    next: now + DAY_MS,
                    failures: note.failures.saturating_add(1),
                };
            }
            Met::Failed => note.next = now + OFFLINE_MS,
        }
    }

    /// The links that do not open.
    pub(super) fn dead(&self) -> impl Iterator<Item = &String> {
        let dead = self.0.iter().filter(|(_, note)| note.failures >= FAILURES);
        dead.map(|(link, _)| link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<String> {
        (0..700)
            .map(|n| format!("https://xa.example/{n}"))
            .collect()
    }

    #[test]
    fn every_link_has_its_own_time_and_then_comes_every_week() {
        let mut book = LinkBook::default();
        let (links, start) = (links(), MonoMs::START);
        book.keep(links.iter(), start);
        let hour = |n: u64| start + n * 3_600_000;
        let due: Vec<usize> = (0..=24).map(|n| book.due(hour(n)).len()).collect();
        assert_eq!(due[24], 700, "within a day");
        let most = due.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(most.is_some_and(|most| most < 70), "spread: {due:?}");
        for link in &links {
            book.tell(link, Met::Opened, true, hour(24));
        }
        assert!(book.due(hour(24 + 167)).is_empty());
        assert_eq!(book.due(hour(24 + 168)).len(), 700);
        book.keep(links.iter().take(3), hour(25));
        assert_eq!(book.due(hour(1_000)).len(), 3);
    }

    #[test]
    fn a_link_is_dead_after_two_looks_a_day_apart_and_comes_back_by_itself() {
        let mut book = LinkBook::default();
        let link = "https://xa.example/".to_owned();
        let day = |n: u64| MonoMs::START + n * DAY_MS;
        book.keep([&link].into_iter(), day(0));
        book.tell(&link, Met::Failed, true, day(1));
        assert_eq!(book.dead().count(), 0);
        assert!(book.due(day(1) + 23 * 3_600_000).is_empty(), "not sooner");
        assert_eq!(book.due(day(2)), std::slice::from_ref(&link));
        // The line is cut: that says nothing, and is tried again soon.
        book.tell(&link, Met::Failed, false, day(2));
        assert_eq!(book.dead().count(), 0);
        assert_eq!(book.due(day(2) + OFFLINE_MS), std::slice::from_ref(&link));
        book.tell(&link, Met::Failed, true, day(2) + OFFLINE_MS);
        assert_eq!(book.dead().collect::<Vec<_>>(), [&link]);
        assert_eq!(book.due(day(3) + OFFLINE_MS), std::slice::from_ref(&link));
        book.tell(&link, Met::Failed, false, day(4));
        assert_eq!(book.dead().count(), 1, "a cut line brings nothing back");
        book.tell(&link, Met::Opened, true, day(5));
        assert_eq!(book.dead().count(), 0);
    }

    #[test]
    fn a_page_that_answers_is_there() {
        for (answer, met) in [
            (Ok(()), Met::Opened),
            (Err(FetchError::Status(403)), Met::Opened),
            (Err(FetchError::Status(500)), Met::Opened),
            (Err(FetchError::TooLarge), Met::Opened),
            (Err(FetchError::Redirections), Met::Opened),
            (Err(FetchError::Status(404)), Met::Failed),
            (Err(FetchError::Status(410)), Met::Failed),
            (Err(FetchError::Unreachable), Met::Failed),
            (Err(FetchError::TooSlow), Met::Failed),
            (Err(FetchError::Untrusted), Met::Failed),
            (Err(FetchError::Inside), Met::NotOurs),
        ] {
            assert_eq!(Met::from(answer), met, "{answer:?}");
        }
    }
}
