//! Publishes scheduled notices when their moment comes, and ends those whose time is over.
//!
//! Invariants: what is due is read from the village as it is, so a notice whose moment passed while
//! the power was cut is published at the next start. While the machine does not know the time, or
//! its clock is further ahead than anybody expects (`Clock::may_act`), nothing is published: the
//! page of drafts says so. Nothing ends, and no schedule is given up, while no source has confirmed
//! the time. A notice that cannot be published (there are too many) stays scheduled and is tried
//! again, which is logged once. The decision is in `domain::notice::rules` (`publish_due`).
//! Deliberately absent: a list of what is to come; it would have to be kept true.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::app::handles::Handles;
use crate::domain::actor::Actor;
use crate::domain::notice::Command;
use crate::domain::state::VillageState;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::supervisor::clock::{Clock, Trust};
use crate::supervisor::health::HealthPart;
use crate::supervisor::{Stop, Supervisor};
use crate::time::WallMs;

/// The longest wait between two looks: the wall clock may be set, or become known.
const MAX_WAIT: Duration = Duration::from_secs(15);
/// The shortest wait, ms.
const MIN_WAIT_MS: i64 = 100;

/// Starts the service.
pub fn start(handles: &Handles) {
    let schedule = NoticeSchedule {
        journal: handles.journal.clone(),
        supervisor: handles.supervisor.clone(),
    };
    handles
        .supervisor
        .service(HealthPart::Notices, schedule, NoticeSchedule::run);
}

/// The parts that it works with.
#[derive(Clone)]
struct NoticeSchedule {
    journal: Journal,
    supervisor: Supervisor,
}

impl NoticeSchedule {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut village = self.journal.watch();
        let mut refused = BTreeSet::new();
        loop {
            let state = village.borrow_and_update().clone();
            let clock = self.supervisor.clock();
            carry_out(&self.journal, due(&state, clock), &mut refused).await?;
            let wait = next_moment(&state, clock.wall_ms()).map_or(MAX_WAIT, |at| {
                let ms = at.since(clock.wall_ms()).max(MIN_WAIT_MS);
                Duration::from_millis(ms.unsigned_abs()).min(MAX_WAIT)
            });
            tokio::select! {
                changed = village.changed() => changed?,
                () = tokio::time::sleep(wait) => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
        }
    }
}

/// The commands that are due, each with the entry that led to it; none while the time is unknown.
/// A draft whose own time is over loses its schedule, so that waits for a confirmed clock. Pages
/// show no notice beyond its end anyway. The event of its end waits for a clock that a source
/// has confirmed: it stays, also when a clock that had jumped ahead comes back.
fn due(state: &VillageState, clock: &Clock) -> Vec<(u64, Command)> {
    if !clock.may_act() {
        return Vec::new();
    }
    let now = clock.wall_ms();
    let is_sure = clock.trust() == Trust::Synced;
    let drafts = state.drafts.values();
    let drafts = drafts.filter(|d| d.publish_at.is_some_and(|at| at <= now));
    let drafts = drafts.filter(|d| is_sure || !d.details.is_over(now));
    let publish = drafts.map(|d| (d.order, Command::PublishDue { id: d.id.clone() }));
    let over = state.notices.values();
    let over = over.filter(|n| is_sure && n.details.is_over(now));
    let expire = over.map(|n| (n.order, Command::Expire { id: n.id.clone() }));
    publish.chain(expire).collect()
}

/// The next moment at which something is due.
fn next_moment(state: &VillageState, now: WallMs) -> Option<WallMs> {
    let published = state.drafts.values().filter_map(|d| d.publish_at);
    let over = state.notices.values().filter_map(|n| n.details.until);
    // A notice is shown in the millisecond of its end.
    let over = over.map(|until| until + 1);
    published.chain(over).filter(|at| *at > now).min()
}

