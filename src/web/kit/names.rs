//! Names of the things of the village, as people say them.

use crate::domain::state::VillageState;
use crate::i18n::locale::{Lang, noun};

/// The name of a lamp, a device, a sensor, a speaker cluster or a camera; its id when it has no
/// name.
#[must_use]
pub fn name_of(state: &VillageState, id: &str) -> String {
    let light = state
        .lights
        .iter()
        .find(|(k, _)| k.as_str() == id)
        .map(|(_, v)| v.name.clone());
    light
        .or_else(|| {
            state
                .sensors
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .speakers
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .devices
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .or_else(|| {
            state
                .cameras
                .iter()
                .find(|(k, _)| k.as_str() == id)
                .map(|(_, v)| v.name.clone())
        })
        .unwrap_or_else(|| id.to_owned())
}

/// The name of a thing with its noun, as it stands within a sentence: “đèn Cổng làng”, “loa Nhà văn
/// hóa”.
#[must_use]
pub fn noun_of(lang: Lang, state: &VillageState, id: &str, name: &str) -> String {
    if state.lights.keys().any(|k| k.as_str() == id) {
        noun(lang, "a-light", name)
    } else if state.speakers.keys().any(|k| k.as_str() == id) {
        noun(lang, "a-speaker", name)
    } else {
        name.to_owned()
    }
}
