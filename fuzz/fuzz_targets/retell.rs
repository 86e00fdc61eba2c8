//! Any bytes from Retell; what has to hold is said in `shared/sources/tests/properties/retell.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::retell::holds(bytes));
