//! The vendors, and what differs between them before an operation begins: whose account, which credentials, which error shape.

use axum::http::StatusCode;
use serde::Serialize;

use crate::{
    calcom, call::Call, highlevel, hubspot, langfuse, mem0, operation::Operation, reply::Reply, state::State, zep,
};

/// One simulated vendor; its name is the first segment of its paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Vendor {
    Highlevel,
    Hubspot,
    Calcom,
    Zep,
    Mem0,
    Langfuse,
}

impl Vendor {
    pub(crate) const ALL: [Self; 6] =
        [Self::Highlevel, Self::Hubspot, Self::Calcom, Self::Zep, Self::Mem0, Self::Langfuse];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Highlevel => "highlevel",
            Self::Hubspot => "hubspot",
            Self::Calcom => "calcom",
            Self::Zep => "zep",
            Self::Mem0 => "mem0",
            Self::Langfuse => "langfuse",
        }
    }

    /// Whose request it is: a location, a user, a public key; empty if nothing in it tells.
    pub(crate) fn account(self, state: &State, call: &Call) -> String {
        let known = match self {
            Self::Highlevel => highlevel::account(&state.highlevel, call),
            Self::Hubspot => hubspot::account(),
            Self::Calcom => calcom::account(),
            Self::Zep => zep::account(&state.zep, call),
            Self::Mem0 => mem0::account(&state.mem0, call),
            Self::Langfuse => langfuse::account(call),
        };
        known.unwrap_or_default()
    }

    /// Refuses a request that the vendor's gateway would not let in.
    pub(crate) fn admit(self, operation: &Operation, call: &Call) -> Result<(), Reply> {
        match self {
            Self::Highlevel => highlevel::admit(operation, call),
            Self::Hubspot => hubspot::admit(call),
            Self::Calcom => calcom::admit(operation, call),
            Self::Zep => zep::admit(call),
            Self::Mem0 => mem0::admit(call),
            Self::Langfuse => langfuse::admit(operation, call),
        }
    }

    /// A failure in the vendor's own shape.
    pub(crate) fn error(self, status: StatusCode, message: &str) -> Reply {
        match self {
            Self::Highlevel => highlevel::error(status, message),
            Self::Hubspot => hubspot::error(status, message),
            Self::Calcom => calcom::error(status, message),
            Self::Zep => zep::error(status, message),
            Self::Mem0 => mem0::error(status, message),
            Self::Langfuse => langfuse::error(status, message),
        }
    }
}
