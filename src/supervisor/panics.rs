//! The report of a panic: one line with its place in the code, also where the shell sets
//! `RUST_BACKTRACE`.
//!
//! A stripped program has no symbols: its backtrace is a page of `<unknown>` that hides the one
//! useful sentence. Programs that were built with symbols (tests, development) keep the usual
//! report. Deliberately absent: the recovery of the part that panicked; its supervisor sees the
//! same panic and reports it.

/// Makes a stripped program report each panic in one line on stderr from now on.
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
            "conglang {}: {} ({place}, thread “{}”). It is a fault of the program; please report \
             this line.",
            env!("CARGO_PKG_VERSION"),
            panic.payload_as_str().unwrap_or("a part broke"),
            thread.name().unwrap_or("?")
        );
    }));
}
