//! What must be done every so often: readings to disk, the index, a daily checkpoint, certificates,
//! space.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::broker::Broker;
use super::retention;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::command::Command;
use crate::domain::id::BlobId;
use crate::domain::state::State;
use crate::journal::index::Index;
use crate::journal::{Journal, SubmitError, Wish, walk};
use crate::keys::authority::{Files, HOUSE};
use crate::store::files::Files as PeopleFiles;
use crate::store::look::Walk;
use crate::store::samples::Samples;
use crate::store::space::{self, Ballast};
use crate::supervisor::clock::{Clock, Trust};
use crate::supervisor::health::Light;
use crate::supervisor::{Stop, Supervisor};
use crate::sync::uplink::RECEIPT;

/// What housekeeping works with.
#[derive(Clone)]
pub struct Housekeeping {
    /// The journal.
    pub journal: Journal,
    /// Its index.
    pub index: Index,
    /// Readings.
    pub samples: Samples,
    /// People's files.
    pub files: PeopleFiles,
    /// A commune gets what happens here.
    pub has_commune: bool,
    /// The house.
    pub house: Supervisor,
    /// The data folder.
    pub data: PathBuf,
    /// The broker's certificate, its names, and the folder of the house's CA; none = no TLS door.
    pub certificate: Option<Certificate>,
    /// The broker.
    pub broker: Broker,
}

