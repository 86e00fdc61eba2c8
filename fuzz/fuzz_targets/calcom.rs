//! Any bytes from Cal.com; what has to hold is said in `shared/sources/tests/properties/calcom.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| offhook_fuzz::properties::calcom::holds(bytes));
