//! Decisions about accounts, and what their events change.

use std::sync::Arc;

use super::{Account, Command, Event};
use crate::domain::actor::Actor;
use crate::domain::device::Availability;
use crate::domain::event::{self, Entry};
use crate::domain::permissions::{Principal, is_one_of};
use crate::domain::rejection::{Rejection, check_capacity, emit_if, unknown};
use crate::domain::sensor::rules::{lower_alarms, sensors_of};
use crate::domain::state::VillageState;
use crate::domain::things::{put, update_entry};
use crate::domain::token::Scope;

/// Whether an actor other than the gateway may give this command.
#[must_use]
pub fn allowed(state: &VillageState, actor: &Actor, command: &Command) -> bool {
    let set_up = [
        Principal::Technician,
        Principal::LocalAdmin,
        Principal::Program(Scope::Manage),
    ];
    is_one_of(state, actor, &set_up)
        && match command {
            // An account that is granted by command has the topics of an ordinary device and no
            // others; wider filters such as `#` can only be written in the configuration. A new
            // secret for a speaker cluster would let its holder act as the cluster, so only the
            // technician at the control socket may set one.
            Command::Grant { account } => {
                let plain = Account::of_device(account.name.clone(), account.secret_sha256.clone());
                *account == plain
                    && (*actor == Actor::LocalAdmin || !state.speakers.contains_key(&account.name))
            }
            Command::Revoke { .. } => true,
        }
}

/// Turns a command into events; those of sensors are among them.
///
/// # Errors
/// [`Rejection`] when the command is not carried out.
pub fn decide(
    state: &VillageState,
    actor: &Actor,
    command: &Command,
) -> Result<Vec<event::Event>, Rejection> {
    match command {
        Command::Grant { account } => {
            check_capacity(&state.accounts, &account.name)?;
            // At each start the gateway grants the accounts of the configuration again. An account
            // that people revoked stays revoked.
            let taken = *actor == Actor::System && state.revoked.contains(&account.name);
            let known = state.accounts.get(&account.name);
            Ok(emit_if(
                !taken && known.is_none_or(|a| **a != *account),
                || {
                    Event::Granted {
                        account: account.clone(),
                    }
                    .into()
                },
            ))
        }
        // From then on nobody reports how the device's sensors are, so their alarms end with it.
        Command::Revoke { account } => {
            if !state.accounts.contains_key(account) {
                return Err(unknown("account", account));
            }
            let revoked = Event::Revoked {
                account: account.clone(),
            };
            Ok(std::iter::once(revoked.into())
                .chain(lower_alarms(sensors_of(state, account)).map(event::Event::from))
                .collect())
        }
    }
}

/// Applies an event.
pub fn apply(state: &mut VillageState, event: &Event, entry: &Entry) {
    match event {
        Event::Granted { account } => {
            put(&mut state.accounts, account.name.clone(), account.clone());
            if state.revoked.contains(&account.name) {
                Arc::make_mut(&mut state.revoked).remove(&account.name);
            }
        }
        Event::Revoked { account } => {
            Arc::make_mut(&mut state.accounts).remove(account);
            Arc::make_mut(&mut state.revoked).insert(account.clone());
            // The broker disconnects the device, and the will of a revoked account may not be
            // published any more. So the device is set offline here.
            update_entry(&mut state.devices, account, |d| {
                if matches!(d.availability, Availability::Online { .. }) {
                    d.availability = Availability::since(false, entry.wall_ms);
                }
            });
        }
    }
}
