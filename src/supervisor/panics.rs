//! What a panic says: one line that names the place, also for whoever has `RUST_BACKTRACE` in the
//! shell.
//!
//! A stripped program knows no names: its backtrace is a page of `<unknown>` over the one sentence
//! that helps. Programs that were built with names (tests, development) keep the usual report.
//! Deliberately absent: what becomes of the part that broke; its supervisor sees the same panic and
//! says so.

/// From now on a panic of this stripped program is told in one line on stderr.
pub fn install_hook() {
    if cfg!(debug_assertions) {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic
            .location()
            .map_or_else(|| "?".to_owned(), ToString::to_string);
        eprintln!(
            "conglang {}: {} ({place}, thread “{}”). It is a fault of the program; please report this line.",
            env!("CARGO_PKG_VERSION"),
            panic.payload_as_str().unwrap_or("a part broke"),
            thread.name().unwrap_or("?")
        );
    }));
}
