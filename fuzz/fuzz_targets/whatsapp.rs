//! Any bytes from Evolution API; what has to hold is said in `shared/sources/tests/properties/whatsapp.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::whatsapp::holds(bytes));
