//! Looks once a week whether the links that lead out of the village still open.
//!
//! Invariants: links are those of the official addresses, of procedures and of the notices that are
//! up, at most [`MOST_LINKS`]. Each has its own time in the week, so that nobody is asked for many
//! at once. A link is dead when two looks a day apart failed while the internet was there: another
//! host opened in the same pass, so that neither a cut line nor an office that mends its server
//! hides a page. A dead link is looked at each day and comes back by itself. It is told in health
//! and to the chief, and the pages hide it. Nothing but addresses of the internet is opened
//! (`fetch`). Deliberately absent: a memory over restarts; the next looks are within a day of the
//! start.

mod book;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::book::{LinkBook, Met};
use super::fetch::Fetcher;
use crate::config::board::BoardConfig;
use crate::domain::id::NoticeId;
use crate::domain::notice::{Notice, NoticeWords};
use crate::domain::state::VillageState;
use crate::domain::things::Things;
use crate::http::notice_body;
use crate::journal::Journal;
use crate::live::dead_links::{DeadLinks, LinkPlace};
use crate::protocol::procedure_file;
use crate::store::files::PeopleFiles;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};
use crate::time::MonoMs;

/// Time between two passes, and from the start to the first.
const PASS: Duration = Duration::from_mins(10);
/// Most links that are opened in a pass; the others have their turn in the next.
const MOST_OF_PASS: usize = 100;
/// Most links of one host in a pass.
const MOST_OF_HOST: usize = 10;
/// Most links that are looked after.
pub const MOST_LINKS: usize = 1_000;
/// Hosts that are tried, to know whether the internet is there.
const MOST_WITNESSES: usize = 3;

/// The parts that looking works with.
#[derive(Clone)]
pub struct LinkCheck {
    /// The official addresses and the allow-list.
    pub board: Arc<BoardConfig>,
    /// The village, with its notices and its list of procedures.
    pub journal: Journal,
    /// Their texts.
    pub files: PeopleFiles,
    /// The links that do not open.
    pub dead: DeadLinks,
    /// Health and clock.
    pub supervisor: Supervisor,
    /// Opens them.
    pub fetcher: Fetcher,
    /// Time between two links: nobody is hurried.
    pub pause: Duration,
}

/// The knowledge about links, from pass to pass.
#[derive(Default)]
pub struct LinkRound {
    book: LinkBook,
    links: BTreeMap<String, LinkPlace>,
    /// The texts from which the links are: the notices, and the entry with the procedures.
    known: Option<(Things<NoticeId, Notice>, u64)>,
}

impl LinkCheck {
    /// Works until `stop`.
    ///
    /// # Errors
    /// None; services have this signature.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut round = LinkRound::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(PASS) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let now = self.supervisor.clock().mono_ms();
            tokio::select! {
                () = self.pass(&mut round, now) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }

    /// Opens the links whose time has come at `now`, and tells what does not open.
    pub async fn pass(&self, round: &mut LinkRound, now: MonoMs) {
        self.collect(round).await;
        round.book.keep(round.links.keys(), now);
        let met = self.look(&round.book.due(now)).await;
        let is_online = met.values().any(|m| *m == Met::Opened) || self.witness(&met).await;
        for (link, met) in &met {
            round.book.tell(link, *met, is_online, now);
        }
        let place = |link: &String| Some((link.clone(), round.links.get(link)?.clone()));
        let dead: BTreeMap<String, LinkPlace> = round.book.dead().filter_map(place).collect();
        let reason = dead.keys().next().map(|link| HealthReason::LinksDead {
            n: dead.len() as u64,
            link: link.clone(),
        });
        let health = self.supervisor.health();
        health.set_amber_or_green(&HealthPart::Links, reason);
        tracing::debug!(n = met.len(), missed = dead.len(), "links looked at");
        self.dead.replace(dead);
    }

    /// Opens each link once; of a host no more than a few.
    async fn look(&self, due: &[String]) -> BTreeMap<String, Met> {
        let mut met = BTreeMap::new();
        let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
        for link in due {
            let Ok(url) = Url::parse(link) else {
                continue;
            };
            let of_host = hosts.entry(host_of(&url)).or_default();
            *of_host += 1;
            if *of_host > MOST_OF_HOST {
                continue;
            }
            if !met.is_empty() {
                tokio::time::sleep(self.pause).await;
            }
            met.insert(link.clone(), Met::from(self.fetcher.look(&url).await));
            if met.len() >= MOST_OF_PASS {
                break;
            }
        }
        met
    }

    /// Whether another host opens, where none of these did: otherwise the line is cut.
    async fn witness(&self, failed: &BTreeMap<String, Met>) -> bool {
        if failed.is_empty() {
            return false;
        }
        let mut tried: BTreeSet<String> = failed
            .keys()
            .filter_map(|link| Some(host_of(&Url::parse(link).ok()?)))
            .collect();
        let official = self.board.official.iter().filter_map(|a| a.url.as_deref());
        let mut left = MOST_WITNESSES;
        for url in official.filter_map(|url| Url::parse(url).ok()) {
            if left == 0 {
                return false;
            }
            if tried.insert(host_of(&url)) {
                left -= 1;
                if Met::from(self.fetcher.look(&url).await) == Met::Opened {
                    return true;
                }
            }
        }
        false
    }

    /// Finds all links, when the texts changed since the last time.
    async fn collect(&self, round: &mut LinkRound) {
        let state = self.journal.state();
        let procedures = state.procedures.as_ref().map_or(0, |list| list.order);
        let is_known = round.known.as_ref().is_some_and(|(notices, order)| {
            Arc::ptr_eq(notices, &state.notices) && *order == procedures
        });
        if is_known {
            return;
        }
        round.known = Some((state.notices.clone(), procedures));
        let this = self.clone();
        let found = tokio::task::spawn_blocking(move || this.links(&state));
        round.links = found.await.unwrap_or_default();
    }

    fn links(&self, state: &VillageState) -> BTreeMap<String, LinkPlace> {
        let mut links = BTreeMap::new();
        let mut add = |link: String, place: &LinkPlace| {
            if links.len() < MOST_LINKS {
                links.entry(link).or_insert_with(|| place.clone());
            }
        };
        for link in self.board.official.iter().filter_map(|a| a.url.clone()) {
            add(link, &LinkPlace::Official);
        }
        let mut notices: Vec<&Arc<Notice>> = state.notices.values().collect();
        notices.sort_by_key(|notice| std::cmp::Reverse(notice.order));
        for notice in notices {
            let text = self.files.text(&notice.text).unwrap_or_default();
            let place = LinkPlace::Notice(notice.id.clone());
            for link in notice_body::web_links(&NoticeWords::decode(&text).body) {
                add(link, &place);
            }
        }
        let file = state.procedures.as_ref();
        let bytes = file.and_then(|list| self.files.get(&list.file).ok());
        let read = bytes.and_then(|bytes| procedure_file::read(&bytes).ok());
        for procedure in read.map(|found| found.procedures).unwrap_or_default() {
            let link = procedure.link.filter(|link| self.board.allows(link));
            if let Some(link) = link {
                add(link, &LinkPlace::Procedure(procedure.code));
            }
        }
        links
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
