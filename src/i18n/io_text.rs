//! Why a file or a socket could not be used, in the reader's language.

use super::locale::Lang;
use crate::supervisor::io_cause::IoCause;

/// The reason as a part of a sentence; a reason that has no words of its own is the number of the
/// operating system's error, which can be looked up.
#[must_use]
pub fn io_text(lang: Lang, cause: impl Into<IoCause>) -> String {
    let key = match &cause.into() {
        IoCause::NotFound => "io-not-found",
        IoCause::PermissionDenied => "io-denied",
        IoCause::AlreadyExists => "io-exists",
        IoCause::StorageFull => "io-full",
        IoCause::ReadOnly => "io-read-only",
        IoCause::NotFolder => "io-no-folder",
        IoCause::Folder => "io-folder",
        IoCause::Damaged => "io-damaged",
        IoCause::TimedOut => "io-late",
        IoCause::Refused => "io-refused",
        IoCause::Cut => "io-cut",
        IoCause::Number { number } => return lang.f("io-number", &[("n", *number)]),
        IoCause::Other { text } => return lang.f("io-words", &[("words", text)]),
    };
    lang.t(key)
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_reason_is_told_in_the_readers_language() {
        let denied = Error::from(ErrorKind::PermissionDenied);
        assert_eq!(io_text(Lang::Vi, &denied), "không có quyền");
        assert_eq!(io_text(Lang::En, &denied), "no permission");
        assert!(io_text(Lang::Vi, Error::from_raw_os_error(5)).contains('5'));
    }
}
