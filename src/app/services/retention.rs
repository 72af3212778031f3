//! Removes old history and blobs that no entry names, once a day and only when the date is known;
//! and files that no notice names, which asks no date.
//!
//! History before the floor is removed. The floor is the older of two: the last entry that the
//! commune has, and thirty days ago. When history fills half of its disk, the oldest is removed all
//! the same. An entry records each removal before it happens. Source of the rule:
//! docs/decisions/0006-retention.md.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::domain::actor::Actor;
use crate::domain::event::ClockQuality;
use crate::domain::history;
use crate::domain::id::BlobId;
use crate::journal::history::History;
use crate::journal::index::Index;
use crate::journal::{CommandRequest, Journal, StoredEntry, pack};
use crate::store::attachments::Attachments;
use crate::store::disk_space;
use crate::store::files::PeopleFiles;
use crate::store::paper_pages::PaperPages;
use crate::store::spoken_texts::SpokenTexts;
use crate::time::WallMs;

/// How long history is stored at least, ms.
pub const KEEP_MS: i64 = 30 * 86_400_000;
/// Age at which a blob that no entry names counts as an orphan, ms.
const ORPHAN_MS: i64 = 86_400_000;

/// The first entry that stays; 0 = nothing is removed. `receipt` is the last entry that the commune
/// has, none = there is no commune. `bytes_most` is how much packed history may take.
fn trim_floor(history: &History, now: WallMs, receipt: Option<u64>, bytes_most: u64) -> u64 {
    let packs = history.packs();
    let size = |p: &pack::Pack| std::fs::metadata(&p.path).map_or(0, |m| m.len());
    let mut bytes: u64 = packs.iter().map(size).sum();
    let mut floor = 0;
    let mut dated: Option<(usize, Option<WallMs>)> = None;
    for (i, p) in packs.iter().enumerate() {
        // A pack without a trustworthy date is as old as the next pack that has one: entries that
        // were written while the machine believed that it was 1970, or 2100, count as old as those
        // that follow.
        if dated.is_none_or(|(at, _)| at < i) {
            dated = Some(
                packs
                    .iter()
                    .enumerate()
                    .skip(i)
                    .find_map(|(n, p)| newest_synced_at(p, now).map(|at| (n, Some(at))))
                    .unwrap_or((packs.len(), None)),
            );
        }
        let at = dated.and_then(|(_, at)| at);
        let old = at.is_some_and(|at| at < now - KEEP_MS) && receipt.is_none_or(|r| p.last <= r);
        if !old && bytes <= bytes_most {
            break;
        }
        bytes = bytes.saturating_sub(size(p));
        floor = p.last + 1;
    }
    floor
}

/// The time of a pack's newest entry whose clock was synchronized and whose time is not in the
/// future, ms.
fn newest_synced_at(pack: &pack::Pack, now: WallMs) -> Option<WallMs> {
    let sound =
        |e: &&Arc<StoredEntry>| e.entry.clock == ClockQuality::Synced && e.entry.wall_ms <= now;
    pack.blocks.iter().rev().find_map(|b| {
        pack::read(&pack.path, b)
            .ok()
            .and_then(|found| found.iter().rev().find(sound).map(|e| e.entry.wall_ms))
    })
}

/// Removes old history; gives how many entries were removed.
///
/// # Errors
/// When the journal closed.
pub async fn trim(
    journal: &Journal,
    index: &Index,
    folder: &Path,
    now: WallMs,
    receipt: Option<u64>,
) -> anyhow::Result<u64> {
    let history = journal.history();
    let (first, _) = history.span();
    let half = disk_space::free_and_total(folder).map_or(u64::MAX, |(_, total)| total / 2);
    let floor =
        tokio::task::spawn_blocking(move || trim_floor(&history, now, receipt, half)).await?;
    if first == 0 || floor <= first {
        return Ok(0);
    }
    if !journal.may_trim(floor).await {
        tracing::warn!(
            floor,
            "history trim skipped: fewer than two valid snapshots cover it"
        );
        journal.checkpoint().await?;
        return Ok(0);
    }
    // The trim is recorded before it happens: a power cut between the two leaves an entry too many,
    // never a gap that no entry names.
    journal
        .submit(CommandRequest::new(
            Actor::System,
            history::Command::NoteTrim {
                from: first,
                to: floor - 1,
            },
        ))
        .await?;
    journal.trim(floor).await?;
    let index = index.clone();
    if let Err(cause) = tokio::task::spawn_blocking(move || index.trim(floor)).await? {
        tracing::warn!(%cause, "trimming index failed");
    }
    Ok(floor - first)
}

