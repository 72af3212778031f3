//! The bounds of everything that a command may carry into history: the one place for every
//! audience.
//!
//! Invariants: a command that passes has clean lines of a stated length where people read them,
//! short texts where machines compare them, and finite numbers within their bounds. So no page
//! holds more than is stated here, whatever the sender of a command forgot to check. Where people
//! type, the audience cleans the text first ([`name`]) and shows what was too long; here nothing is
//! mended, only rejected.

use super::blob::{BlobRef, MAX_BLOB_BYTES};
use super::command::Command;
use super::device::Account;
use super::entity::Entity;
use super::rejection::Rejection;
use super::sensor::Sensor;
use super::text::{self, MAX_NAME_CHARS, MAX_UNIT_CHARS};
use super::village::Village;

/// A number beyond this, positive or negative, is no value of anything that a village measures.
pub const MAX_ABS_VALUE: f64 = 1e12;
/// Most thresholds of a sensor.
pub const MAX_THRESHOLDS: usize = 16;
/// Most decimals of a sensor.
pub const MAX_DECIMALS: u8 = 6;
/// Most horns of one cluster.
pub const MAX_HORNS: u8 = 64;
/// Longest text that machines compare (a topic, a payload, a filter), bytes.
pub const MAX_MACHINE_TEXT_BYTES: usize = 1024;
/// Longest name of a field or a class, bytes.
const MAX_FIELD_BYTES: usize = 64;
/// Most filters of an account, each way.
const MAX_FILTERS: usize = 64;
/// Most cameras of one view.
const MAX_CAMERAS_PER_VIEW: usize = 500;
/// Wall times from here on (9999-01-01), ms, are rejected: from the year 10000 a date is not
/// written with four digits.
pub const MAX_WALL_MS: i64 = 253_370_764_800_000;

/// The names of the parts of a command in a rejection; each is the end of a key `part-…`.
pub const FIELD_NAMES: [&str; 19] = [
    "name", "commune", "unit", "model", "class", "topic", "payload", "field", "secret", "text",
    "epoch", "place", "decimals", "marks", "value", "horns", "cameras", "until", "scopes",
];

/// A part of a command that is beyond its bounds: `what` is one of [`FIELD_NAMES`], `most` the most
/// characters that are allowed.
fn invalid(what: &str, most: usize) -> Rejection {
    Rejection::Invalid {
        what: what.to_owned(),
        most: most as u64,
    }
}

fn ensure(good: bool, what: &str, most: usize) -> Result<(), Rejection> {
    if good {
        Ok(())
    } else {
        Err(invalid(what, most))
    }
}

/// A name as a person typed it, cleaned.
///
/// # Errors
/// [`Rejection::Invalid`] when it has no visible character, or more than [`MAX_NAME_CHARS`]
/// characters.
pub fn name(text: &str) -> Result<String, Rejection> {
    let clean = text::line(text, usize::MAX);
    check_name("name", &clean).map(|()| clean)
}

fn check_name(what: &str, text: &str) -> Result<(), Rejection> {
    ensure(
        !text.is_empty() && text::is_line(text, MAX_NAME_CHARS),
        what,
        MAX_NAME_CHARS,
    )
}

fn check_line(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    ensure(text::is_line(text, most), what, most)
}

/// A text that machines compare; only its length counts.
fn check_machine_text(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    ensure(text.len() <= most, what, most)
}

fn check_topic(text: &str) -> Result<(), Rejection> {
    ensure(
        text.len() <= MAX_MACHINE_TEXT_BYTES && !text.chars().any(text::is_hidden),
        "topic",
        MAX_MACHINE_TEXT_BYTES,
    )
}

fn check_hash(what: &str, text: &str) -> Result<(), Rejection> {
    ensure(
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        what,
        64,
    )
}

fn check_blob(blob: &BlobRef) -> Result<(), Rejection> {
    check_hash("text", &blob.mac)?;
    ensure(blob.len <= MAX_BLOB_BYTES as u64, "text", MAX_BLOB_BYTES)
}

/// Whether a number may be stored in history.
#[must_use]
pub fn is_value(number: f64) -> bool {
    number.is_finite() && number.abs() < MAX_ABS_VALUE
}

fn check_number(what: &str, good: bool) -> Result<(), Rejection> {
    ensure(good, what, 0)
}

fn check_village(village: &Village) -> Result<(), Rejection> {
    check_name("name", &village.name)?;
    check_name("commune", &village.commune)?;
    check_number(
        "place",
        is_degrees(village.latitude, 90.0) && is_degrees(village.longitude, 180.0),
    )
}

/// Whether a number is an angle of at most so many degrees either way.
#[must_use]
pub fn is_degrees(number: f64, most: f64) -> bool {
    number.is_finite() && number.abs() <= most
}

fn check_account(account: &Account) -> Result<(), Rejection> {
    check_hash("secret", &account.secret_sha256)?;
    for filters in [&account.publish, &account.subscribe] {
        ensure(filters.len() <= MAX_FILTERS, "topic", MAX_FILTERS)?;
        filters.iter().try_for_each(|f| check_topic(f))?;
    }
    Ok(())
}

