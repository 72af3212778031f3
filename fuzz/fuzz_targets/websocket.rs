//! The WebSocket door: any bytes behind (or instead of) a handshake end or give bytes; nothing
//! panics, nothing hangs.
#![no_main]

use std::time::Duration;

use conglang::broker::net::websocket;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HELLO: &[u8] = b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: mqtt\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    let Some((how, bytes)) = data.split_first() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        if how & 1 == 0 {
            let _ = client.write_all(HELLO).await;
        }
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let served = async {
            let Ok(mut ws) = websocket::accept(server, 4_096).await else {
                return;
            };
            let mut out = Vec::new();
            let _ = ws.read_to_end(&mut out).await;
            assert!(out.len() <= bytes.len());
        };
        tokio::time::timeout(Duration::from_secs(2), served)
            .await
            .expect("it ends");
    });
});
