//! Why a file or a socket could not be used, in the reader's language.

use std::io::{Error, ErrorKind};

use super::locale::Lang;

/// The reason as a part of a sentence; a reason that has no words of its own is the number of the
/// operating system's error, which can be looked up.
#[must_use]
pub fn io_text(lang: Lang, cause: &Error) -> String {
    let key = match cause.kind() {
        ErrorKind::NotFound => "io-not-found",
        ErrorKind::PermissionDenied => "io-denied",
        ErrorKind::AlreadyExists => "io-exists",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "io-full",
        ErrorKind::ReadOnlyFilesystem => "io-read-only",
        ErrorKind::NotADirectory => "io-no-folder",
        ErrorKind::IsADirectory => "io-folder",
        ErrorKind::InvalidData | ErrorKind::InvalidInput => "io-damaged",
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "io-late",
        ErrorKind::ConnectionRefused => "io-refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => "io-cut",
        _ => {
            return cause.raw_os_error().map_or_else(
                || lang.f("io-words", &[("words", &cause.to_string())]),
                |number| lang.f("io-number", &[("n", i64::from(number))]),
            );
        }
    };
    lang.t(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_in_the_readers_language() {
        let denied = Error::from(ErrorKind::PermissionDenied);
        assert_eq!(io_text(Lang::Vi, &denied), "không có quyền");
        assert_eq!(io_text(Lang::En, &denied), "no permission");
        assert!(io_text(Lang::Vi, &Error::from_raw_os_error(5)).contains('5'));
    }
}