fn check_entity(entity: &Entity) -> Result<(), Rejection> {
    check_name("name", &entity.name)?;
    check_line("unit", &entity.unit, MAX_UNIT_CHARS)?;
    check_line("class", &entity.class, MAX_FIELD_BYTES)?;
    check_topic(&entity.state.topic)?;
    check_machine_text("payload", &entity.state.on, MAX_MACHINE_TEXT_BYTES)?;
    check_machine_text("payload", &entity.state.off, MAX_MACHINE_TEXT_BYTES)?;
    entity
        .state
        .field
        .iter()
        .try_for_each(|f| check_line("field", f, MAX_FIELD_BYTES))?;
    if let Some(order) = &entity.order {
        check_topic(&order.topic)?;
        check_machine_text("payload", &order.on, MAX_MACHINE_TEXT_BYTES)?;
        check_machine_text("payload", &order.off, MAX_MACHINE_TEXT_BYTES)?;
    }
    if let Some(availability) = &entity.availability {
        check_topic(&availability.topic)?;
        check_machine_text("payload", &availability.here, MAX_MACHINE_TEXT_BYTES)?;
        check_machine_text("payload", &availability.gone, MAX_MACHINE_TEXT_BYTES)?;
    }
    Ok(())
}

/// Whether these may be the thresholds of a sensor.
#[must_use]
pub fn are_thresholds(marks: &[f64]) -> bool {
    marks.len() <= MAX_THRESHOLDS && marks.iter().all(|m| is_value(*m))
}

fn check_sensor(sensor: &Sensor) -> Result<(), Rejection> {
    check_name("name", &sensor.name)?;
    check_line("unit", &sensor.unit, MAX_UNIT_CHARS)?;
    check_number("decimals", sensor.decimals <= MAX_DECIMALS)?;
    check_number("marks", are_thresholds(&sensor.thresholds))
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::DeclareVillage { village: v } => check_village(v),
        Command::DeclarePlace { place } => check_name("name", &place.name),
        Command::NoteDamage { epoch, .. } => ensure(
            epoch.len() <= 64 && epoch.bytes().all(|b| b.is_ascii_hexdigit()),
            "epoch",
            64,
        ),
        Command::DeclareDevice { device } => {
            check_name("name", &device.name)?;
            check_line("model", &device.model, MAX_NAME_CHARS)
        }
        Command::GrantAccess { account: a } => check_account(a),
        Command::AdoptEntities {
            model, entities, ..
        } => {
            check_line("model", model, MAX_NAME_CHARS)?;
            entities.iter().try_for_each(check_entity)
        }
        Command::DeclareGroup { group } => check_name("name", &group.name),
        Command::DeclareSensor { sensor: s } => check_sensor(s),
        Command::ReportLevel { level, value, .. } => check_number(
            "value",
            is_value(*value) && usize::from(*level) <= MAX_THRESHOLDS,
        ),
        Command::DeclareSpeaker { speaker } => {
            check_name("name", &speaker.name)?;
            check_number("horns", speaker.horns <= MAX_HORNS)
        }
        Command::QueueAnnouncement { text, .. } => check_blob(text),
        Command::DeclareCamera { camera } => check_name("name", &camera.name),
        Command::ViewCameras { cameras } => {
            check_number("cameras", cameras.len() <= MAX_CAMERAS_PER_VIEW)
        }
        Command::PublishNotice { text, until, .. } => {
            check_blob(text)?;
            check_number("until", until.is_none_or(|u| (0..MAX_WALL_MS).contains(&u)))
        }
        Command::PutToken { token } => {
            check_hash("secret", &token.sha256)?;
            ensure(!token.scopes.is_empty(), "scopes", 0)
        }
        Command::PutUser { user } => check_blob(&user.record),
        Command::RenameUser { record, .. } => check_blob(record),
        // These carry ids, numbers of which every value is allowed, or (`FinishPlayback`) the
        // reason of a receiver, which `decide` truncates: the end of a playback is never rejected.
        Command::NoteClock { .. }
        | Command::NoteTrim { .. }
        | Command::EraseBlob { .. }
        | Command::RevokeAccess { .. }
        | Command::WithdrawEntities { .. }
        | Command::NoteConfigured { .. }
        | Command::PutAway { .. }
        | Command::ReportPresence { .. }
        | Command::SwitchLight { .. }
        | Command::SwitchGroup { .. }
        | Command::ReportLight { .. }
        | Command::GiveUpLight { .. }
        | Command::BeginPlayback { .. }
        | Command::FinishPlayback { .. }
        | Command::StopEverything
        | Command::RemoveCamera { .. }
        | Command::ReportCamera { .. }
        | Command::TakeDownNotice { .. }
        | Command::RemoveUser { .. }
        | Command::RemoveToken { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests;
