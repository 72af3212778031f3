//! Turns the configuration of the village into journal entries, once. Items that an earlier
//! configuration declared and this one does not name are withdrawn.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::configuration::{self, Thing};
use crate::domain::device::{self, Availability};
use crate::domain::{account, camera, light, place, sensor, speaker, village};
use crate::journal::{CommandRequest, Journal, SubmitError};

/// Most things that one entry names.
const MAX_THINGS_PER_ENTRY: usize = 500;

/// The things that the configuration names.
fn configured_things(config: &Config) -> BTreeSet<Thing> {
    let mut out: BTreeSet<Thing> = config
        .places
        .iter()
        .map(|p| Thing::Place(p.id.clone()))
        .collect();
    out.extend(config.devices.iter().map(|d| Thing::Device(d.id.clone())));
    out.extend(
        config
            .accounts
            .iter()
            .map(|a| Thing::Account(a.name.clone())),
    );
    out.extend(config.groups.iter().map(|g| Thing::Group(g.id.clone())));
    out.extend(config.sensors.iter().map(|s| Thing::Sensor(s.id.clone())));
    out.extend(config.speakers.iter().map(|s| Thing::Speaker(s.id.clone())));
    out
}

/// Declares everything that the configuration names and withdraws what it names no more. An item
/// that the state already holds like this makes no entry.
///
/// # Errors
/// When the journal closed.
pub async fn apply_config(journal: &Journal, config: &Config) -> anyhow::Result<()> {
    let now = configured_things(config);
    let state = journal.state();
    // First the withdrawals, so that an id may be declared again as another kind of thing.
    let mut wishes: Vec<Command> = state
        .configured
        .iter()
        .filter(|t| !now.contains(t))
        .map(|t| configuration::Command::PutAway { thing: t.clone() }.into())
        .collect();
    wishes.extend(
        config
            .village
            .iter()
            .map(|v| village::Command::Declare { village: v.clone() }.into()),
    );
    wishes.extend(
        config
            .places
            .iter()
            .map(|p| place::Command::Declare { place: p.clone() }.into()),
    );
    wishes.extend(
        config
            .devices
            .iter()
            .map(|d| device::Command::Declare { device: d.clone() }.into()),
    );
    wishes.extend(
        config
            .accounts
            .iter()
            .map(|a| account::Command::Grant { account: a.clone() }.into()),
    );
    wishes.extend(
        config
            .groups
            .iter()
            .map(|g| light::Command::DeclareGroup { group: g.clone() }.into()),
    );
    wishes.extend(
        config
            .sensors
            .iter()
            .map(|s| sensor::Command::Declare { sensor: s.clone() }.into()),
    );
    wishes.extend(
        config
            .speakers
            .iter()
            .map(|s| speaker::Command::Declare { speaker: s.clone() }.into()),
    );
    wishes.extend(config.cameras.iter().map(|c| {
        camera::Command::Declare {
            camera: c.camera.clone(),
        }
        .into()
    }));
    // A camera that the configuration names no more is removed. A camera that lost its address is
    // removed and declared again, so that no signal state of earlier stays with it.
    let mut gone = Vec::new();
    for known in state.cameras.values() {
        let told = config.cameras.iter().find(|c| c.camera.id == known.id);
        if told.is_none_or(|c| c.url.is_none() && known.signal != Availability::Unknown) {
            gone.push(
                camera::Command::Remove {
                    camera: known.id.clone(),
                }
                .into(),
            );
        }
    }
    wishes.splice(0..0, gone);
    let fresh: Vec<Thing> = now
        .into_iter()
        .filter(|t| !state.configured.contains(t))
        .collect();
    wishes.extend(fresh.chunks(MAX_THINGS_PER_ENTRY).map(|things| {
        configuration::Command::NoteThings {
            things: things.to_vec(),
        }
        .into()
    }));
    // All are submitted at once: the writer puts commands that queue together into few groups.
    let mut answers = Vec::with_capacity(wishes.len());
    for command in wishes {
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
                tracing::warn!(%why, number = n, "configuration item rejected");
            }
            Err(SubmitError::Closed(closed)) => return Err(closed.into()),
        }
    }
    Ok(())
}
