//! Periodic work: readings to disk, the index, a daily checkpoint, certificates, disk space.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::broker_certificate::ServedCertificate;
use super::broker_worker::BrokerService;
use super::retention;
use crate::app::handles::Handles;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::history;
use crate::domain::id::BlobId;
use crate::domain::state::{BlobUse, VillageState};
use crate::http::session::SignIns;
use crate::journal::index::Index;
use crate::journal::{CommandRequest, Journal, SubmitError, scrub};
use crate::store::attachments::Attachments;
use crate::store::disk_space::{self, Ballast};
use crate::store::files::PeopleFiles;
use crate::store::paper_pages::PaperPages;
use crate::store::samples::{ReadingsLoss, Samples};
use crate::store::scrub::Scrub;
use crate::store::spoken_texts::SpokenTexts;
use crate::supervisor::clock::Trust;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::{HealthReason, TextName};
use crate::supervisor::{Stop, Supervisor};
use crate::sync::uplink::RECEIPT_CURSOR;
use crate::time::WallMs;
use crate::web::dashboard::sign_in_log::record_wrong_pins;

/// Minutes between two looks for files that no notice names.
const SWEEP_MINUTES: u64 = 60;

/// Starts periodic work and the scrub of packed history. `certificate` is renewed in time; none =
/// there is none, or nothing to sign it with. `has_commune` = a commune receives the entries of
/// this village.
pub fn start(
    has_commune: bool,
    certificate: Option<ServedCertificate>,
    broker: &BrokerService,
    data: &Path,
    handles: &Handles,
) {
    let maintenance = Maintenance {
        journal: handles.journal.clone(),
        index: handles.index.clone(),
        samples: handles.samples.clone(),
        files: handles.files.clone(),
        attachments: handles.attachments.clone(),
        papers: handles.papers.clone(),
        spoken: handles.spoken.clone(),
        sign_ins: handles.sign_ins.clone(),
        has_commune,
        supervisor: handles.supervisor.clone(),
        data: data.to_owned(),
        certificate,
        broker: broker.clone(),
    };
    handles
        .supervisor
        .service(HealthPart::Maintenance, maintenance, Maintenance::run);
    handles.supervisor.service(
        HealthPart::Scrub,
        (handles.journal.clone(), handles.supervisor.clone()),
        |(journal, supervisor), stop| scrub_history(journal, supervisor, stop),
    );
}

/// The parts that maintenance works with.
#[derive(Clone)]
struct Maintenance {
    journal: Journal,
    index: Index,
    samples: Samples,
    files: PeopleFiles,
    attachments: Attachments,
    papers: PaperPages,
    spoken: SpokenTexts,
    /// With the wrong PINs that are to be recorded.
    sign_ins: SignIns,
    has_commune: bool,
    supervisor: Supervisor,
    data: PathBuf,
    certificate: Option<ServedCertificate>,
    broker: BrokerService,
}

