//! Reads the feeds of the configuration every few hours, and makes drafts of what is new.
//!
//! Invariants: nothing is published: a person reads the draft, with its source named. An entry
//! becomes one draft: its id at the feed names the command, which is carried out once as long as
//! the journal remembers its outcome, and its words name the draft, so that the same news under
//! another id is not drafted again. News that find no room wait for the next reading. Old news stay
//! out: entries older than [`FRESH_MS`], and those without a date behind the first [`MOST_UNDATED`]
//! places of the document. A document that did not change is not sent again, as long as nothing of
//! it waits. A reading that failed is tried again soon, then more and more seldom. A feed that
//! could not be read for days is told in health.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::draft_body::{LedHosts, draft_body};
use super::fetch::{FetchError, Fetched, Fetcher, VersionMarks};
use crate::config::board::{BoardConfig, FeedConfig};
use crate::domain::actor::Actor;
use crate::domain::id::{CommandId, NoticeId};
use crate::domain::notice::rules::MAX_DRAFTS;
use crate::domain::notice::{Command, NoticeDetails, NoticeKind, NoticeWords};
use crate::journal::{CommandRequest, Journal};
use crate::keys::secret;
use crate::protocol::feed::{self, FeedEntry, FeedError};
use crate::store::files::PeopleFiles;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};
use crate::time::{MonoMs, WallMs};

/// Largest document, bytes.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// Wait after the start, before a feed is read first.
const FIRST_WAIT_MS: u64 = 5_000;
/// Wait after a reading that failed; each further one doubles it.
const RETRY_MS: u64 = 5 * 60_000;
/// A feed that was not read for so long is dead, ms.
const DEAD_AFTER_MS: u64 = 3 * 86_400_000;
/// An entry that is older is no news, ms.
const FRESH_MS: i64 = 14 * 86_400_000;
/// Places at the top of a document in which an entry without a date is taken.
const MOST_UNDATED: usize = 5;
/// Drafts of feeds that nobody has worked on yet: further news wait, so that people always have
/// room for drafts of their own.
const MOST_UNTOUCHED: usize = 50;
/// New drafts of one reading.
const MOST_DRAFTS: u64 = 10;
/// How long the outcome of a draft is asked to be remembered, ms; the journal cuts it to its own
/// bound.
const REMEMBERED_MS: i64 = 366 * 86_400_000;

/// Why a feed could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum FeedTrouble {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Document(#[from] FeedError),
}

/// The parts that reading works with.
#[derive(Clone)]
pub struct FeedReader {
    /// The feeds, and the hosts to which a link may lead.
    pub board: Arc<BoardConfig>,
    /// Drafts become entries.
    pub journal: Journal,
    /// Texts become files.
    pub files: PeopleFiles,
    /// Clock and health.
    pub supervisor: Supervisor,
}

/// How far a feed has come.
struct Progress {
    next: MonoMs,
    /// When it was read last, or when the process began.
    read: (MonoMs, WallMs),
    /// Readings that failed since.
    failures: u32,
    /// The version that was read last as a whole.
    marks: VersionMarks,
    /// Entries that need no second look.
    handled: BTreeSet<CommandId>,
}

impl Progress {
    /// Sets when it is read next.
    fn plan(&mut self, now: MonoMs, hours: u64) {
        let usual = hours * 3_600_000;
        self.next = now
            + match self.failures {
                0 => usual,
                n => usual.min(RETRY_MS << (n - 1).min(12)),
            };
    }
}

/// How far the feeds have come, from pass to pass.
pub struct FeedRound(Vec<Progress>);

