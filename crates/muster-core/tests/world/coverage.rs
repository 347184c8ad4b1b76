//! Which state has met which event.

use std::collections::BTreeMap;

use muster_core::bot::Event;

use super::World;

/// How often each pair came up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) pairs: BTreeMap<(String, String), u64>,
}

impl Coverage {
    pub(crate) fn add(&mut self, state: String, event: String) {
        *self.pairs.entry((state, event)).or_default() += 1;
    }
}

impl World {
    pub(super) fn note_coverage(&mut self, bot: usize, event: &Event) {
        let state = format!("{:?}", self.members[bot].bot.view().state);
        let _ = (state, event);
    }
}
