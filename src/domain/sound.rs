//! The bounds of everything that a command may carry into history: one place for every door.
//!
//! Invariants: what passes here is a clean line of a stated length where people read it, a short
//! text where machines compare it, and a finite number within its bounds; so whatever a door
//! forgets, no page holds more than is said here. Doors that people type at clean first ([`name`])
//! and tell what was too long; here nothing is mended, only refused.

use super::blob::{BlobRef, LARGEST};
use super::command::Command;
use super::device::Account;
use super::entity::Entity;
use super::outcome::Rejection;
use super::sensor::Sensor;
use super::village::Village;
use super::words::{self, NAME_MAX, UNIT_MAX};

/// Beyond this on either side a number is no value of anything that a village measures.
pub const VALUE_MAX: f64 = 1e12;
/// Most marks of a sensor.
pub const MARKS_MAX: usize = 16;
/// Most decimals of a sensor.
pub const DECIMALS_MAX: u8 = 6;
/// Most horns of one cluster.
pub const HORNS_MAX: u8 = 64;
/// Longest text that machines compare (a topic, a payload, a filter), bytes.
pub const EXACT_MAX: usize = 1024;
/// Longest name of a field or a class, bytes.
const FIELD_MAX: usize = 64;
/// Most filters of an account, each way.
const FILTERS_MAX: usize = 64;
/// Most cameras of one look.
const LOOKED_MAX: usize = 500;
/// The last moment that a date can be written for with four digits, wall ms.
pub const TIME_MAX: i64 = 253_370_764_800_000;

/// What a part of a command may be called in a refusal; the end of the key `part-…`.
pub const PARTS: [&str; 19] = [
    "name", "commune", "unit", "model", "class", "topic", "payload", "field", "secret", "text",
    "epoch", "place", "decimals", "marks", "value", "horns", "cameras", "until", "scopes",
];

/// A part of a command that is beyond its bounds: `what` is one of [`PARTS`], `most` the characters
/// there may be.
fn unsound(what: &str, most: usize) -> Rejection {
    Rejection::Unsound {
        what: what.to_owned(),
        most: most as u64,
    }
}

fn check(good: bool, what: &str, most: usize) -> Result<(), Rejection> {
    if good {
        Ok(())
    } else {
        Err(unsound(what, most))
    }
}

/// A name as somebody wrote it, made clean.
///
/// # Errors
/// [`Rejection::Unsound`] when nothing of it can be seen, or more than [`NAME_MAX`] characters.
pub fn name(text: &str) -> Result<String, Rejection> {
    let clean = words::line(text, usize::MAX);
    is_name("name", &clean).map(|()| clean)
}

fn is_name(what: &str, text: &str) -> Result<(), Rejection> {
    check(
        !text.is_empty() && words::is_line(text, NAME_MAX),
        what,
        NAME_MAX,
    )
}

fn is_short(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    check(words::is_line(text, most), what, most)
}

/// A text that machines compare; only its length counts.
fn is_exact(what: &str, text: &str, most: usize) -> Result<(), Rejection> {
    check(text.len() <= most, what, most)
}

fn is_topic(text: &str) -> Result<(), Rejection> {
    check(
        text.len() <= EXACT_MAX && !text.chars().any(words::is_hidden),
        "topic",
        EXACT_MAX,
    )
}

fn is_hash(what: &str, text: &str) -> Result<(), Rejection> {
    check(
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        what,
        64,
    )
}

fn is_blob(blob: &BlobRef) -> Result<(), Rejection> {
    is_hash("text", &blob.mac)?;
    check(blob.len <= LARGEST as u64, "text", LARGEST)
}

/// Whether a number may stand in history.
#[must_use]
pub fn is_value(number: f64) -> bool {
    number.is_finite() && number.abs() < VALUE_MAX
}

fn is_number(what: &str, good: bool) -> Result<(), Rejection> {
    check(good, what, 0)
}

fn village(village: &Village) -> Result<(), Rejection> {
    is_name("name", &village.name)?;
    is_name("commune", &village.commune)?;
    is_number(
        "place",
        is_degrees(village.latitude, 90.0) && is_degrees(village.longitude, 180.0),
    )
}