impl Maintenance {
    /// Works every minute until `stop`, or until the journal closed.
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        let mut space = tokio::time::interval(Duration::from_secs(5));
        let mut minutes = 0u64;
        let mut retained: Option<u64> = None;
        let mut people = Scrub::default();
        // How far the clock was trusted at the start, and its offset then from the monotonic time.
        let mut trusted = (
            self.supervisor.clock().trust(),
            self.supervisor.clock().offset_ms(),
        );
        loop {
            tokio::select! {
                _ = minute.tick() => {}
                _ = space.tick() => {
                    self.check_disk_space().await;
                    continue;
                }
                () = stop.soft.cancelled() => break,
            }
            // Changes of the journal wait for the next start once it has failed; the other work
            // goes on.
            let writes = self.journal.failed().borrow().is_none();
            if writes {
                self.record_clock_sync(&mut trusted).await?;
                let due = self.sign_ins.take_wrong_pins(None);
                record_wrong_pins(&self.journal, &self.sign_ins, due).await;
            }
            // The state of a journal that failed does not tell all that notices name.
            if writes && minutes > 0 && minutes.is_multiple_of(SWEEP_MINUTES) {
                let ran_ms = SWEEP_MINUTES * 60_000;
                let (journal, derived) = (&self.journal, (&self.papers, &self.spoken));
                let swept =
                    retention::sweep_attachments(journal, &self.attachments, derived, ran_ms);
                if let Err(cause) = swept.await {
                    tracing::warn!(%cause, "orphan attachment sweep failed");
                }
            }
            self.flush().await;
            self.update_index().await;
            people = self.scrub_blobs(people).await;
            if writes && minutes > 0 && minutes.is_multiple_of(24 * 60) {
                self.journal.checkpoint().await?;
            }
            // Once a day, not in the first minutes of a boot, and as soon as the date becomes
            // known.
            let due = retained.is_none_or(|at| minutes >= at + 24 * 60);
            if writes && minutes >= 10 && due && self.supervisor.clock().trust() == Trust::Synced {
                self.apply_retention().await?;
                retained = Some(minutes);
            }
            self.report_unreadable_blocks();
            if let Some(certificate) = &self.certificate
                && let Err(cause) = certificate.renew(&self.broker, &self.supervisor).await
            {
                tracing::error!(%cause, "certificate renewal failed");
                self.supervisor.health().set_amber(
                    &HealthPart::Certificate,
                    HealthReason::CertificateNotRenewed {
                        error: format!("{cause:#}"),
                    },
                );
            }
            minutes += 1;
        }
        let rest = self.sign_ins.take_all_wrong_pins();
        record_wrong_pins(&self.journal, &self.sign_ins, rest).await;
        self.flush().await;
        Ok(())
    }

    async fn flush(&self) {
        let samples = self.samples.clone();
        match tokio::task::spawn_blocking(move || samples.flush()).await {
            // After a day everything that is shown was recorded since the loss.
            Ok(Ok(())) => self.supervisor.health().set_amber_or_green(
                &HealthPart::Samples,
                self.samples
                    .loss()
                    .filter(|_| self.supervisor.clock().mono_ms().ms() < 24 * 3_600_000)
                    .map(readings_reason),
            ),
            Ok(Err(cause)) => self.supervisor.health().set_amber(
                &HealthPart::Samples,
                HealthReason::ReadingsNotWritten {
                    cause: cause.into(),
                },
            ),
            Err(cause) => tracing::error!(%cause, "flushing samples panicked"),
        }
    }

    async fn update_index(&self) {
        let (index, history) = (self.index.clone(), self.journal.history());
        match tokio::task::spawn_blocking(move || index.catch_up(&history)).await {
            Ok(Ok(anew)) => {
                if anew {
                    tracing::warn!("index rebuilt");
                }
                self.supervisor.health().set_green(&HealthPart::Index);
            }
            Ok(Err(cause)) => self.supervisor.health().set_amber(
                &HealthPart::Index,
                HealthReason::IndexUnusable {
                    cause: cause.into(),
                },
            ),
            Err(cause) => tracing::error!(%cause, "index update panicked"),
        }
    }

    /// Scrubs the next blobs, and reports the state of all.
    async fn scrub_blobs(&self, mut scrub: Scrub) -> Scrub {
        if self.files.is_key_lost() {
            return scrub;
        }
        let (files, state) = (self.files.clone(), self.journal.state());
        let named = referenced_blobs(&state);
        let known: BTreeMap<BlobId, BlobRef> = named
            .iter()
            .map(|(b, _)| (b.id.clone(), b.clone()))
            .collect();
        let looked = tokio::task::spawn_blocking(move || {
            let done = scrub.step(&files, &known, &state.erased);
            (scrub, done)
        });
        let (scrub, done) = match looked.await {
            Ok(looked) => looked,
            Err(cause) => {
                tracing::error!(%cause, "blob scrub panicked");
                return Scrub::default();
            }
        };
        let mut reasons = Vec::new();
        if !scrub.damaged.is_empty() {
            let mut texts: Vec<TextName> = named
                .into_iter()
                .filter(|(b, _)| scrub.damaged.contains(&b.id))
                .map(|(_, name)| name)
                .take(MAX_TEXT_NAMES)
                .collect();
            if texts.is_empty() {
                texts.push(TextName::Old);
            }
            reasons.push(HealthReason::TextsLost {
                n: scrub.damaged.len() as u64,
                texts,
            });
        }
        if scrub.repaired > 0 {
            reasons.push(HealthReason::TextsRepaired { n: scrub.repaired });
        }
        if let Err(cause) = done {
            reasons.push(HealthReason::TextsUnchecked {
                cause: cause.into(),
            });
        }
        self.supervisor
            .health()
            .set_amber_or_green(&HealthPart::Texts, HealthReason::of_all(reasons));
        scrub
    }

    async fn check_disk_space(&self) {
        let ballast = Ballast::of(&self.data);
        let maintained = tokio::task::spawn_blocking(move || ballast.maintain()).await;
        let left = disk_space::free_and_total(&self.data);
        let path = || self.data.display().to_string();
        let reason = match (maintained, left) {
            (Ok(Ok(true)), _) => {
                tracing::warn!("disk full; ballast released for the journal");
                return;
            }
            (_, Err(cause)) | (Ok(Err(cause)), _)
                if !matches!(cause.kind(), std::io::ErrorKind::StorageFull) =>
            {
                Some(HealthReason::SpaceUnknown {
                    path: path(),
                    cause: cause.into(),
                })
            }
            (_, Ok((free, total))) if disk_space::is_low(free, total) => {
                Some(HealthReason::SpaceLow {
                    mb: free >> 20,
                    path: path(),
                })
            }
            _ => match disk_space::inodes(&self.data) {
                Ok((free, all)) if disk_space::is_low_on_inodes(free, all) => {
                    Some(HealthReason::FilesLow {
                        n: free,
                        path: path(),
                    })
                }
                _ => None,
            },
        };
        self.supervisor
            .health()
            .set_amber_or_green(&HealthPart::Space, reason);
    }

    /// When the clock becomes synchronized, an entry records by how much earlier times were wrong.
    async fn record_clock_sync(&self, before: &mut (Trust, i64)) -> anyhow::Result<()> {
        let now = (
            self.supervisor.clock().trust(),
            self.supervisor.clock().offset_ms(),
        );
        if now.0 == Trust::Synced && before.0 != Trust::Synced {
            let offset_ms = now.1.saturating_sub(before.1);
            match self
                .journal
                .submit(CommandRequest::new(
                    Actor::System,
                    history::Command::NoteClock { offset_ms },
                ))
                .await
            {
                Err(SubmitError::Closed(closed)) => return Err(closed.into()),
                _ => tracing::info!(offset_ms, "clock synchronized"),
            }
            *before = now;
        }
        Ok(())
    }

    /// Removes files and history that are too old.
    async fn apply_retention(&self) -> anyhow::Result<()> {
        let now = self.supervisor.clock().wall_ms();
        let committed = self
            .has_commune
            .then(|| self.journal.cursor(RECEIPT_CURSOR));
        // First the sweep: it reads entries that the trim removes. A gateway that was off for a
        // week sweeps that week.
        let mark = self.data.join("swept");
        let since = std::fs::read_to_string(&mark)
            .ok()
            .and_then(|t| t.trim().parse().ok())
            .map_or(WallMs::default(), WallMs::new);
        match retention::sweep(&self.journal, &self.files, since, now).await {
            // Three days are swept again: a file may be older than the clock showed.
            Ok(_) => crate::keys::secret::write_file(
                &mark,
                (now - retention::KEEP_MS / 10).ms().to_string().as_bytes(),
            )?,
            Err(cause) => tracing::warn!(%cause, "orphan blob sweep failed"),
        }
        let gone = retention::trim(&self.journal, &self.index, &self.data, now, committed).await?;
        tracing::info!(entries = gone, "history trimmed");
        Ok(())
    }

    /// Reports blocks of history that could not be read when somebody asked for them.
    fn report_unreadable_blocks(&self) {
        report_unreadable_blocks_of(&self.journal, &self.supervisor);
    }
}

