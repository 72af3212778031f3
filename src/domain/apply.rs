//! Applying entries to the village, by noun.

use super::event::{Entry, Event};
use super::state::VillageState;
use super::{
    account, camera, configuration, device, directory, guest, history, light, network, notice,
    place, procedure, sensor, speaker, storm, token, user, village,
};

impl VillageState {
    /// Applies one entry. Total: an event about a thing that is not there changes nothing but
    /// `seq`.
    pub fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        match &entry.event {
            Event::History(e) => history::rules::apply(self, e),
            Event::Village(e) => village::rules::apply(self, e),
            Event::Place(e) => place::rules::apply(self, e),
            Event::Device(e) => device::rules::apply(self, e, entry),
            Event::Account(e) => account::rules::apply(self, e, entry),
            Event::Configuration(e) => configuration::rules::apply(self, e),
            Event::Light(e) => light::rules::apply(self, e, entry),
            Event::Sensor(e) => sensor::rules::apply(self, e, entry),
            Event::Speaker(e) => speaker::rules::apply(self, e, entry),
            Event::Camera(e) => camera::rules::apply(self, e, entry),
            Event::Notice(e) => notice::rules::apply(self, e, entry),
            Event::User(e) => user::rules::apply(self, e),
            Event::Token(e) => token::rules::apply(self, e),
            Event::Guest(e) => guest::rules::apply(self, e),
            Event::Network(e) => network::rules::apply(self, e),
            Event::Directory(e) => directory::rules::apply(self, e, entry),
            Event::Procedure(e) => procedure::rules::apply(self, e, entry),
            Event::Storm(e) => storm::rules::apply(self, e, entry),
        }
    }
}
