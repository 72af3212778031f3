//! Why a part of the gateway or of the commune's server is not green, as a value.
//!
//! Invariant: a reason is a value everywhere; its sentence is made where somebody reads it, in the
//! reader's language (`i18n::reason_text`). The words in JSON (`is`) are stable, because programs
//! compare them. Details that come from the network were made clean, short lines by the code that
//! makes the reason (`domain::text::line`).

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::broker_loss::BrokerLoss;
use super::io_cause::IoCause;
use super::reason_enum::{ReasonDetail, reason_enum};
pub use super::text_name::TextName;
use crate::time::WallMs;

impl From<&WallMs> for ReasonDetail<'_> {
    fn from(moment: &WallMs) -> Self {
        Self::Moment(*moment)
    }
}

reason_enum! {
    /// A reason.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum HealthReason {
        /// Several reasons at once.
        Several {
            /// They.
            reasons: Vec<HealthReason>,
        } = "health-several", "advice-log";

        /// A part that was started has not shown yet that it works.
        Starting = "health-starting", "advice-starting";
        /// A service ended by itself.
        ServiceEnded = "health-service-ended", "advice-log";
        /// A service failed.
        ServiceFailed {
            /// The error with its causes, for a technician.
            error: String,
        } = "health-service-failed", "advice-log";
        /// A service panicked.
        ServicePanicked {
            /// The panic's text.
            error: String,
        } = "health-service-panicked", "advice-bug";

        /// A worker could not be started.
        WorkerNotStarted {
            /// Why.
            cause: IoCause,
        } = "health-worker-not-started", "advice-log";
        /// A worker exited.
        WorkerExited {
            /// Its exit code.
            code: u64,
        } = "health-worker-exited", "advice-log";
        /// A signal ended a worker.
        WorkerKilled {
            /// The number of the signal.
            signal: u64,
        } = "health-worker-killed", "advice-log";
        /// How a worker ended is not known.
        WorkerEnded {
            /// Why not.
            cause: IoCause,
        } = "health-worker-ended", "advice-log";
        /// A worker closed its output.
        WorkerClosedOutput = "health-worker-closed-output", "advice-log";
        /// A worker does not read its commands.
        WorkerNotReading {
            /// Why.
            cause: IoCause,
        } = "health-worker-not-reading", "advice-log";
        /// A worker wrote more than it may.
        WorkerFlooded = "health-worker-flooded", "advice-bug";
        /// A worker was silent.
        WorkerSilent {
            /// How long, s.
            seconds: u64,
        } = "health-worker-silent", "advice-log";
        /// A worker used too much memory.
        WorkerTooLarge {
            /// The memory that it used, MB.
            used_mb: u64,
            /// The memory that it may use, MB.
            allowed_mb: u64,
        } = "health-worker-too-large", "advice-log";
        /// A worker was ended because the gateway ends.
        WorkerStopped = "health-worker-stopped";

        /// The network helper's socket cannot be reached.
        NetworkHelperUnreachable {
            /// The socket.
            socket: String,
            /// Why.
            cause: IoCause,
        } = "health-network-helper-unreachable", "advice-network-helper";
        /// The network helper does not answer.
        NetworkHelperSilent = "health-network-helper-silent", "advice-network-helper";
        /// The network helper refused the rules.
        NetworkRefused {
            /// The output of the kernel's tool.
            detail: String,
        } = "health-network-refused", "advice-network-refused";
        /// The network helper was started with another section `[network]`.
        NetworkPlanDiffers = "health-network-plan-differs", "advice-network-plan";
        /// The key of the guests' ids is lost, so nobody new is let in.
        GuestKeyLost = "health-guest-key-lost", "advice-guest-key";
        /// An interface of a segment is not there.
        InterfaceMissing {
            /// The interface.
            interface: String,
        } = "health-interface-missing", "advice-interface";
        /// There is no way to the internet.
        InternetDown = "health-internet-down", "advice-internet";
        /// The internet is paid by the byte, and guests have none of it.
        InternetMetered = "health-internet-metered", "advice-internet-metered";
        /// The internet is paid by the byte, and guests may use some of it.
        InternetMeteredOpen {
            /// The most that they may use today, MB.
            mb: u64,
        } = "health-internet-metered-open", "advice-internet-metered";
        /// The forwarder of names cannot listen.
        NamesNotServed {
            /// The address.
            address: String,
            /// Why.
            cause: IoCause,
        } = "health-names-not-served", "advice-names";
        /// The village wants the block list, and the configuration names no file.
        BlockListMissing = "health-block-list-missing", "advice-block-list-missing";
        /// The block list cannot be read.
        BlockListUnreadable {
            /// The file.
            path: String,
        } = "health-block-list-unreadable", "advice-block-list";

        /// The broker's worker does not serve yet.
        BrokerNotReady = "health-broker-not-ready", "advice-log";
        /// The broker cannot write its persistence log.
        BrokerStorageFailing = "health-broker-storage-failing", "advice-queues-full";
        /// The broker dropped messages because a recipient's queue was full.
        MessagesDropped {
            /// How many.
            n: u64,
        } = "health-messages-dropped", "advice-queues";
        /// The persistence log is damaged in part.
        BrokerLogDamaged {
            /// The loss.
            loss: BrokerLoss,
            /// When it was found.
            found: WallMs,
        } = "health-broker-log-damaged", "advice-ledger";
        /// The persistence log is gone or empty.
        BrokerLogMissing {
            /// The loss.
            loss: BrokerLoss,
            /// When it was found.
            found: WallMs,
        } = "health-broker-log-missing", "advice-ledger";
        /// The persistence log is an old copy without its end.
        BrokerLogOutdated {
            /// The loss.
            loss: BrokerLoss,
            /// When it was found.
            found: WallMs,
        } = "health-broker-log-outdated", "advice-ledger";
        /// The persistence log is another machine's.
        BrokerLogForeign {
            /// The loss.
            loss: BrokerLoss,
            /// When it was found.
            found: WallMs,
        } = "health-broker-log-foreign", "advice-ledger";

        /// The commune has more entries than this machine.
        HistoryShorter {
            /// How many more.
            n: u64,
            /// When it was found.
            found: WallMs,
        } = "health-history-shorter", "advice-commune";
        /// The commune knows a newer boot than the one that this machine reports.
        HistoryOlder {
            /// This machine's boot.
            boot: u64,
            /// The highest boot that the commune knows.
            highest: u64,
            /// When it was found.
            found: WallMs,
        } = "health-history-older", "advice-commune";
        /// Two machines speak for this village.
        HistoryTwin {
            /// When it was found.
            found: WallMs,
        } = "health-history-twin", "advice-commune";
        /// One number names different entries here and at the commune.
        HistoryDiffers {
            /// When it was found.
            found: WallMs,
        } = "health-history-differs", "advice-commune";

        /// The journal cannot be written.
        JournalNotWritable {
            /// Why.
            cause: IoCause,
        } = "health-journal-not-writable", "advice-queues-full";
        /// The journal's writer ended without a reason.
        JournalEnded = "health-journal-ended", "advice-log";
        /// An entry is not what the hash chain records.
        EntryChanged {
            /// The entry.
            entry: u64,
        } = "health-entry-changed", "advice-journal-check";
        /// Entries are missing.
        EntriesMissing {
            /// The first.
            from: u64,
            /// The last.
            to: u64,
        } = "health-entries-missing", "advice-journal-check";
        /// Packs are damaged and were set aside.
        PacksDamaged {
            /// How many.
            n: u64,
        } = "health-packs-damaged", "advice-journal-check";
        /// Packs were missing or damaged and are made again from the log.
        PacksRebuilt {
            /// How many.
            n: u64,
        } = "health-packs-rebuilt", "advice-journal-check";
        /// Files of another village, or of a copy of this one, were set aside.
        FilesForeign {
            /// How many.
            n: u64,
        } = "health-files-foreign", "advice-journal-check";
        /// Segments of the log were truncated.
        SegmentsTruncated {
            /// How many.
            n: u64,
        } = "health-segments-truncated", "advice-journal-check";
        /// Files of the log were removed.
        SegmentsMissing {
            /// How many.
            n: u64,
        } = "health-segments-missing", "advice-journal-check";
        /// Files in the log's folder have numbers that the log never gave.
        SegmentsStray {
            /// How many.
            n: u64,
        } = "health-segments-stray", "advice-journal-check";
        /// Groups or records of the log cannot be read.
        RecordsUnreadable {
            /// How many.
            n: u64,
        } = "health-records-unreadable", "advice-journal-check";
        /// Snapshots were damaged and are made again.
        SnapshotsDamaged {
            /// How many.
            n: u64,
        } = "health-snapshots-damaged", "advice-journal-check";
        /// The village was made from its entries, because no snapshot could be used.
        StateFolded = "health-state-folded", "advice-journal-check";
        /// An earlier start found damage.
        HistoryDamaged = "health-history-damaged", "advice-journal-check";
        /// Packed entries cannot be read.
        BlocksUnreadable {
            /// The first entry of the first place.
            from: u64,
            /// Its last entry.
            to: u64,
            /// How many such places there are.
            n: u64,
        } = "health-blocks-unreadable", "advice-journal-check";
        /// The index of history cannot be used.
        IndexUnusable {
            /// Why.
            cause: IoCause,
        } = "health-index-unusable", "advice-index";

        /// A key is missing.
        KeyMissing {
            /// Its file.
            file: String,
        } = "health-key-missing", "advice-keys";
        /// A key is damaged.
        KeyDamaged {
            /// Its file.
            file: String,
        } = "health-key-damaged", "advice-keys";
        /// A key is not the one of this history.
        KeyMismatch {
            /// Its file.
            file: String,
        } = "health-key-mismatch", "advice-keys";
        /// The broker's certificate could not be renewed.
        CertificateNotRenewed {
            /// The error with its causes, for a technician.
            error: String,
        } = "health-certificate-not-renewed", "advice-certificate";
        /// No certificate for HTTPS is installed.
        CertificateNotInstalled = "health-certificate-not-installed", "advice-https";
        /// The reservation of sequence numbers cannot be read.
        SequenceLost {
            /// The file.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-sequence-lost", "advice-sequence";
        /// The DHCP option that tells phones where to ask cannot be written.
        OptionNotWritten {
            /// The folder.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-option-not-written", "advice-reservations";
        /// The file of reservations cannot be written.
        ReservationsNotWritten {
            /// The folder.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-reservations-not-written", "advice-reservations";

        /// Storage is almost full.
        SpaceLow {
            /// The space that is left, MB.
            mb: u64,
            /// The folder.
            path: String,
        } = "health-space-low", "advice-space";
        /// Storage has almost no place for further files.
        FilesLow {
            /// How many more there can be.
            n: u64,
            /// The folder.
            path: String,
        } = "health-files-low", "advice-files";
        /// How much space is left cannot be found out.
        SpaceUnknown {
            /// The folder.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-space-unknown", "advice-queues-full";

        /// The file of readings is gone or empty.
        ReadingsMissing = "health-readings-missing", "advice-samples";
        /// The file of readings is damaged in part.
        ReadingsDamaged = "health-readings-damaged", "advice-samples";
        /// The file of readings is an old copy, or its end is missing.
        ReadingsOutdated = "health-readings-outdated", "advice-samples";
        /// There are files of readings of another machine.
        ReadingsForeign = "health-readings-foreign", "advice-samples";
        /// Readings could not be written.
        ReadingsNotWritten {
            /// Why.
            cause: IoCause,
        } = "health-readings-not-written", "advice-queues-full";

        /// Texts of people are lost: both copies.
        TextsLost {
            /// How many.
            n: u64,
            /// The first of them.
            texts: Vec<TextName>,
        } = "health-texts-lost", "advice-people";
        /// One copy of texts was damaged and was made again from the other.
        TextsRepaired {
            /// How many.
            n: u64,
        } = "health-texts-repaired", "advice-texts-repaired";
        /// Not all texts could be checked.
        TextsUnchecked {
            /// Why.
            cause: IoCause,
        } = "health-texts-unchecked", "advice-queues-full";
        /// Texts that are to be erased are still there.
        TextsNotErased {
            /// How many.
            n: u64,
            /// Why.
            cause: IoCause,
        } = "health-texts-not-erased", "advice-queues-full";

        /// Rows of the wifi's sessions that are to be deleted are still there.
        SessionRowsNotRemoved {
            /// Their folder.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-session-rows-not-removed", "advice-queues-full";

        /// The file of the village's map cannot be read.
        MapUnreadable = "health-map-unreadable", "advice-map";
        /// A feed of the configuration was not read for days.
        FeedDead {
            /// Its name.
            name: String,
            /// When it was read last, or when the gateway began.
            since: WallMs,
        } = "health-feed-dead", "advice-feed";
        /// Links that lead out of the village do not open.
        LinksDead {
            /// How many.
            n: u64,
            /// The first.
            link: String,
        } = "health-links-dead", "advice-links";

        /// The media worker is not confined.
        NotSandboxed = "health-not-sandboxed", "advice-pictures";
        /// The disk for recordings is not mounted.
        RecordingDiskMissing {
            /// The folder.
            path: String,
        } = "health-recording-disk-missing", "advice-recording-disk";
        /// The folder of recordings cannot be used.
        RecordingsUnusable {
            /// The folder.
            path: String,
            /// Why.
            cause: IoCause,
        } = "health-recordings-unusable", "advice-recordings";
        /// A camera is not recorded.
        CameraNotRecorded {
            /// Its id.
            camera: String,
            /// Why, for a technician.
            error: String,
        } = "health-camera-not-recorded", "advice-recordings";
        /// A camera's pictures cannot be decoded.
        CameraUndecodable {
            /// Its id.
            camera: String,
            /// Why, for a technician.
            error: String,
        } = "health-camera-undecodable", "advice-recordings";
        /// It could not be checked whether a camera's pictures can be decoded.
        CameraUnchecked {
            /// Its id.
            camera: String,
            /// Why, for a technician.
            error: String,
        } = "health-camera-unchecked", "advice-recordings";
        /// Packets of a camera are lost.
        CameraPacketLoss {
            /// Its id.
            camera: String,
            /// Percentage of a minute's pictures.
            percent: u64,
        } = "health-camera-packet-loss", "advice-camera-network";
        /// The disk is too slow for a camera.
        CameraSlowDisk {
            /// Its id.
            camera: String,
            /// Percentage of a minute's pictures.
            percent: u64,
        } = "health-camera-slow-disk", "advice-recordings";
    }
}

impl HealthReason {
    /// One reason of several; none = there is none.
    #[must_use]
    pub fn of_all(mut reasons: Vec<Self>) -> Option<Self> {
        match reasons.len() {
            0 => None,
            1 => reasons.pop(),
            _ => Some(Self::Several { reasons }),
        }
    }

    /// The reasons that it consists of: itself, or those of [`HealthReason::Several`].
    #[must_use]
    pub const fn parts(&self) -> &[Self] {
        match self {
            Self::Several { reasons } => reasons.as_slice(),
            other => std::slice::from_ref(other),
        }
    }
}

/// For logs, and for a service that ends with a reason as its error.
impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for HealthReason {}
