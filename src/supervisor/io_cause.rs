//! Why a file or a socket could not be used, as a value that can be stored, sent and put into the
//! reader's language.
//!
//! Deliberately absent: the words. They are in the locale files (`i18n::io_text`).

use std::fmt;
use std::io::{Error, ErrorKind};

use serde::{Deserialize, Serialize};

/// The cause of an input or output error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum IoCause {
    /// There is no such file.
    NotFound,
    /// The file's permissions forbid it.
    PermissionDenied,
    /// There is such a file already.
    AlreadyExists,
    /// Storage is full.
    StorageFull,
    /// Storage can only be read.
    ReadOnly,
    /// A part of the path is no folder.
    NotFolder,
    /// The path is a folder.
    Folder,
    /// The content is damaged.
    Damaged,
    /// It took too long.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// The connection was cut.
    Cut,
    /// Another error of the operating system.
    Number {
        /// Its number.
        number: i64,
    },
    /// An error that only its text describes.
    Other {
        /// The text, as the library words it.
        text: String,
    },
}

impl From<&Error> for IoCause {
    fn from(cause: &Error) -> Self {
        match cause.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::StorageFull,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::NotADirectory => Self::NotFolder,
            ErrorKind::IsADirectory => Self::Folder,
            ErrorKind::InvalidData | ErrorKind::InvalidInput => Self::Damaged,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::TimedOut,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                Self::Cut
            }
            _ => cause.raw_os_error().map_or_else(
                || Self::Other {
                    text: cause.to_string(),
                },
                |number| Self::Number {
                    number: i64::from(number),
                },
            ),
        }
    }
}

impl From<Error> for IoCause {
    fn from(cause: Error) -> Self {
        Self::from(&cause)
    }
}

/// For logs.
impl fmt::Display for IoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { number } => write!(f, "operating system error {number}"),
            Self::Other { text } => f.write_str(text),
            other => fmt::Debug::fmt(other, f),
        }
    }
}
