//! Permissions: the kinds of actors, for the lists of who may give which command.
//!
//! Invariants: each noun lists its commands by name, with the principals that may give each; a
//! command with an empty list is the gateway's own. The audience through which a request comes, and
//! how the actor proved itself there, changes nothing. The reports of a device are bound to the
//! device ([`is_device`], [`is_device_of`]), not to a kind of actor.

use super::actor::Actor;
use super::id::{DeviceId, EntityId, TokenId};
use super::state::VillageState;
use super::token::{FILE_TOKEN, Scope};
use super::user::Role;

/// A kind of actor, as the lists distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// A signed-in chief.
    Chief,
    /// A signed-in technician.
    Technician,
    /// The technician at the control socket: any process that may open it.
    LocalAdmin,
    /// A program with a token of this scope.
    Program(Scope),
    /// The commune.
    Commune,
}

/// Whether a token has a scope. The token of the file has every scope until it is revoked.
#[must_use]
pub fn has_scope(state: &VillageState, token: &TokenId, scope: Scope) -> bool {
    state
        .tokens
        .get(token)
        .map_or(token.as_str() == FILE_TOKEN, |t| t.scopes.contains(&scope))
}

/// Whether an actor is this kind of principal.
fn matches_principal(state: &VillageState, actor: &Actor, giver: Principal) -> bool {
    let role = |id, role| state.users.get(id).is_some_and(|u| u.role == role);
    match (actor, giver) {
        (Actor::User { id }, Principal::Chief) => role(id, Role::Chief),
        (Actor::User { id }, Principal::Technician) => role(id, Role::Technician),
        (Actor::Program { id }, Principal::Program(scope)) => has_scope(state, id, scope),
        (Actor::LocalAdmin, Principal::LocalAdmin) | (Actor::Commune, Principal::Commune) => true,
        _ => false,
    }
}

/// Whether an actor is one of these principals.
#[must_use]
pub fn is_one_of(state: &VillageState, actor: &Actor, principals: &[Principal]) -> bool {
    principals
        .iter()
        .any(|principal| matches_principal(state, actor, *principal))
}

/// Whether an actor is this device.
#[must_use]
pub fn is_device(actor: &Actor, device: &DeviceId) -> bool {
    matches!(actor, Actor::Device { id } if id == device)
}

/// Whether an actor is the device that this entity belongs to.
#[must_use]
pub fn is_device_of(state: &VillageState, actor: &Actor, entity: &EntityId) -> bool {
    state
        .entities
        .get(entity)
        .is_some_and(|e| is_device(actor, &e.device))
}

#[cfg(test)]
pub mod tests;
