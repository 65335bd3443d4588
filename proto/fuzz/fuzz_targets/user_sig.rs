#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| carillon_proto::user_sig::fuzz_user_sig(data));
