//! Any bytes from ElevenLabs; what has to hold is said in `shared/sources/tests/properties/elevenlabs.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::elevenlabs::holds(bytes));
