//! Messages, a broker state and a persistence log in a folder of its own, for the tests beside this
//! file. Each start checks that no message is read which was never published.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::PersistenceLog;
use super::record::{PersistedChange, SessionHeader};
use super::store::PersistenceFiles;
use crate::broker::core::message::Message;
use crate::broker::core::state::BrokerState;
use crate::protocol::broker::{DataLoss, Limits};
use crate::protocol::mqtt::{PacketId, QoS};
use crate::supervisor::clock::Clock;

pub(super) const RETAINED: usize = 400;
/// The wall-clock second of the next start; each start has its own.
static NEXT_START_S: AtomicU64 = AtomicU64::new(100);

pub(super) struct LogFixture {
    pub(super) root: tempfile::TempDir,
    pub(super) log_folder: PathBuf,
}

pub(super) fn message(topic: &str, payload: &str) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        payload: payload.as_bytes().into(),
        qos: QoS::AtLeastOnce,
        retain: true,
        forwarded_properties: bytes::Bytes::new(),
        expires_at: None,
    })
}

fn numbered(n: usize) -> Arc<Message> {
    message(&format!("d/den-01/{n}"), &format!("ON {n}"))
}

pub(super) fn core() -> BrokerState {
    BrokerState::new(
        Limits::default(),
        crate::protocol::broker::default_durability_rules(),
        Clock::manual(1_800_000_000_000),
    )
}

pub(super) fn session_header(session: u64) -> PersistedChange {
    PersistedChange::Session(SessionHeader {
        session,
        account: "den-01".into(),
        client_id: format!("den-{session}"),
        credential: String::new(),
        expiry_s: 3600,
        disconnected_at: None,
        last_packet_id: Some(PacketId::FIRST),
    })
}

impl LogFixture {
    pub(super) fn empty() -> Self {
        let root = tempfile::tempdir().expect("folder");
        Self {
            log_folder: root.path().join("broker/ledger"),
            root,
        }
    }

    /// 400 retained messages and a session, in groups of ten, ended as planned.
    pub(super) fn new() -> Self {
        let village = Self::empty();
        village.append_retained(0..RETAINED);
        village
    }

    pub(super) fn append_retained(&self, which: std::ops::Range<usize>) {
        let (mut log, now, owner): (_, _, Arc<str>) =
            (PersistenceLog::default(), Instant::now(), "den-01".into());
        let (mut store, found) = PersistenceFiles::open(
            &self.log_folder,
            crate::keys::secret::random().expect("random"),
            false,
        )
        .expect("opens");
        assert_eq!(
            store.report_loss(&found, 1).filter(|l| l.found_at_s == 1),
            None,
            "nothing is lost while nothing was hurt"
        );
        if which.start == 0 {
            log.record(&owner, session_header(7), None);
        }
        let end = which.end;
        for n in which {
            // Each account has a quota of its own.
            let owner = format!("den-{:02}", n % 4).into();
            log.enqueue_retained(&owner, &numbered(n).topic.clone(), Some(numbered(n)), None);
            if n % 10 == 9 {
                store
                    .write(log.take_batch(None, now, 0).records.into_iter())
                    .expect("written");
            }
        }
        store.write_watermark((end as u64, 1));
    }

    /// Opens it as the broker does. Returns the state, and the loss that was reported.
    pub(super) fn start_broker(&self) -> (BrokerState, Option<DataLoss>) {
        let now = Instant::now();
        let mut core = core();
        let (mut store, found) = PersistenceFiles::open(
            &self.log_folder,
            crate::keys::secret::random().expect("random"),
            true,
        )
        .expect("it opens whatever became of it");
        let wall = NEXT_START_S.fetch_add(1, Ordering::SeqCst);
        let loss = store
            .report_loss(&found, wall)
            .filter(|l| l.found_at_s == wall);
        found.restore_into(&mut core, now);
        for (_, m) in core.retained.matching("#", now) {
            let n = m.topic.rsplit('/').next().expect("number");
            assert_eq!(
                &m.payload[..],
                format!("ON {n}").as_bytes(),
                "nobody published this"
            );
        }
        if store.wants_snapshot() {
            store.write_snapshot(&core.snapshot(now)).expect("dumped");
        }
        store.write_watermark(core.persistent_counts());
        (core, loss)
    }

    /// Numbers of retained messages and sessions after the damage, and the loss that was reported.
    /// The next start must find the same and report nothing new.
    pub(super) fn start_after_damage(
        &self,
        damage: impl FnOnce(&Path),
    ) -> (usize, usize, Option<DataLoss>) {
        damage(&self.log_folder);
        let (core, loss) = self.start_broker();
        let there = (core.retained.len(), core.sessions.len());
        let (again, more) = self.start_broker();
        assert_eq!(
            (again.retained.len(), again.sessions.len()),
            there,
            "it is written anew"
        );
        assert_eq!(more, None, "told once");
        (there.0, there.1, loss)
    }
}

pub(super) fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("dir")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    all.sort();
    all
}

pub(super) fn edit_segments(folder: &Path, change: impl Fn(&mut Vec<u8>)) {
    for path in segments(folder) {
        let mut bytes = std::fs::read(&path).expect("read");
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("write");
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("dir") {
        let entry = entry.expect("entry");
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}