impl Housekeeping {
    /// Works every minute until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(&self, stop: Stop) -> anyhow::Result<()> {
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        let mut space = tokio::time::interval(Duration::from_secs(5));
        let mut minutes = 0u64;
        let mut retained: Option<u64> = None;
        let mut people = Walk::default();
        // What the clock was worth when the house began, and how far it then stood from the time
        // since.
        let mut trusted = (self.house.clock().trust(), self.house.clock().offset_ms());
        loop {
            tokio::select! {
                _ = minute.tick() => {}
                _ = space.tick() => {
                    self.look_at_space().await;
                    continue;
                }
                () = stop.soft.cancelled() => break,
            }
            // What the journal must know waits for the next start; the rest goes on without it.
            let writes = self.journal.failed().borrow().is_none();
            if writes {
                self.note_clock(&mut trusted).await?;
            }
            self.flush().await;
            self.index_up_to_date().await;
            people = self.look_at_people(people).await;
            if writes && minutes > 0 && minutes.is_multiple_of(24 * 60) {
                self.journal.checkpoint().await?;
            }
            // Once a day, not in the first minutes of a boot, and whenever the date comes to be
            // known.
            let due = retained.is_none_or(|at| minutes >= at + 24 * 60);
            if writes && minutes >= 10 && due && self.house.clock().trust() == Trust::Synced {
                self.retain().await?;
                retained = Some(minutes);
            }
            self.tell_holes();
            if let Some(certificate) = &self.certificate
                && let Err(cause) = renew(&self.house, &self.broker, certificate).await
            {
                tracing::error!(%cause, "a certificate could not be renewed");
                self.house
                    .health()
                    .set("certificate", Light::Amber, &cause.to_string());
            }
            minutes += 1;
        }
        self.flush().await;
        Ok(())
    }

    async fn flush(&self) {
        let samples = self.samples.clone();
        match tokio::task::spawn_blocking(move || samples.flush()).await {
            // After a day all that is shown was taken since.
            Ok(Ok(())) => match self
                .samples
                .lost()
                .filter(|_| self.house.clock().mono_ms() < 24 * 3_600_000)
            {
                Some(why) => self.house.health().set(
                    "samples",
                    Light::Amber,
                    &format!("{why}: một phần số đo của ngày qua đã mất"),
                ),
                None => self.house.health().set("samples", Light::Green, ""),
            },
            Ok(Err(cause)) => self.house.health().set(
                "samples",
                Light::Amber,
                &format!("readings could not be written: {cause}"),
            ),
            Err(cause) => tracing::error!(%cause, "writing readings panicked"),
        }
    }

    async fn index_up_to_date(&self) {
        let (index, history) = (self.index.clone(), self.journal.history());
        match tokio::task::spawn_blocking(move || index.catch_up(&history)).await {
            Ok(Ok(anew)) => {
                if anew {
                    tracing::warn!("the index was built again from history");
                }
                self.house.health().set("index", Light::Green, "");
            }
            Ok(Err(cause)) => self.house.health().set(
                "index",
                Light::Amber,
                &format!("the index cannot be used: {cause}"),
            ),
            Err(cause) => tracing::error!(%cause, "the index panicked"),
        }
    }

    /// The next of people's files, and what is told of all.
    async fn look_at_people(&self, mut walk: Walk) -> Walk {
        if self.files.is_locked() {
            return walk;
        }
        let (files, state) = (self.files.clone(), self.journal.state());
        let named = named(&state);
        let known: BTreeMap<BlobId, BlobRef> = named
            .iter()
            .map(|(b, _)| (b.id.clone(), b.clone()))
            .collect();
        let looked = tokio::task::spawn_blocking(move || {
            let done = walk.step(&files, &known, &state.erased);
            (walk, done)
        });
        let (walk, done) = match looked.await {
            Ok(looked) => looked,
            Err(cause) => {
                tracing::error!(%cause, "looking at people's files panicked");
                return Walk::default();
            }
        };
        let mut told = Vec::new();
        if !walk.damaged.is_empty() {
            let names: Vec<&str> = named
                .iter()
                .filter(|(b, _)| walk.damaged.contains(&b.id))
                .map(|(_, name)| name.as_str())
                .take(3)
                .collect();
            let which = if names.is_empty() {
                "cũ, không còn trên trang".to_owned()
            } else {
                names.join(", ")
            };
            told.push(format!(
                "{} nội dung hỏng hoặc mất cả hai bản: {which}",
                walk.damaged.len()
            ));
        }
        if walk.mended > 0 {
            told.push(format!(
                "{} nội dung hỏng một bản, đã chép lại từ bản kia",
                walk.mended
            ));
        }
        if let Err(cause) = done {
            told.push(format!("chưa xem được hết các tệp của dân: {cause}"));
        }
        let light = if told.is_empty() {
            Light::Green
        } else {
            Light::Amber
        };
        self.house.health().set("people", light, &told.join("; "));
        walk
    }

    async fn look_at_space(&self) {
        let ballast = Ballast::of(&self.data);
        let kept = tokio::task::spawn_blocking(move || ballast.keep()).await;
        let left = space::of(&self.data);
        let told = match (kept, left) {
            (Ok(Ok(true)), _) => {
                tracing::warn!("the disk is full; the ballast was given back for the journal");
                return;
            }
            (_, Err(cause)) | (Ok(Err(cause)), _)
                if !matches!(cause.kind(), std::io::ErrorKind::StorageFull) =>
            {
                cause.to_string()
            }
            (_, Ok((free, total))) if space::is_little(free, total) => {
                format!("{} MB are left on {}", free >> 20, self.data.display())
            }
            _ => match space::files_of(&self.data) {
                Ok((free, all)) if space::are_few(free, all) => format!(
                    "{free} files more fit on {}, whatever their size",
                    self.data.display()
                ),
                _ => String::new(),
            },
        };
        self.house.health().set(
            "space",
            if told.is_empty() {
                Light::Green
            } else {
                Light::Amber
            },
            &told,
        );
    }

    /// When the time becomes known, an entry says by how much what came before was wrong.
    async fn note_clock(&self, before: &mut (Trust, i64)) -> anyhow::Result<()> {
        let now = (self.house.clock().trust(), self.house.clock().offset_ms());
        if now.0 == Trust::Synced && before.0 != Trust::Synced {
            let offset_ms = now.1.saturating_sub(before.1);
            match self
                .journal
                .submit(Wish::new(Actor::House, Command::NoteClock { offset_ms }))
                .await
            {
                Err(SubmitError::Closed(closed)) => return Err(closed.into()),
                _ => tracing::info!(offset_ms, "the time is known now"),
            }
            *before = now;
        }
        Ok(())
    }

    /// Lets go what is too old.
    async fn retain(&self) -> anyhow::Result<()> {
        let now = self.house.clock().wall_ms();
        let receipt = self.has_commune.then(|| self.journal.cursor(RECEIPT));
        // First the sweep: it reads the entries that the trim lets go. A house that was off for a
        // week looks at that week.
        let mark = self.data.join("swept");
        let since = std::fs::read_to_string(&mark)
            .ok()
            .and_then(|t| t.trim().parse().ok())
            .unwrap_or(0);
        match retention::sweep(&self.journal, &self.files, since, now).await {
            // Three days are looked at again: a file may be older than the clock said.
            Ok(_) => crate::keys::secret::write_file(
                &mark,
                (now - retention::KEEP_MS / 10).to_string().as_bytes(),
            )?,
            Err(cause) => tracing::warn!(%cause, "files that nobody names could not be looked for"),
        }
        let gone = retention::trim(&self.journal, &self.index, &self.data, now, receipt).await?;
        tracing::info!(entries = gone, "what is too old is gone");
        Ok(())
    }

    /// Blocks of history that could not be read when somebody asked.
    fn tell_holes(&self) {
        tell_holes(&self.journal, &self.house);
    }
}

