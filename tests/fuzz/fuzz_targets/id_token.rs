#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onecity_tests::parsers::id_token(data));