impl FeedReader {
    /// Works until `stop`.
    ///
    /// # Errors
    /// None; services have this signature.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let clock = self.supervisor.clock().clone();
        let mut round = self.begin();
        loop {
            let now = clock.mono_ms();
            tokio::select! {
                () = self.pass(&mut round, now) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let next = round.0.iter().map(|p| p.next).min();
            let next = next.unwrap_or(MonoMs::MAX).ms();
            let wait = next.saturating_sub(clock.mono_ms().ms()).max(1_000);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }

    /// The feeds before the first was read.
    #[must_use]
    pub fn begin(&self) -> FeedRound {
        let clock = self.supervisor.clock();
        let start = (clock.mono_ms(), clock.wall_ms());
        let fresh = || Progress {
            next: start.0 + FIRST_WAIT_MS,
            read: start,
            failures: 0,
            marks: VersionMarks::default(),
            handled: BTreeSet::new(),
        };
        FeedRound(self.board.feeds.iter().map(|_| fresh()).collect())
    }

    /// Reads the feeds whose time has come at `now`, and tells those that cannot be read.
    pub async fn pass(&self, round: &mut FeedRound, now: MonoMs) {
        for (feed, progress) in self.board.feeds.iter().zip(&mut round.0) {
            if now < progress.next {
                continue;
            }
            match self.read(feed, progress).await {
                Ok(drafts) => {
                    progress.read = (now, self.supervisor.clock().wall_ms());
                    progress.failures = 0;
                    tracing::debug!(name = %feed.name, n = drafts, "feed read");
                }
                Err(cause) => {
                    progress.failures = progress.failures.saturating_add(1);
                    tracing::info!(name = %feed.name, %cause, "reading feed failed");
                }
            }
            progress.plan(now, feed.hours);
        }
        self.report(&round.0, now);
    }

    fn report(&self, all: &[Progress], now: MonoMs) {
        let pairs = self.board.feeds.iter().zip(all);
        let dead = pairs.filter(|(feed, p)| is_dead(now, p.read.0, feed.hours));
        let reasons = dead.map(|(feed, progress)| HealthReason::FeedDead {
            name: feed.name.clone(),
            since: progress.read.1,
        });
        let reason = HealthReason::of_all(reasons.collect());
        let health = self.supervisor.health();
        health.set_amber_or_green(&HealthPart::Feeds, reason);
    }

    /// Reads a feed; gives how many drafts it made.
    async fn read(&self, feed: &FeedConfig, progress: &mut Progress) -> Result<u64, FeedTrouble> {
        let url = Url::parse(&feed.url).map_err(|_| FetchError::NoAddress)?;
        let mut fetcher = Fetcher::internet();
        if feed.inside {
            fetcher = fetcher.and_from(&url);
        }
        let fetched = fetcher.get(&url, MAX_DOCUMENT_BYTES, &progress.marks);
        let (document, marks) = match fetched.await? {
            Fetched::Page(document, marks) => (document, marks),
            Fetched::Same => return Ok(0),
        };
        let entries = feed::read(&document)?;
        let now = self.supervisor.clock().trusted_ms();
        let (mut drafts, mut seen, mut is_whole) = (0, BTreeSet::new(), true);
        for entry in news(&entries, now) {
            let Ok(once) = CommandId::new(&format!("feed-{}", hash(&[&feed.url, &entry.id])))
            else {
                continue;
            };
            if !progress.handled.contains(&once) {
                let outcome = if drafts < MOST_DRAFTS {
                    self.draft(feed, entry, once.clone(), now).await
                } else {
                    DraftOutcome::Waits
                };
                match outcome {
                    DraftOutcome::Made => drafts += 1,
                    DraftOutcome::Known => {}
                    DraftOutcome::Waits => {
                        is_whole = false;
                        continue;
                    }
                }
            }
            seen.insert(once);
        }
        progress.handled = seen;
        // An entry that waits is wanted again, though the document does not change.
        progress.marks = if is_whole {
            marks
        } else {
            VersionMarks::default()
        };
        Ok(drafts)
    }

    /// Makes a draft of an entry.
    async fn draft(
        &self,
        feed: &FeedConfig,
        entry: &FeedEntry,
        once: CommandId,
        now: WallMs,
    ) -> DraftOutcome {
        let words = words_of(&self.board, feed, entry);
        let named = format!("tin-{:.24}", hash(&[&feed.url, &entry.title, &entry.text]));
        let Ok(id) = NoticeId::new(&named) else {
            return DraftOutcome::Known;
        };
        let state = self.journal.state();
        let is_known = state.notices.contains_key(&id)
            || state.drafts.contains_key(&id)
            || state.ended.contains_key(&id);
        if is_known {
            return DraftOutcome::Known;
        }
        let untouched = state.drafts.values().filter(|d| d.by == Actor::System);
        if untouched.count() >= MOST_UNTOUCHED || state.drafts.len() >= MAX_DRAFTS {
            return DraftOutcome::Waits;
        }
        let Ok(text) = self.files.put(words.encode().into_bytes()).await else {
            return DraftOutcome::Waits;
        };
        let details = NoticeDetails::of(NoticeKind::Notice);
        let command = Command::SaveDraft { id, text, details };
        let request = CommandRequest::new(Actor::System, command);
        let request = request.idempotent(once, now + REMEMBERED_MS);
        match self.journal.submit(request).await {
            Ok(receipt) if receipt.repeated => DraftOutcome::Known,
            Ok(_) => DraftOutcome::Made,
            Err(_) => DraftOutcome::Waits,
        }
    }
}

/// The outcome of looking at an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DraftOutcome {
    /// It is a new draft.
    Made,
    /// It was one already.
    Known,
    /// It could not be made one now.
    Waits,
}