fn tell_holes(journal: &Journal, house: &Supervisor) {
    let holes = journal.history().unreadable();
    // One that failed says more, and red.
    if let Some((from, to)) = holes
        .first()
        .filter(|_| journal.failed().borrow().is_none())
    {
        for part in ["journal", "history"] {
            house.health().set(
                part,
                Light::Amber,
                &format!(
                    "packed history from entry {from} to {to} cannot be read ({} such places)",
                    holes.len()
                ),
            );
        }
    }
}

/// Pause between two reads of the slow look at packed history.
const STRIDE: Duration = Duration::from_millis(100);
/// Pause between two looks.
const LOOK: Duration = Duration::from_secs(86_400);

/// Looks at everything that is packed, behind open doors and once a day.
///
/// # Errors
/// Never by itself; the type fits a service.
pub async fn walk(journal: Journal, house: Supervisor, stop: Stop) -> anyhow::Result<()> {
    loop {
        let seen = tokio::select! {
            seen = walk::walk(&journal, STRIDE) => seen,
            () = stop.soft.cancelled() => return Ok(()),
        };
        tracing::debug!(seen.blocks, "packed history was looked at");
        if seen.snapshots > 0 && journal.failed().borrow().is_none() {
            house.health().set("journal", Light::Amber, &format!("{} snapshots were damaged and are made again; nothing is missing, look at the card", seen.snapshots));
        }
        tell_holes(&journal, &house);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}

/// People's files that the village uses now, and what each is of.
fn named(state: &State) -> Vec<(BlobRef, String)> {
    let people = state
        .users
        .values()
        .map(|u| (u.record.clone(), format!("hồ sơ của {}", u.id)));
    let notices = state
        .notices
        .values()
        .map(|n| (n.text.clone(), format!("thông báo {}", n.id)));
    let said = state
        .announcements
        .values()
        .map(|a| (a.text.clone(), format!("câu phát loa {}", a.id)));
    people.chain(notices).chain(said).collect()
}

/// A broker's certificate, its names, and the folder of the CA that signs it.
pub type Certificate = (Files, Vec<String>, PathBuf);

/// The common name of a broker's certificate.
const SERVER: &str = "cong-lang";

/// Makes a broker's certificate anew when it ends soon or counts as none, without dropping a
/// connection: also as soon as a clock that was wrong is right again.
///
/// # Errors
/// When the CA cannot be loaded or a file cannot be written.
pub async fn renew(
    house: &Supervisor,
    broker: &Broker,
    certificate: &Certificate,
) -> anyhow::Result<()> {
    if serve_certificate(certificate, house.clock())? {
        broker.renew_certificate().await;
        tracing::info!("the broker's certificate was renewed");
    }
    house.health().set("certificate", Light::Green, "");
    Ok(())
}

/// Makes a certificate for the broker from the house's CA when one is due; true = it was made.
///
/// # Errors
/// When the CA cannot be loaded or a file cannot be written.
pub fn serve_certificate(
    (files, names, folder): &Certificate,
    clock: &Clock,
) -> std::io::Result<bool> {
    let due = files.is_due(folder, clock);
    if due {
        files.make(folder, HOUSE, SERVER, names, clock)?;
    }
    Ok(due)
}
