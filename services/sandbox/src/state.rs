//! What all vendors keep.

use serde_json::{Value, json};

use crate::{calcom::Calcom, highlevel::HighLevel, hubspot::HubSpot, langfuse::Langfuse, mem0::Mem0, seed, zep::Zep};

/// See the module.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) highlevel: HighLevel,
    pub(crate) hubspot: HubSpot,
    pub(crate) calcom: Calcom,
    pub(crate) zep: Zep,
    pub(crate) mem0: Mem0,
    pub(crate) langfuse: Langfuse,
}

impl State {
    /// As every sandbox begins.
    pub(crate) fn seeded() -> Self {
        let mut state = Self::default();
        seed::sow(&mut state);
        state
    }

    pub(crate) fn shown(&self) -> Value {
        json!({
            "highlevel": self.highlevel.shown(),
            "hubspot": self.hubspot.shown(),
            "calcom": self.calcom.shown(),
            "zep": self.zep.shown(),
            "mem0": self.mem0.shown(),
            "langfuse": self.langfuse.shown(),
        })
    }
}
