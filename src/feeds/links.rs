//! Looks once a week whether the links that lead out of the village still open.
//!
//! Invariants: a link is dead when two looks a day apart failed while another link opened, so that
//! neither a cut line nor an office that mends its server hides a page. A dead link is told in
//! health, and the pages hide it until it opens again. Only links of the allow-list are opened.
//! Deliberately absent: a memory over restarts; the next look is soon after the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::fetch::{self, FetchError};
use crate::config::board::BoardConfig;
use crate::journal::Journal;
use crate::live::dead_links::DeadLinks;
use crate::protocol::procedure_file;
use crate::store::files::PeopleFiles;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// Wait after the start.
const FIRST_WAIT: Duration = Duration::from_mins(10);
/// Time between two looks.
const WEEK: Duration = Duration::from_hours(7 * 24);
/// Time to the second look, when something failed.
const DAY: Duration = Duration::from_hours(24);
/// Time between two links: nobody is hurried.
const PAUSE: Duration = Duration::from_secs(2);
/// Most links of a look.
const MOST_LINKS: usize = 1_000;
/// Bytes of a page after which it counts as opened.
const ENOUGH_BYTES: usize = 4 * 1024;
/// Looks that must fail.
const FAILURES: u8 = 2;

/// The parts that looking works with.
#[derive(Clone)]
pub struct LinkCheck {
    /// The allow-list.
    pub board: Arc<BoardConfig>,
    /// The village, with its list of procedures.
    pub journal: Journal,
    /// The file of that list.
    pub files: PeopleFiles,
    /// The links that do not open.
    pub dead: DeadLinks,
    /// Health.
    pub supervisor: Supervisor,
}

/// How a link was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Opened,
    Failed,
}

impl From<Result<(), FetchError>> for Met {
    fn from(answer: Result<(), FetchError>) -> Self {
        match answer {
            // A page that is large, that leads on, or that wants a browser is there.
            Ok(()) | Err(FetchError::TooLarge | FetchError::Redirections) => Self::Opened,
            Err(FetchError::Status(status)) if !matches!(status, 404 | 410) => Self::Opened,
            Err(_) => Self::Failed,
        }
    }
}

impl LinkCheck {
    /// Works until `stop`.
    ///
    /// # Errors
    /// None; services have this signature.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut failures = BTreeMap::new();
        let mut wait = FIRST_WAIT;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let met = tokio::select! {
                met = self.look() => met,
                () = stop.soft.cancelled() => return Ok(()),
            };
            failures = judge(&failures, &met);
            let dead = failures.iter().filter(|(_, n)| **n >= FAILURES);
            let dead: BTreeSet<String> = dead.map(|(link, _)| link.clone()).collect();
            let reason = dead.first().map(|link| HealthReason::LinksDead {
                n: dead.len() as u64,
                link: link.clone(),
            });
            let health = self.supervisor.health();
            health.set_amber_or_green(&HealthPart::Links, reason);
            tracing::debug!(n = met.len(), missed = dead.len(), "links looked at");
            self.dead.replace(dead);
            wait = if failures.values().any(|n| *n < FAILURES) {
                DAY
            } else {
                WEEK
            };
        }
    }

    /// Opens each link once.
    async fn look(&self) -> BTreeMap<String, Met> {
        let mut met = BTreeMap::new();
        for link in self.links().await {
            let Ok(url) = Url::parse(&link) else {
                continue;
            };
            let answer = fetch::get(&url, ENOUGH_BYTES).await.map(drop);
            met.insert(link, answer.into());
            tokio::time::sleep(PAUSE).await;
        }
        met
    }

    async fn links(&self) -> Vec<String> {
        let this = self.clone();
        let of_procedures = tokio::task::spawn_blocking(move || {
            let state = this.journal.state();
            let file = state.procedures.as_ref();
            let bytes = file.and_then(|list| this.files.get(&list.file).ok());
            let read = bytes.and_then(|bytes| procedure_file::read(&bytes).ok());
            let all = read.map(|found| found.procedures).unwrap_or_default();
            let links = all.into_iter().filter_map(|p| p.link);
            links.filter(|l| this.board.allows(l)).collect::<Vec<_>>()
        });
        let official = self.board.official.iter().filter_map(|a| a.url.clone());
        let mut links: Vec<String> = official.collect();
        links.extend(of_procedures.await.unwrap_or_default());
        links.truncate(MOST_LINKS);
        links
    }
}

/// How often in a row each link failed, after another look. A look in which nothing opened is none:
/// the line is cut.
fn judge(before: &BTreeMap<String, u8>, met: &BTreeMap<String, Met>) -> BTreeMap<String, u8> {
    if !met.values().any(|m| *m == Met::Opened) {
        return before.clone();
    }
    let failed = met.iter().filter(|(_, m)| **m == Met::Failed);
    failed
        .map(|(link, _)| {
            let n = before.get(link).copied().unwrap_or_default();
            (link.clone(), n.saturating_add(1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_dead_after_two_looks_and_never_by_a_cut_line() {
        let look = |a: Met, b: Met| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let none = BTreeMap::new();
        let once = judge(&none, &look(Met::Opened, Met::Failed));
        assert_eq!(once, BTreeMap::from([("b".to_owned(), 1)]));
        let cut = judge(&once, &look(Met::Failed, Met::Failed));
        assert_eq!(cut, once, "nothing opened: that is the line");
        let twice = judge(&cut, &look(Met::Opened, Met::Failed));
        assert_eq!(twice["b"], FAILURES);
        assert!(judge(&twice, &look(Met::Opened, Met::Opened)).is_empty());
        for (answer, met) in [
            (Ok(()), Met::Opened),
            (Err(FetchError::Status(403)), Met::Opened),
            (Err(FetchError::Status(500)), Met::Opened),
            (Err(FetchError::TooLarge), Met::Opened),
            (Err(FetchError::Status(404)), Met::Failed),
            (Err(FetchError::Unreachable), Met::Failed),
            (Err(FetchError::Untrusted), Met::Failed),
        ] {
            assert_eq!(Met::from(answer), met, "{answer:?}");
        }
    }
}