/// Whether a number is an angle of at most so many degrees either way.
#[must_use]
pub fn is_degrees(number: f64, most: f64) -> bool {
    number.is_finite() && number.abs() <= most
}

fn account(account: &Account) -> Result<(), Rejection> {
    is_hash("secret", &account.secret_sha256)?;
    for filters in [&account.publish, &account.subscribe] {
        check(filters.len() <= FILTERS_MAX, "topic", FILTERS_MAX)?;
        filters.iter().try_for_each(|f| is_topic(f))?;
    }
    Ok(())
}

fn entity(entity: &Entity) -> Result<(), Rejection> {
    is_name("name", &entity.name)?;
    is_short("unit", &entity.unit, UNIT_MAX)?;
    is_short("class", &entity.class, FIELD_MAX)?;
    is_topic(&entity.state.topic)?;
    is_exact("payload", &entity.state.on, EXACT_MAX)?;
    is_exact("payload", &entity.state.off, EXACT_MAX)?;
    entity
        .state
        .field
        .iter()
        .try_for_each(|f| is_short("field", f, FIELD_MAX))?;
    if let Some(order) = &entity.order {
        is_topic(&order.topic)?;
        is_exact("payload", &order.on, EXACT_MAX)?;
        is_exact("payload", &order.off, EXACT_MAX)?;
    }
    if let Some(availability) = &entity.availability {
        is_topic(&availability.topic)?;
        is_exact("payload", &availability.here, EXACT_MAX)?;
        is_exact("payload", &availability.gone, EXACT_MAX)?;
    }
    Ok(())
}

/// Whether these may be the marks of a sensor.
#[must_use]
pub fn are_marks(marks: &[f64]) -> bool {
    marks.len() <= MARKS_MAX && marks.iter().all(|m| is_value(*m))
}

fn sensor(sensor: &Sensor) -> Result<(), Rejection> {
    is_name("name", &sensor.name)?;
    is_short("unit", &sensor.unit, UNIT_MAX)?;
    is_number("decimals", sensor.decimals <= DECIMALS_MAX)?;
    is_number("marks", are_marks(&sensor.marks))
}

/// Whether all that a command carries is within its bounds.
///
/// # Errors
/// [`Rejection::Unsound`] with the first that is not.
pub fn is_sound(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::DeclareVillage { village: v } => village(v),
        Command::DeclarePlace { place } => is_name("name", &place.name),
        Command::NoteDamage { epoch, .. } => check(
            epoch.len() <= 64 && epoch.bytes().all(|b| b.is_ascii_hexdigit()),
            "epoch",
            64,
        ),
        Command::DeclareDevice { device } => {
            is_name("name", &device.name)?;
            is_short("model", &device.model, NAME_MAX)
        }
        Command::GrantAccess { account: a } => account(a),
        Command::AdoptEntities {
            model, entities, ..
        } => {
            is_short("model", model, NAME_MAX)?;
            entities.iter().try_for_each(entity)
        }
        Command::DeclareGroup { group } => is_name("name", &group.name),
        Command::DeclareSensor { sensor: s } => sensor(s),
        Command::ReportLevel { level, value, .. } => is_number(
            "value",
            is_value(*value) && usize::from(*level) <= MARKS_MAX,
        ),
        Command::DeclareSpeaker { speaker } => {
            is_name("name", &speaker.name)?;
            is_number("horns", speaker.horns <= HORNS_MAX)
        }
        Command::QueueAnnouncement { text, .. } => is_blob(text),
        Command::DeclareCamera { camera } => is_name("name", &camera.name),
        Command::LookAtPictures { cameras } => is_number("cameras", cameras.len() <= LOOKED_MAX),
        Command::PublishNotice { text, until, .. } => {
            is_blob(text)?;
            is_number("until", until.is_none_or(|u| (0..TIME_MAX).contains(&u)))
        }
        Command::PutToken { token } => {
            is_hash("secret", &token.sha256)?;
            check(!token.scopes.is_empty(), "scopes", 0)
        }
        Command::PutUser { user } => is_blob(&user.record),
        Command::RenameUser { record, .. } => is_blob(record),
        // Ids, numbers of which every one is sound, and the reason of a receiver, which `decide`
        // cuts: an end is never refused.
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
