//! The properties that the targets ask for. They live beside the sources, where `cargo test` replays the corpora on stable.

#[path = "../../shared/sources/tests/properties/mod.rs"]
pub mod properties;
