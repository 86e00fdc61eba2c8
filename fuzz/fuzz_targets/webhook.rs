//! Any bytes from a sender of Standard Webhooks; what has to hold is said in `shared/sources/tests/properties/webhook.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::webhook::holds(bytes));
