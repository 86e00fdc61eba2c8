//! ElevenLabs Agents: what comes after a call of a voice agent, and the question that is asked before one.
//!
//! Wire facts: the provider's documentation and SDKs. `post_call_transcription` is `call.analyzed`,
//! `call_initiation_failure` is `call.ended` of a call that nobody took, `post_call_audio` is `call.audio_received`, kept and
//! read by nobody yet. A webhook may serve a whole workspace: whose agent it is, the caller of this module has to check.

mod decode;
mod initiation;
mod name;
mod signature;
mod talk;

pub use decode::decode;
pub use initiation::{Initiation, InitiationAnswer, initiation, verify_initiation};
pub use name::{agent_id, name};
pub use signature::{FUTURE_MS, SIGNATURE_HEADER, WINDOW_MS, sign, verify};
pub use talk::Talk;
