//! Decisions: command and state in, events or rejection out. Pure: same input, same output.
//!
//! Each noun decides its own commands. Before that, whether the actor may give the command and
//! whether its values are within their bounds; both are the noun's to say too, and this is the one
//! place that asks, for every audience. The type of a rejection, and the helpers that every
//! decision uses, are in [`super::rejection`].

use super::actor::Actor;
use super::command::Command;
use super::event::Event;
pub use super::rejection::{Now, Rejection};
use super::state::VillageState;
use super::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};

/// Turns a command into events.
///
/// # Errors
/// [`Rejection`] when the command is not carried out; the state is unchanged then.
pub fn decide(
    state: &VillageState,
    actor: &Actor,
    command: &Command,
    now: Now,
) -> Result<Vec<Event>, Rejection> {
    authorize(state, actor, command)?;
    validate(command)?;
    Ok(match command {
        Command::History(c) => lift(history::rules::decide(state, c)?),
        Command::Village(c) => lift(village::rules::decide(state, c)),
        Command::Place(c) => lift(place::rules::decide(state, c)?),
        Command::Device(c) => lift(device::rules::decide(state, c)?),
        Command::Account(c) => lift(account::rules::decide(state, actor, c)?),
        Command::Configuration(c) => lift(configuration::rules::decide(state, c)),
        Command::Light(c) => lift(light::rules::decide(state, c)?),
        Command::Sensor(c) => lift(sensor::rules::decide(state, c)?),
        Command::Speaker(c) => lift(speaker::rules::decide(state, c, now)?),
        Command::Camera(c) => lift(camera::rules::decide(state, actor, c, now)?),
        Command::Notice(c) => lift(notice::rules::decide(state, actor, c, now)?),
        Command::User(c) => lift(user::rules::decide(state, c)?),
        Command::Token(c) => lift(token::rules::decide(state, c)?),
        Command::Guest(c) => lift(guest::rules::decide(state, c)?),
        Command::Network(c) => lift(network::rules::decide(state, c)?),
        Command::Directory(c) => directory::rules::decide(state, c)?,
        Command::Procedure(c) => lift(procedure::rules::decide(state, c)),
        Command::Storm(c) => storm::rules::decide(state, c),
    })
}

/// The events of a noun among all events.
fn lift<E: Into<Event>>(events: Vec<E>) -> Vec<Event> {
    events.into_iter().map(Into::into).collect()
}

/// Checks that `actor` may give this command. `System` may give every command: it is this program,
/// and no audience can act as it.
///
/// # Errors
/// [`Rejection::NotPermitted`].
pub fn authorize(state: &VillageState, actor: &Actor, command: &Command) -> Result<(), Rejection> {
    let is_allowed = *actor == Actor::System
        || match command {
            Command::History(c) => history::rules::allowed(state, actor, c),
            Command::Village(c) => village::rules::allowed(c),
            Command::Place(c) => place::rules::allowed(state, actor, c),
            Command::Device(c) => device::rules::allowed(state, actor, c),
            Command::Account(c) => account::rules::allowed(state, actor, c),
            Command::Configuration(c) => configuration::rules::allowed(c),
            Command::Light(c) => light::rules::allowed(state, actor, c),
            Command::Sensor(c) => sensor::rules::allowed(state, actor, c),
            Command::Speaker(c) => speaker::rules::allowed(state, actor, c),
            Command::Camera(c) => camera::rules::allowed(state, actor, c),
            Command::Notice(c) => notice::rules::allowed(state, actor, c),
            Command::User(c) => user::rules::allowed(state, actor, c),
            Command::Token(c) => token::rules::allowed(state, actor, c),
            Command::Guest(c) => guest::rules::allowed(state, actor, c),
            Command::Network(c) => network::rules::allowed(state, actor, c),
            Command::Directory(c) => directory::rules::allowed(state, actor, c),
            Command::Procedure(c) => procedure::rules::allowed(state, actor, c),
            Command::Storm(c) => storm::rules::allowed(state, actor, c),
        };
    if is_allowed {
        Ok(())
    } else {
        Err(Rejection::NotPermitted)
    }
}

/// Checks that everything in a command is within its bounds.
///
/// # Errors
/// [`Rejection::Invalid`] with the first part that is not.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    match command {
        Command::History(c) => history::validate(c),
        Command::Village(c) => village::validate(c),
        Command::Place(c) => place::validate(c),
        Command::Device(c) => device::validate(c),
        Command::Account(c) => account::validate(c),
        Command::Configuration(c) => configuration::validate(c),
        Command::Light(c) => light::validate(c),
        Command::Sensor(c) => sensor::validate(c),
        Command::Speaker(c) => speaker::validate(c),
        Command::Camera(c) => camera::validate(c),
        Command::Notice(c) => notice::validate(c),
        Command::User(c) => user::validate(c),
        Command::Token(c) => token::validate(c),
        Command::Guest(c) => guest::validate(c),
        Command::Network(c) => network::validate(c),
        Command::Directory(c) => directory::validate(c),
        Command::Procedure(c) => procedure::validate(c),
        Command::Storm(c) => storm::validate(c),
    }
}
