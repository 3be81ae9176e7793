#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| docdb_tests::hostile::run("parity", bytes));