/// Removes blobs that no entry names and that were written since `since`; gives how many.
///
/// # Errors
/// When the folder cannot be read.
pub async fn sweep(
    journal: &Journal,
    files: &PeopleFiles,
    since: WallMs,
    now: WallMs,
) -> anyhow::Result<usize> {
    let mut found: BTreeSet<BlobId> = {
        let files = files.clone();
        tokio::task::spawn_blocking(move || files.written_between(since, now - ORPHAN_MS)).await??
    };
    // Blobs that the state names are in use, however long ago their entries were trimmed.
    let state = journal.state();
    for (_, blob) in state.blobs() {
        found.remove(&blob.id);
    }
    let mut at = u64::MAX;
    let mut expected = state.seq;
    while !found.is_empty() {
        let entries = journal.before(at, 500).await;
        let Some(last) = entries.last() else {
            // History ends here. Unless it ends at entry 1, an older entry may have named the rest.
            if at > 1 {
                return Ok(0);
            }
            break;
        };
        at = last.entry.seq;
        for entry in &entries {
            // A gap may hide the entry that names a blob: then nothing is removed.
            if entry.entry.seq < expected {
                return Ok(0);
            }
            expected = entry.entry.seq.saturating_sub(1);
            if let Some(blob) = entry.entry.event.blob() {
                found.remove(&blob.id);
            }
        }
        // The entry that names a blob is written right after it; entries a day older than
        // `since` cannot name it. An entry whose clock was not synchronized proves nothing about
        // that.
        if last.entry.clock == ClockQuality::Synced && last.entry.wall_ms < since - ORPHAN_MS {
            break;
        }
    }
    let gone = found.len();
    for id in found {
        files.erase(&id)?;
    }
    Ok(gone)
}

