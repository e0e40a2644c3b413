#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onecity_tests::parsers::announcement(data));
