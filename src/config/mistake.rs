//! A mistake in a value of the configuration, and what is wanted instead.
//!
//! Deliberately absent: sentences. The commands make them in the reader's language
//! (`cli::config`), where a test holds both languages against every mistake.

use serde::{Deserialize, Serialize};

use crate::domain::id::BadId;
use crate::supervisor::io_cause::IoCause;
use crate::supervisor::reason_enum::reason_enum;

reason_enum! {
    /// A mistake.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum ConfigMistake {
        /// The text is not TOML, or the value is not of the type that is wanted.
        Syntax {
            /// The library's description.
            error: String,
        } = "config-syntax";
        /// The file cannot be read.
        Unreadable {
            /// Why.
            cause: IoCause,
        } = "config-unreadable";
        /// The file is too large.
        FileTooLarge {
            /// The most, MiB.
            most_mib: u64,
        } = "config-file-too-large";
        /// The key is missing.
        Missing = "config-missing";
        /// The key is unknown.
        Unknown = "config-unknown";
        /// It is not a table.
        NotTable {
            /// The type of the value, in the words of TOML.
            found: String,
        } = "config-not-table";
        /// It is not a list of tables.
        NotTables {
            /// The key.
            key: String,
            /// The type of the value, in the words of TOML.
            found: String,
        } = "config-not-tables";
        /// It is not an id.
        NotId {
            /// The text.
            text: String,
        } = "config-not-id";
        /// It is empty, and a name is wanted.
        NameEmpty = "config-name-empty";
        /// It has too many characters.
        TooLong {
            /// How many.
            n: u64,
            /// The most.
            most: u64,
        } = "config-too-long";
        /// It is not an address with a port.
        NotAddress {
            /// The text.
            text: String,
        } = "config-not-address";
        /// It is no number of hours up to a week.
        NotHours = "config-not-hours";
        /// It is not the address of a page on the web.
        NotPage {
            /// The text.
            text: String,
        } = "config-not-page";
        /// It is not the address of a commune's server.
        NotServer {
            /// The text.
            text: String,
        } = "config-not-server";
        /// It is not an RTSP address.
        NotRtsp = "config-not-rtsp";
        /// The RTSP address has a user or a password in it.
        PasswordInAddress = "config-password-in-address";
        /// It is not the base of public links.
        NotPublicBase = "config-not-public-base";
        /// It is not a SHA-256.
        NotSha256 = "config-not-sha256";
        /// It is not a telephone number.
        NotTelephone = "config-not-telephone";
        /// The number is out of its bounds.
        OutOfBounds {
            /// The number.
            value: u64,
            /// The least.
            least: u64,
            /// The most.
            most: u64,
        } = "config-out-of-bounds";
        /// It is not an angle between minus `most` and `most`.
        NotDegrees {
            /// The most.
            most: u64,
        } = "config-not-degrees";
        /// They are too many thresholds, or too large ones.
        BadThresholds {
            /// The most.
            most: u64,
        } = "config-bad-thresholds";
        /// There is no such limit of the broker.
        LimitUnknown {
            /// Its key.
            key: String,
        } = "config-limit-unknown";
        /// A limit of the broker is larger than any that can be used.
        LimitTooLarge {
            /// Its key.
            key: String,
        } = "config-limit-too-large";
        /// It is not an MQTT topic filter.
        NotFilter {
            /// The text.
            filter: String,
        } = "config-not-filter";
        /// A program's account has too many topic filters, or too long ones.
        FiltersOutOfBounds {
            /// The program.
            name: String,
        } = "config-filters-out-of-bounds";
        /// A light group has too many lamps.
        TooManyLights {
            /// The group.
            group: String,
            /// How many.
            n: u64,
            /// The most.
            most: u64,
        } = "config-too-many-lights";
        /// WebSocket over TLS and client certificates need the TLS listener.
        TlsMissing = "config-tls-missing";
        /// The commune's server is given without the files that the link needs.
        UplinkFilesMissing = "config-uplink-files-missing";
        /// Speaker clusters cannot know where they fetch sounds.
        SpeechUrlMissing = "config-speech-url-missing";
        /// A device is declared twice.
        DeclaredTwice {
            /// Its id.
            id: String,
        } = "config-declared-twice";
        /// Two networks share an interface or addresses.
        SegmentsOverlap = "config-segments-overlap";
        /// Two listeners have one address.
        AddressUsedTwice {
            /// The address.
            address: String,
        } = "config-address-used-twice";
    }
}

impl From<BadId> for ConfigMistake {
    fn from(BadId(text): BadId) -> Self {
        Self::NotId { text }
    }
}
