#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| carillon_proto::fuzz::avc_config(data));