fn report_unreadable_blocks_of(journal: &Journal, supervisor: &Supervisor) {
    let holes = journal.history().unreadable();
    // A journal that failed has reported more, and red.
    if let Some((from, to)) = holes
        .first()
        .filter(|_| journal.failed().borrow().is_none())
    {
        for part in [HealthPart::Journal, HealthPart::History] {
            supervisor.health().set_amber(
                &part,
                HealthReason::BlocksUnreadable {
                    from: *from,
                    to: *to,
                    n: holes.len() as u64,
                },
            );
        }
    }
}

/// Most damaged texts that a reason names.
const MAX_TEXT_NAMES: usize = 3;
/// Pause between two reads of the history scrub.
const SCRUB_PAUSE: Duration = Duration::from_millis(100);
/// Pause between two scrubs.
const SCRUB_INTERVAL: Duration = Duration::from_secs(86_400);

/// Scrubs all packed history in the background once a day.
async fn scrub_history(journal: Journal, supervisor: Supervisor, stop: Stop) -> anyhow::Result<()> {
    loop {
        let seen = tokio::select! {
            seen = scrub::scrub(&journal, SCRUB_PAUSE) => seen,
            () = stop.soft.cancelled() => return Ok(()),
        };
        tracing::debug!(n = seen.blocks, "history scrub finished");
        if seen.snapshots > 0 && journal.failed().borrow().is_none() {
            supervisor.health().set_amber(
                &HealthPart::Journal,
                HealthReason::SnapshotsDamaged {
                    n: seen.snapshots as u64,
                },
            );
        }
        report_unreadable_blocks_of(&journal, &supervisor);
        tokio::select! {
            () = tokio::time::sleep(SCRUB_INTERVAL) => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}

const fn readings_reason(loss: ReadingsLoss) -> HealthReason {
    match loss {
        ReadingsLoss::Missing => HealthReason::ReadingsMissing,
        ReadingsLoss::Damaged => HealthReason::ReadingsDamaged,
        ReadingsLoss::Outdated => HealthReason::ReadingsOutdated,
        ReadingsLoss::Foreign => HealthReason::ReadingsForeign,
    }
}

/// The blobs that the village uses now, each with its name.
fn referenced_blobs(state: &VillageState) -> Vec<(BlobRef, TextName)> {
    let named = |(usage, blob): (BlobUse<'_>, &BlobRef)| {
        let name = match usage {
            BlobUse::Person(id) => TextName::Person { id: id.to_string() },
            BlobUse::Notice(id) => TextName::Notice { id: id.to_string() },
            BlobUse::Announcement(id) => TextName::Announcement { id: id.to_string() },
            BlobUse::Map => TextName::Map,
            BlobUse::HouseLabel(id) => TextName::HouseLabel { id: id.to_string() },
            BlobUse::Procedures => TextName::Procedures,
            BlobUse::StormPlan => TextName::StormPlan,
        };
        (blob.clone(), name)
    };
    state.blobs().map(named).collect()
}