/// The entries that are news at this moment.
fn news(entries: &[FeedEntry], now: WallMs) -> impl Iterator<Item = &FeedEntry> {
    let numbered = entries.iter().enumerate();
    let is_news = move |(nth, entry): &(usize, &FeedEntry)| {
        !entry.title.is_empty()
            && entry
                .at
                .map_or(*nth < MOST_UNDATED, |at| now.since(at) < FRESH_MS)
    };
    numbered.filter(is_news).map(|(_, entry)| entry)
}

fn is_dead(now: MonoMs, read: MonoMs, hours: u64) -> bool {
    now.ms().saturating_sub(read.ms()) > DEAD_AFTER_MS.max(3 * hours * 3_600_000)
}

/// The words of the draft: those of the entry, and where they are from.
fn words_of(board: &BoardConfig, feed: &FeedConfig, entry: &FeedEntry) -> NoticeWords {
    let to = LedHosts::of(board, feed);
    let link = entry.link.as_deref().unwrap_or_default();
    let mut body = draft_body(entry.text.lines().chain([link]), &to);
    if body.is_empty() {
        body = draft_body([entry.title.as_str()], &to);
    }
    NoticeWords {
        source: feed.name.clone(),
        ..NoticeWords::of(&entry.title, &body)
    }
    .cleaned()
}

