//! CONNECT: any body is a connection or a refusal; what is read fits what was sent.
#![no_main]

use bytes::Bytes;
use conglang::protocol::mqtt::connect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(connect) = connect::read(Bytes::copy_from_slice(data)) {
        assert!(connect.client_id.len() <= data.len());
    }
});
