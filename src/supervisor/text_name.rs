//! The names of texts that people typed, for a reason that tells which of them is damaged.

use serde::{Deserialize, Serialize};

use super::reason_enum::reason_enum;

reason_enum! {
    /// A text that people typed, by its name.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum TextName {
        /// A person's name and PIN hash.
        Person {
            /// The user's id.
            id: String,
        } = "text-person";
        /// A notice.
        Notice {
            /// Its id.
            id: String,
        } = "text-notice";
        /// A sentence for the loudspeakers.
        Announcement {
            /// Its id.
            id: String,
        } = "text-announcement";
        /// The map of the village.
        Map = "text-map";
        /// The label of a house.
        HouseLabel {
            /// Its id.
            id: String,
        } = "text-house-label";
        /// The list of procedures.
        Procedures = "text-procedures";
        /// The storm plan.
        StormPlan = "text-storm-plan";
        /// A text that no page shows any more.
        Old = "text-old";
    }
}
