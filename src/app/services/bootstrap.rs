//! Turns the configuration of the village into journal entries, once. Items that an earlier
//! configuration declared and this one does not name are withdrawn.

use std::collections::BTreeSet;

use crate::config::DeclaredThings;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::configuration::{self, Thing};
use crate::domain::device::{self, Availability};
use crate::domain::state::VillageState;
use crate::domain::{account, camera, light, place, sensor, speaker, village};
use crate::journal::{CommandRequest, Journal, SubmitError};

/// Most things that one entry names.
const MAX_THINGS_PER_ENTRY: usize = 500;

/// Declares everything that the configuration names and withdraws what it names no more. An item
/// that the state already holds like this makes no entry. With full storage the configuration of
/// the last start stays in force; this one is declared when storage can be written again.
///
/// # Errors
/// When the journal closed.
pub async fn apply_config(journal: &Journal, declared: &DeclaredThings) -> anyhow::Result<()> {
    if journal.failed().borrow().is_some() {
        return Ok(());
    }
    let (state, named) = (journal.state(), named_things(declared));
    // First what is withdrawn, so that an id may be declared again as another kind of thing.
    let mut commands = camera_removals(&state, declared);
    commands.extend(withdrawals(&state, &named));
    commands.extend(declarations(declared));
    commands.extend(fresh_names(&state, &named));
    // All are submitted at once: the writer puts commands that queue together into few groups.
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        answers.push(journal.submit(CommandRequest::new(Actor::System, command)));
    }
    for (result, n) in futures_util::future::join_all(answers)
        .await
        .into_iter()
        .zip(1..)
    {
        match result {
            Ok(_) => {}
            Err(SubmitError::Rejected(why)) => {
                tracing::warn!(%why, n, "configuration item rejected");
            }
            Err(SubmitError::Closed(closed)) => return Err(closed.into()),
        }
    }
    Ok(())
}

/// The things that the configuration names. A camera is none: it is removed by a command of its
/// own, which keeps its recordings.
fn named_things(declared: &DeclaredThings) -> BTreeSet<Thing> {
    let d = declared;
    let mut out = BTreeSet::new();
    out.extend(d.places.iter().map(|p| Thing::Place(p.id.clone())));
    out.extend(d.devices.iter().map(|d| Thing::Device(d.id.clone())));
    out.extend(d.accounts.iter().map(|a| Thing::Account(a.name.clone())));
    out.extend(d.groups.iter().map(|g| Thing::Group(g.id.clone())));
    out.extend(d.sensors.iter().map(|s| Thing::Sensor(s.id.clone())));
    out.extend(d.speakers.iter().map(|s| Thing::Speaker(s.id.clone())));
    out
}

/// A camera that the configuration names no more is removed. A camera that lost its address is
/// removed and declared again, so that no signal state of earlier stays with it.
fn camera_removals(state: &VillageState, declared: &DeclaredThings) -> Vec<Command> {
    let mut out = Vec::new();
    for known in state.cameras.values() {
        let configured = declared.cameras.iter().find(|c| c.camera.id == known.id);
        if configured.is_none_or(|c| c.url.is_none() && known.signal != Availability::Unknown) {
            let camera = known.id.clone();
            out.push(camera::Command::Remove { camera }.into());
        }
    }
    out
}

/// Commands that put away the things which an earlier configuration named and this one does not.
fn withdrawals(state: &VillageState, named: &BTreeSet<Thing>) -> Vec<Command> {
    state
        .configured
        .iter()
        .filter(|t| !named.contains(t))
        .map(|t| configuration::Command::PutAway { thing: t.clone() }.into())
        .collect()
}

/// A declaration for everything that the configuration names.
fn declarations(declared: &DeclaredThings) -> Vec<Command> {
    let d = declared.clone();
    let mut out: Vec<Command> = Vec::new();
    out.extend(
        d.village
            .map(|village| village::Command::Declare { village }.into()),
    );
    out.extend(
        d.places
            .into_iter()
            .map(|place| place::Command::Declare { place }.into()),
    );
    out.extend(
        d.devices
            .into_iter()
            .map(|device| device::Command::Declare { device }.into()),
    );
    out.extend(
        d.accounts
            .into_iter()
            .map(|account| account::Command::Grant { account }.into()),
    );
    out.extend(
        d.groups
            .into_iter()
            .map(|group| light::Command::DeclareGroup { group }.into()),
    );
    out.extend(
        d.sensors
            .into_iter()
            .map(|sensor| sensor::Command::Declare { sensor }.into()),
    );
    out.extend(
        d.speakers
            .into_iter()
            .map(|speaker| speaker::Command::Declare { speaker }.into()),
    );
    out.extend(
        d.cameras
            .into_iter()
            .map(|c| camera::Command::Declare { camera: c.camera }.into()),
    );
    out
}

/// Notes the things that the configuration names now and did not before.
fn fresh_names(state: &VillageState, named: &BTreeSet<Thing>) -> Vec<Command> {
    let fresh: Vec<Thing> = named
        .iter()
        .filter(|t| !state.configured.contains(t))
        .cloned()
        .collect();
    fresh
        .chunks(MAX_THINGS_PER_ENTRY)
        .map(|things| {
            configuration::Command::NoteThings {
                things: things.to_vec(),
            }
            .into()
        })
        .collect()
}