fn hash(parts: &[&str]) -> String {
    secret::sha256(parts.join("\n").as_bytes())
        .chars()
        .take(48)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::{JournalStorage, boot};
    use crate::keys::secret;
    use crate::log::disk::DirDisk;
    use crate::supervisor::clock::Clock;

    const NOW: i64 = 1_795_232_640_000;

    fn entry(title: &str, at: Option<i64>) -> FeedEntry {
        FeedEntry {
            id: title.to_owned(),
            title: title.to_owned(),
            text: "Mang sổ tiêm.".to_owned(),
            link: Some("https://xa.example/1".to_owned()),
            at: at.map(WallMs::new),
        }
    }

    fn feed() -> FeedConfig {
        FeedConfig {
            name: "Xã Đồng Nếp".to_owned(),
            url: "https://xa.example/rss".to_owned(),
            hours: 6,
            inside: false,
        }
    }

    fn reader(dir: &Path) -> FeedReader {
        let clock = Clock::manual(NOW);
        let place = JournalStorage {
            folder: boot::folder(dir),
            disk: Box::new(DirDisk::open(&dir.join("log")).expect("log")),
            village: None,
        };
        let boot_id = secret::random().expect("random");
        let (journal, ..) = Journal::open(place, boot_id, clock.clone()).expect("opens");
        FeedReader {
            board: Arc::new(BoardConfig {
                feeds: vec![feed()],
                ..BoardConfig::default()
            }),
            journal,
            files: PeopleFiles::open(&dir.join("people"), vec![7; 32]).expect("files"),
            supervisor: Supervisor::new(clock),
        }
    }

    #[tokio::test]
    async fn drafts_of_feeds_leave_room_for_those_of_people() {
        let temporary = tempfile::tempdir().expect("folder");
        let reader = reader(temporary.path());
        let news = async |n: usize| {
            let once = CommandId::new(&format!("feed-{n}")).expect("id");
            let entry = entry(&format!("Tin {n}"), Some(NOW));
            reader.draft(&feed(), &entry, once, WallMs::new(NOW)).await
        };
        for n in 0..MOST_UNTOUCHED {
            assert_eq!(news(n).await, DraftOutcome::Made, "{n}");
        }
        assert_eq!(news(MOST_UNTOUCHED).await, DraftOutcome::Waits);
        assert_eq!(news(0).await, DraftOutcome::Known);
        // A person takes one up: it is no longer the feed's, and the news that waited comes.
        let draft = reader.journal.state().drafts.values().next().cloned();
        let draft = draft.expect("a draft");
        let command = Command::SaveDraft {
            id: draft.id.clone(),
            text: draft.text.clone(),
            details: draft.details.clone(),
        };
        let taken = CommandRequest::new(Actor::LocalAdmin, command);
        reader.journal.submit(taken).await.expect("saved");
        assert_eq!(news(MOST_UNTOUCHED).await, DraftOutcome::Made);
        assert_eq!(news(MOST_UNTOUCHED + 1).await, DraftOutcome::Waits);
        reader.journal.shutdown().await.expect("stopped");
    }

    #[test]
    fn old_news_stay_out_and_the_source_is_named() {
        let now = 100 * 86_400_000;
        let mut entries = vec![
            entry("mới", Some(now - 86_400_000)),
            entry("cũ", Some(now - 15 * 86_400_000)),
            entry("", None),
        ];
        entries.extend((0..10).map(|n| entry(&format!("không ngày {n}"), None)));
        let found: Vec<&str> = news(&entries, WallMs::new(now))
            .map(|e| e.title.as_str())
            .collect();
        assert_eq!(found, ["mới", "không ngày 0", "không ngày 1"]);
        let words = words_of(&BoardConfig::default(), &feed(), &entries[0]);
        assert_eq!(words.source, "Xã Đồng Nếp");
        assert_eq!(words.body, "Mang sổ tiêm.\n\nhttps://xa.example/1");
        let day = 86_400_000;
        assert!(!is_dead(MonoMs::new(3 * day), MonoMs::START, 6));
        assert!(is_dead(MonoMs::new(3 * day + 1), MonoMs::START, 6));
        assert!(!is_dead(MonoMs::new(4 * day), MonoMs::START, 48));
    }

    #[test]
    fn a_reading_that_failed_is_tried_again_soon_and_then_more_seldom() {
        let start = MonoMs::START;
        let mut progress = Progress {
            next: start,
            read: (start, WallMs::default()),
            failures: 0,
            marks: VersionMarks::default(),
            handled: BTreeSet::new(),
        };
        let minutes: Vec<u64> = [0, 1, 2, 3, 7, 100]
            .into_iter()
            .map(|failures| {
                progress.failures = failures;
                progress.plan(start, 6);
                progress.next.ms() / 60_000
            })
            .collect();
        assert_eq!(minutes, [360, 5, 10, 20, 320, 360]);
    }
}
