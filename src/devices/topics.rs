//! Which entities a topic belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::entity::Entity;
use crate::domain::id::EntityId;
use crate::domain::state::VillageState;

#[derive(Default)]
pub(super) struct TopicTable {
    entities: Option<Arc<BTreeMap<EntityId, Arc<Entity>>>>,
    pub(super) state: BTreeMap<String, Vec<Arc<Entity>>>,
    pub(super) availability: BTreeMap<String, Vec<Arc<Entity>>>,
}

impl TopicTable {
    /// Builds the topic table again when the entities changed.
    pub(super) fn refresh(&mut self, state: &VillageState) {
        if self
            .entities
            .as_ref()
            .is_some_and(|e| Arc::ptr_eq(e, &state.entities))
        {
            return;
        }
        self.entities = Some(state.entities.clone());
        self.state.clear();
        self.availability.clear();
        for entity in state.entities.values() {
            self.state
                .entry(entity.state.topic.clone())
                .or_default()
                .push(entity.clone());
            if let Some(a) = &entity.availability {
                self.availability
                    .entry(a.topic.clone())
                    .or_default()
                    .push(entity.clone());
            }
        }
    }
}
