//! Why a camera's stream does not come, as a value.
//!
//! Deliberately absent: sentences. They are made in the reader's language
//! (`i18n::reason_text`), where a test holds both languages against every reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::text;
use crate::supervisor::io_cause::IoCause;
use crate::supervisor::reason_enum::reason_enum;

reason_enum! {
    /// A reason. Texts in it may come from the camera: the code that makes the reason has made them
    /// clean, short lines (`domain::text::line`).
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum StreamLoss {
        /// It has no address.
        NoAddress = "stream-no-address";
        /// The file with the password cannot be read.
        PasswordUnreadable {
            /// The file.
            path: String,
            /// Why.
            cause: IoCause,
        } = "stream-password-unreadable";
        /// It refuses the user or the password.
        CredentialsRefused = "stream-credentials-refused";
        /// It knows no such stream.
        PathUnknown = "stream-path-unknown";
        /// It serves too many clients already.
        TooManyClients = "stream-too-many-clients";
        /// It does not send over TCP.
        TcpRefused = "stream-tcp-refused";
        /// It answered a request with an error.
        ErrorStatus {
            /// The request.
            request: String,
            /// The status code.
            code: u64,
        } = "stream-error-status";
        /// Its answer to a request cannot be read.
        AnswerUnreadable {
            /// The request.
            request: String,
            /// The library's description.
            error: String,
        } = "stream-answer-unreadable";
        /// A request did not work.
        RequestFailed {
            /// The request.
            request: String,
            /// The library's description.
            error: String,
        } = "stream-request-failed";
        /// The connection failed while pictures came.
        ReceiveFailed {
            /// The library's description.
            error: String,
        } = "stream-receive-failed";
        /// It did not answer a request.
        NoAnswer {
            /// The request.
            request: String,
            /// How long it was waited for, s.
            seconds: u64,
        } = "stream-no-answer";
        /// It offers no stream at all.
        NothingOffered = "stream-nothing-offered";
        /// It offers neither H.264 nor H.265.
        CodecUnsupported {
            /// Its offer.
            offered: String,
        } = "stream-codec-unsupported";
        /// No access unit came although the connection stands.
        Frozen {
            /// For how long, s.
            seconds: u64,
        } = "stream-frozen";
        /// No keyframe with its parameter sets came.
        ParametersMissing {
            /// For how long, s.
            seconds: u64,
        } = "stream-parameters-missing";
        /// No whole keyframe came.
        KeyframeMissing {
            /// For how long, s.
            seconds: u64,
        } = "stream-keyframe-missing";
        /// Its parameter sets cannot be read.
        ParametersUnreadable {
            /// The library's description.
            error: String,
        } = "stream-parameters-unreadable";
        /// Its pictures are too large, or have no size.
        PictureSize {
            /// Pixels.
            width: u64,
            /// Pixels.
            height: u64,
        } = "stream-picture-size";
        /// It sends too much.
        TooMuchData {
            /// Bytes, MB.
            mb: u64,
            /// Access units.
            pictures: u64,
            /// In so many seconds.
            seconds: u64,
        } = "stream-too-much-data";
        /// It sent an access unit that is too large.
        PictureTooLarge {
            /// More than so many MB.
            mb: u64,
        } = "stream-picture-too-large";
        /// It ended the RTSP session.
        SessionEnded = "stream-session-ended";
        /// It ended the connection.
        ConnectionEnded = "stream-connection-ended";
        /// It sent something that made the library panic.
        DataUnreadable = "stream-data-unreadable";
        /// Another reason.
        Other {
            /// The error with its causes.
            error: String,
        } = "stream-other";
    }
}

/// Longest text of an error, characters.
const MAX_ERROR_CHARS: usize = 300;

/// The first line of an error that a camera's data may have caused, clean and short.
#[must_use]
pub fn first_line(error: &str) -> String {
    text::line(error.lines().next().unwrap_or_default(), MAX_ERROR_CHARS)
}

/// For logs.
impl fmt::Display for StreamLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for StreamLoss {}
