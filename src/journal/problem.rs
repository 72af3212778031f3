//! A problem that `journal check` finds in a stored history, as a value.
//!
//! Deliberately absent: sentences. The command makes them in the reader's language
//! (`cli::journal`), where a test holds both languages against every problem.

use serde::{Deserialize, Serialize};

use crate::supervisor::io_cause::IoCause;
use crate::supervisor::reason_enum::reason_enum;

reason_enum! {
    /// A problem.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum JournalProblem {
        /// Entries between others are missing.
        EntriesMissing {
            /// The first.
            from: u64,
            /// The last.
            to: u64,
        } = "journal-entries-missing";
        /// Entries at the beginning or at the end were there and are gone.
        EntriesGone {
            /// The first.
            from: u64,
            /// The last.
            to: u64,
        } = "journal-entries-gone";
        /// The numbers of a lane have a gap.
        LaneJumps {
            /// The entry behind the gap.
            entry: u64,
            /// The lane.
            lane: String,
            /// The number before the gap.
            from: u64,
            /// The number behind it.
            to: u64,
        } = "journal-lane-jumps";
        /// A lane's hash chain is not what the entries before this place give.
        ChainBroken {
            /// The file.
            path: String,
            /// The lane.
            lane: String,
        } = "journal-chain-broken";
        /// A lane's hash chain is not what the entries before this record of the log give.
        ChainBrokenInLog {
            /// The number of the record.
            record: u64,
            /// The lane.
            lane: String,
        } = "journal-chain-broken-in-log";
        /// A start set a file aside because it is damaged.
        SetAsideDamaged {
            /// The file.
            path: String,
        } = "journal-set-aside-damaged";
        /// A start set a file aside because it is of another history.
        SetAsideForeign {
            /// The file.
            path: String,
        } = "journal-set-aside-foreign";
        /// A block of a pack cannot be read.
        BlockUnreadable {
            /// The file.
            path: String,
            /// Its first entry.
            from: u64,
            /// Its last entry.
            to: u64,
            /// Why.
            cause: IoCause,
        } = "journal-block-unreadable";
        /// A pack cannot be read.
        PackUnreadable {
            /// The file.
            path: String,
            /// Why.
            cause: IoCause,
        } = "journal-pack-unreadable";
        /// A file is of another village or of a copy of this one.
        FileForeign {
            /// The file.
            path: String,
        } = "journal-file-foreign";
        /// A segment of the log is of another village or of a copy of this one.
        SegmentForeign {
            /// Its number.
            segment: u64,
        } = "journal-segment-foreign";
        /// A segment of the log was truncated.
        SegmentTruncated {
            /// Its number.
            segment: u64,
            /// The last entry that is still there.
            entry: u64,
        } = "journal-segment-truncated";
        /// Files of the log were removed.
        SegmentsMissing {
            /// How many.
            n: u64,
        } = "journal-segments-missing";
        /// The log never gave the number of this file.
        SegmentStray {
            /// The file.
            path: String,
        } = "journal-segment-stray";
        /// The folder of the log is missing.
        LogMissing {
            /// The folder.
            path: String,
        } = "journal-log-missing";
        /// Groups or records of the log cannot be read.
        RecordsUnreadable {
            /// How many.
            n: u64,
            /// The last entry behind them.
            entry: u64,
        } = "journal-records-unreadable";
        /// Snapshots are damaged.
        SnapshotsDamaged {
            /// How many.
            n: u64,
        } = "journal-snapshots-damaged";
        /// No snapshot can be used.
        NoSnapshot = "journal-no-snapshot";
        /// The newest pack is missing or damaged.
        NewestPackMissing = "journal-newest-pack-missing";
    }
}
