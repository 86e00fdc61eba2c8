//! Any bytes from HighLevel; what has to hold is said in `shared/sources/tests/properties/highlevel.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::highlevel::holds(bytes));
