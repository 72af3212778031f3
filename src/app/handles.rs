//! The handles that every noun of a gateway is started with: the journal, the stores beside it, the
//! current values, the ports, and the supervisor.

use super::secrets::Secrets;
use crate::config::layout::Layout;
use crate::domain::id::VillageId;
use crate::http::session::SignIns;
use crate::journal::index::Index;
use crate::journal::{Journal, JournalStorage, Report, boot};
use crate::keys::secret;
use crate::live::Live;
use crate::log::disk::DirDisk;
use crate::ports::Ports;
use crate::store::attachments::Attachments;
use crate::store::files::PeopleFiles;
use crate::store::paper_pages::PaperPages;
use crate::store::samples::Samples;
use crate::store::session_rows::SessionRows;
use crate::store::spoken_texts::SpokenTexts;
use crate::supervisor::Supervisor;
use crate::supervisor::clock::Clock;
use crate::supervisor::health::{Health, HealthPart};
use crate::supervisor::health_reason::HealthReason;

/// The handles of a gateway; clones are the same.
#[derive(Clone)]
pub struct Handles {
    /// Starts services; has the clock and health.
    pub supervisor: Supervisor,
    /// The journal.
    pub journal: Journal,
    /// The index of history.
    pub index: Index,
    /// Current values.
    pub live: Live,
    /// The ports through which one noun asks another for something.
    pub ports: Ports,
    /// Readings.
    pub samples: Samples,
    /// Rows of the wifi's sessions.
    pub session_rows: SessionRows,
    /// People's files.
    pub files: PeopleFiles,
    /// The files of notices.
    pub attachments: Attachments,
    /// Text and pictures of their papers.
    pub papers: PaperPages,
    /// Texts as sound, for phones.
    pub spoken: SpokenTexts,
    /// The sign-ins of people.
    pub sign_ins: SignIns,
}

impl Handles {
    /// Opens the journal and the stores beside it, and reports their losses. `village` is the id in
    /// the configuration, if there is one.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn open(
        village: Option<VillageId>,
        layout: &Layout,
        secrets: &Secrets,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let supervisor = Supervisor::new(clock);
        let epoch = secret::random::<16>()?;
        let place = JournalStorage {
            folder: boot::folder(&layout.data),
            disk: Box::new(DirDisk::open(&layout.data.join("log"))?),
            village,
        };
        let (journal, report) = Journal::open(place, epoch, supervisor.clock().clone())?;
        report_history(&journal, &report, supervisor.health());
        let files = secrets.files(&layout.data.join("people"))?;
        secrets.report(supervisor.health());
        let epochs: Vec<_> = journal.history().epochs().iter().map(|e| e.epoch).collect();
        let samples = Samples::open(&layout.data.join("samples"), epoch, &epochs)?;
        let sign_ins = SignIns::open(
            &layout.keys(),
            secrets.pepper.clone(),
            secrets.forms.clone(),
            files.clone(),
            supervisor.clock().clone(),
        )?;
        let live = Live::default();
        Ok(Self {
            ports: Ports::new(&live),
            index: Index::new(&layout.data.join("index.redb")),
            supervisor,
            journal,
            live,
            samples,
            session_rows: SessionRows::new(layout.data.join("guests")),
            files,
            attachments: Attachments::open(&layout.data.join("attachments"))?,
            papers: PaperPages::open(&layout.data.join("papers"))?,
            spoken: SpokenTexts::open(&layout.data.join("spoken"))?,
            sign_ins,
        })
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        self.supervisor.clock()
    }
}

/// Reports damage of the journal, found in this start or recorded earlier.
fn report_history(journal: &Journal, report: &Report, health: &Health) {
    let found = report.health_reason();
    if let Some(damage) = &found {
        tracing::warn!(loss = %damage, "journal recovered with damage");
    }
    if report.is_loss() {
        health.set_amber_or_green(&HealthPart::History, found.clone());
    }
    let earlier = (!journal.state().damage.is_empty()).then_some(HealthReason::HistoryDamaged);
    health.set_amber_or_green(&HealthPart::Journal, found.or(earlier));
}
