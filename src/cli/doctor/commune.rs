//! The checks of `doctor` at the commune: the machine and the data folder, the keys, the
//! certificate that villages see, and whether the server answers.
//!
//! Deliberately absent: the villages. The console says of each what it lacks.

use super::{Finding, not_running, offline};
use crate::cli::{Cli, client};
use crate::config::Config;
use crate::config::layout::Layout;
use crate::supervisor::clock::Clock;

/// Checks in all: one of the configuration, five of the machine and the data folder, one of the
/// certificate, and one that only a running server can answer.
const CHECK_COUNT: usize = 8;

/// Runs the checks; how many were made, and how many there are.
pub(super) fn check(cli: &Cli, config: &Config, found: &mut Vec<Finding>) -> (usize, usize) {
    let (lang, layout, clock) = (cli.lang(), Layout::of(config), Clock::system(0));
    offline::check_machine(lang, &layout, &clock, found);
    offline::check_keys(lang, config, &layout, found);
    offline::check_broker_certificate(
        lang,
        "doctor-villages-certificate",
        &layout.keys(),
        "ca",
        &clock,
        found,
    );
    match client::request(cli, "GET", "/officers", None) {
        Ok(_) => (CHECK_COUNT, CHECK_COUNT),
        // A server that lacks a key answers with that, and the key was named already.
        Err(_) if found.iter().any(|f| f.code == "D-KEY-07") => (CHECK_COUNT, CHECK_COUNT),
        Err(cause) => {
            found.push(not_running(client::unit_of(config), &cause));
            (CHECK_COUNT - 1, CHECK_COUNT)
        }
    }
}