/// Submits commands, one after the other. `refused` are the causes of those that were rejected
/// before and are still due: each is logged once, and again when the notice has changed.
async fn carry_out(
    journal: &Journal,
    commands: Vec<(u64, Command)>,
    refused: &mut BTreeSet<u64>,
) -> anyhow::Result<()> {
    refused.retain(|seq| commands.iter().any(|(cause, _)| cause == seq));
    for (cause, command) in commands {
        let request = CommandRequest::new(Actor::System, command).caused_by(cause);
        match journal.submit(request).await {
            Ok(_) => {}
            // The village changed in between, or there is no room: the next look tells.
            Err(SubmitError::Rejected(why)) => {
                if refused.insert(cause) {
                    tracing::warn!(seq = cause, %why, "due notice not carried out; trying again");
                }
            }
            Err(SubmitError::Closed(closed)) => return Err(closed.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::blob::BlobRef;
    use crate::domain::id::{BlobId, NoticeId};
    use crate::domain::notice::{NoticeDetails, NoticeKind};
    use crate::journal::{JournalStorage, boot};
    use crate::keys::secret;
    use crate::log::disk::DirDisk;

    const NOON: i64 = 1_795_232_640_000;

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

    fn id(name: &str) -> NoticeId {
        NoticeId::new(name).expect("id")
    }

    async fn schedule(journal: &Journal, name: &str, publish_at: i64, until: Option<i64>) {
        let text = BlobRef {
            id: BlobId::new("b").expect("id"),
            mac: "00".repeat(32),
            len: 1,
        };
        let order = Command::Schedule {
            id: id(name),
            text,
            details: NoticeDetails::of(NoticeKind::Meeting).until(until.map(WallMs::new)),
            publish_at: WallMs::new(publish_at),
        };
        let request = CommandRequest::new(Actor::LocalAdmin, order);
        journal.submit(request).await.expect("scheduled");
    }

    async fn look(journal: &Journal, clock: &Clock) {
        let commands = due(&journal.state(), clock);
        let mut refused = BTreeSet::new();
        carry_out(journal, commands, &mut refused)
            .await
            .expect("open");
    }

    #[tokio::test]
    async fn a_rejection_is_logged_once_as_long_as_it_is_due() {
        let temporary = tempfile::tempdir().expect("folder");
        let clock = Clock::manual(NOON);
        let journal = open(temporary.path(), &clock);
        let mut refused = BTreeSet::new();
        let none = || vec![(7, Command::PublishDue { id: id("khong") })];
        for _ in 0..2 {
            carry_out(&journal, none(), &mut refused)
                .await
                .expect("open");
            assert_eq!(refused, BTreeSet::from([7]));
        }
        let nothing = Vec::new();
        carry_out(&journal, nothing, &mut refused)
            .await
            .expect("open");
        assert!(refused.is_empty(), "it may be told anew");
        journal.shutdown().await.expect("stopped");
    }

    #[tokio::test]
    async fn a_notice_whose_moment_passed_in_a_power_cut_is_published_at_the_next_start() {
        let temporary = tempfile::tempdir().expect("folder");
        let clock = Clock::manual(NOON);
        let journal = open(temporary.path(), &clock);
        schedule(&journal, "hop", NOON + 60_000, Some(NOON + 300_000)).await;
        schedule(&journal, "qua", NOON + 60_000, Some(NOON + 90_000)).await;
        assert_eq!(
            next_moment(&journal.state(), clock.wall_ms()),
            Some(WallMs::new(NOON + 60_000))
        );
        look(&journal, &clock).await;
        assert!(journal.state().notices.is_empty(), "it is not time yet");
        journal.shutdown().await.expect("stopped");

        // The power is back, and the machine does not know what time it is.
        let lost = Clock::unknown(5_000);
        let journal = open(temporary.path(), &lost);
        look(&journal, &lost).await;
        assert!(journal.state().notices.is_empty(), "it waits for the time");
        journal.shutdown().await.expect("stopped");

        let clock = Clock::manual(NOON + 120_000);
        let journal = open(temporary.path(), &clock);
        look(&journal, &clock).await;
        let state = journal.state();
        assert_eq!(state.notices[&id("hop")].at, WallMs::new(NOON + 120_000));
        let told = journal.before(u64::MAX, 2).await;
        assert!(told.iter().all(|entry| entry.entry.cause.is_some()));
        // The other one's own time is over: a person decides what becomes of it.
        assert_eq!(state.drafts[&id("qua")].publish_at, None);
        assert_eq!((state.notices.len(), state.drafts.len()), (1, 1));

        clock.set_wall(NOON + 300_000);
        look(&journal, &clock).await;
        assert!(journal.state().ended.is_empty(), "its last millisecond");
        clock.set_wall(NOON + 300_001);
        look(&journal, &clock).await;
        assert!(journal.state().ended[&id("hop")].is_expired);
        assert!(due(&journal.state(), &clock).is_empty());
        journal.shutdown().await.expect("stopped");
    }

    /// The clock of a machine whose battery was changed shows 2029.
    #[tokio::test]
    async fn a_clock_that_jumped_ahead_neither_publishes_nor_gives_a_schedule_up() {
        const THREE_YEARS: i64 = 3 * 365 * 86_400_000;
        let temporary = tempfile::tempdir().expect("folder");
        let clock = Clock::manual(NOON);
        let journal = open(temporary.path(), &clock);
        let until = NOON + 7 * 86_400_000;
        schedule(&journal, "hop", NOON + 3_600_000, None).await;
        schedule(&journal, "qua", NOON + 3_600_000, Some(until)).await;
        journal.shutdown().await.expect("stopped");

        let ahead = Clock::restored(NOON + THREE_YEARS, NOON);
        assert_eq!(ahead.trust(), Trust::Restored);
        let journal = open(temporary.path(), &ahead);
        look(&journal, &ahead).await;
        let state = journal.state();
        assert!(state.notices.is_empty() && state.drafts.len() == 2);
        assert!(state.drafts.values().all(|d| d.publish_at.is_some()));
        journal.shutdown().await.expect("stopped");

        // Some days late, and unconfirmed: what can still be said is said.
        let late = Clock::restored(until - 1_000, NOON + 86_400_000);
        let journal = open(temporary.path(), &late);
        schedule(&journal, "mai", until - 2_000, Some(until - 1_500)).await;
        look(&journal, &late).await;
        let state = journal.state();
        assert_eq!(state.notices.len(), 2);
        assert!(
            state.drafts[&id("mai")].publish_at.is_some(),
            "it is not sure"
        );
        late.set_synced();
        look(&journal, &late).await;
        assert_eq!(journal.state().drafts[&id("mai")].publish_at, None);
        journal.shutdown().await.expect("stopped");
    }

    /// A form reckons its days from the time that is believed.
    #[tokio::test]
    async fn a_notice_is_published_also_while_the_clock_shows_nonsense() {
        let temporary = tempfile::tempdir().expect("folder");
        let lost = Clock::restored(NOON + 73 * 365 * 86_400_000, NOON);
        assert_eq!(lost.trust(), Trust::None);
        let journal = open(temporary.path(), &lost);
        let text = BlobRef {
            id: BlobId::new("b").expect("id"),
            mac: "00".repeat(32),
            len: 1,
        };
        let until = |at: WallMs| Some(at + 7 * 86_400_000);
        let publish = |name: &str, until| Command::Publish {
            id: id(name),
            text: text.clone(),
            details: NoticeDetails::of(NoticeKind::Warning).until(until),
        };
        let order = publish("bao", until(lost.trusted_ms()));
        let request = CommandRequest::new(Actor::LocalAdmin, order);
        journal.submit(request).await.expect("published");
        let over = publish("cu", Some(lost.trusted_ms() - 1));
        let request = CommandRequest::new(Actor::LocalAdmin, over);
        assert!(journal.submit(request).await.is_err(), "it would be over");
        journal.shutdown().await.expect("stopped");
    }
}
