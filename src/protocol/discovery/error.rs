//! Why a discovery message cannot be used.

use serde::{Deserialize, Serialize};

use crate::domain::decide::Rejection;
use crate::domain::text;
use crate::protocol::reason_table::reason_table;

/// Longest detail, characters.
const MAX_DETAIL_CHARS: usize = 120;

/// A device's text as a clean, short line, because it is shown on pages and printed in terminals.
pub(super) fn detail(text: &str) -> String {
    text::line(text, MAX_DETAIL_CHARS)
}

reason_table! {
    /// Why a discovery message cannot be used.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "error", rename_all = "snake_case")]
    pub enum DiscoveryError {
        /// The topic is not one of discovery.
        TopicInvalid {
            /// Topic.
            topic: String,
        } = "discovery-topic-invalid", "it is no discovery topic";
        /// The gateway has no such component.
        ComponentUnsupported {
            /// Component.
            component: String,
        } = "discovery-component-unsupported", "its component is not supported";
        /// The node id is not a device id.
        NodeIdInvalid {
            /// Node id.
            node: String,
        } = "discovery-node-id-invalid", "its node id is no device id";
        /// The object id makes no entity id.
        ObjectIdInvalid {
            /// Object id.
            object: String,
        } = "discovery-object-id-invalid", "its object id is no entity id";
        /// The payload is not JSON.
        NotJson {
            /// The parser's words.
            cause: String,
        } = "discovery-not-json", "the discovery message is not JSON";
        /// The payload is JSON, but not an object.
        NotObject = "discovery-not-object", "the discovery message is not a JSON object";
        /// It names no state topic.
        StateTopicMissing = "discovery-state-topic-missing", "state_topic is missing";
        /// It can be switched, but names no command topic.
        CommandTopicMissing = "discovery-command-topic-missing", "command_topic is missing";
        /// A state could not be told from the other.
        PayloadsEqual = "discovery-payloads-equal", "on and off are the same word";
        /// A payload that Home Assistant cannot compare.
        PayloadInvalid {
            /// Field of the discovery message.
            field: String,
        } = "discovery-payload-invalid",
            "a payload is neither a text nor a number nor true or false";
        /// A payload that is longer than is compared.
        PayloadTooLong {
            /// Field of the discovery message.
            field: String,
        } = "discovery-payload-too-long", "a payload is too long";
        /// A light with another schema than the default one.
        SchemaUnsupported {
            /// Schema.
            schema: String,
        } = "discovery-schema-unsupported",
            "its schema is not understood, only the default one is";
        /// Orders that only a template can make.
        CommandTemplateUnsupported {
            /// Template.
            template: String,
        } = "discovery-command-template-unsupported",
            "a template for its orders is not understood";
        /// Values that only a program can read.
        ValueTemplateUnsupported {
            /// Template.
            template: String,
        } = "discovery-value-template-unsupported", "the template is not understood";
        /// A field that must be a text.
        NotText {
            /// Field of the discovery message.
            field: String,
        } = "discovery-not-text", "what should be a text is none";
        /// A field that must be a number of seconds.
        NotSeconds {
            /// Field of the discovery message.
            field: String,
        } = "discovery-not-seconds", "what should be a number of seconds is none";
        /// The message is larger than is read.
        TooLarge {
            /// Its size, bytes.
            bytes: usize,
        } = "discovery-too-large", "the discovery message is larger than is read, in bytes";
        /// It names topics of another device, which it could switch or publish for.
        ForeignTopics {
            /// The device, whose own topics begin with `d/<device>/` and `c/<device>/`.
            device: String,
        } = "discovery-foreign-topics",
            "it names topics that are not its own, which begin with d/ or c/ and its id";
        /// More discovery messages wait for the device's rate than may wait.
        TooManyPending = "discovery-too-many-pending",
            "too many of its discovery messages wait; announce again in an hour";
        /// The account has as many entities as it may have.
        TooManyEntities {
            /// The bound.
            most: u64,
        } = "discovery-too-many-entities", "this account has too many entities, at most";
        /// The entity is announced with another component already.
        KindChanged {
            /// Entity.
            entity: String,
        } = "discovery-kind-changed",
            "under this id it is announced as something else; withdraw that and announce again";
        /// The gateway rejects the entity.
        Rejected {
            /// Why.
            rejection: Rejection,
        } = "discovery-rejected", "the gateway rejects it";
    }
}