/// Removes files that no notice named for a day in which the gateway ran; gives how many. `ran_ms`
/// is how long it ran since the sweep before.
///
/// # Errors
/// When the folder cannot be read.
pub async fn sweep_attachments(
    journal: &Journal,
    attachments: &Attachments,
    (papers, spoken): (&PaperPages, &SpokenTexts),
    ran_ms: u64,
) -> anyhow::Result<usize> {
    let (journal, attachments) = (journal.clone(), attachments.clone());
    let (papers, spoken) = (papers.clone(), spoken.clone());
    let used = move || -> BTreeSet<String> {
        let state = journal.state();
        state.attachments().map(|a| a.sha256.clone()).collect()
    };
    let swept = move || {
        let named = used();
        let gone = attachments.sweep(used, ran_ms)?;
        Ok::<_, std::io::Error>(gone + papers.sweep(&named)? + spoken.sweep(&named)?)
    };
    Ok(tokio::task::spawn_blocking(swept).await??)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::blob::BlobRef;
    use crate::domain::event::Event;
    use crate::domain::id::{NoticeId, PlaceId};
    use crate::domain::notice::{self, NoticeDetails, NoticeKind};
    use crate::domain::place::{self, Place};
    use crate::journal::{JournalStorage, boot};
    use crate::keys::secret;
    use crate::log::disk::DirDisk;
    use crate::supervisor::clock::Clock;

    const DAY: u64 = 86_400;

    fn open(dir: &Path, clock: &Clock) -> Journal {
        let place = JournalStorage {
            folder: boot::folder(dir),
            disk: Box::new(DirDisk::open(&dir.join("log")).expect("log")),
            village: None,
        };
        Journal::open(place, secret::random().expect("random"), clock.clone())
            .expect("opens")
            .0
    }

    async fn fill(journal: &Journal, from: usize, to: usize) {
        for n in from..to {
            journal
                .submit(CommandRequest::new(
                    Actor::System,
                    place::Command::Declare {
                        place: Place {
                            id: PlaceId::new(&format!("p{n}")).expect("id"),
                            name: "Ngõ".into(),
                        },
                    },
                ))
                .await
                .expect("answered");
        }
        journal.checkpoint().await.expect("asked");
        let packs = journal.history().packs().len();
        for _ in 0..200 {
            if journal.history().packs().len() > packs {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it was not packed");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn old_history_goes_only_when_the_commune_has_it_and_leaves_an_entry() {
        let temporary = tempfile::tempdir().expect("folder");
        let dir = temporary.path();
        let clock = Clock::manual(1_795_232_640_000);
        let index = Index::new(&dir.join("index.redb"));
        let journal = open(dir, &clock);
        fill(&journal, 0, 200).await;
        index.catch_up(&journal.history()).expect("indexed");
        clock.advance(Duration::from_secs(20 * DAY));
        fill(&journal, 200, 300).await;
        assert_eq!(
            trim(&journal, &index, dir, clock.wall_ms(), None)
                .await
                .expect("asked"),
            0,
            "nothing is thirty days old"
        );
        clock.advance(Duration::from_secs(15 * DAY));
        assert_eq!(
            trim(&journal, &index, dir, clock.wall_ms(), Some(10))
                .await
                .expect("asked"),
            0,
            "the commune has not got it"
        );
        let gone = trim(&journal, &index, dir, clock.wall_ms(), Some(250))
            .await
            .expect("asked");
        assert!((200..=202).contains(&gone), "{gone} of the first time");
        let told = journal.before(u64::MAX, 1).await;
        assert!(matches!(
            told[0].entry.event,
            Event::History(history::Event::Trimmed { .. })
        ));
        journal.ping().await.expect("trimmed");
        assert_eq!(journal.history().span().0, gone + 1);
        assert!(
            index
                .by_subject(&journal.history(), "p1", u64::MAX, 5)
                .expect("reads")
                .is_empty()
        );
        journal.shutdown().await.expect("ended");
        let again = open(dir, &clock);
        assert!(
            again.state().places.len() == 300,
            "the village is as it was"
        );
        again.shutdown().await.expect("ended");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_no_entry_names_goes_after_a_day() {
        let temporary = tempfile::tempdir().expect("folder");
        let dir = temporary.path();
        #[expect(clippy::disallowed_methods, reason = "files carry the machine's time")]
        let now = i64::try_from(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .expect("time")
                .as_millis(),
        )
        .map(WallMs::new)
        .expect("number");
        let clock = Clock::manual(now.ms());
        let journal = open(dir, &clock);
        let files = PeopleFiles::open(&dir.join("people"), vec![7; 32]).expect("files");
        let named: BlobRef = files.put_blocking(b"Thong bao").expect("written");
        let orphan = files.put_blocking(b"khong ai goi").expect("written");
        journal
            .submit(CommandRequest::new(
                Actor::System,
                notice::Command::Publish {
                    id: NoticeId::new("n").expect("id"),
                    text: named.clone(),
                    details: NoticeDetails::of(NoticeKind::Notice),
                },
            ))
            .await
            .expect("answered");
        assert_eq!(
            sweep(&journal, &files, now - 3 * ORPHAN_MS, now)
                .await
                .expect("swept"),
            0,
            "it is young"
        );
        assert_eq!(
            sweep(
                &journal,
                &files,
                now - 3 * ORPHAN_MS,
                now + (ORPHAN_MS + 60_000)
            )
            .await
            .expect("swept"),
            1
        );
        assert!(files.get(&named).is_ok() && files.get(&orphan).is_err());
        journal.shutdown().await.expect("ended");
    }
}
