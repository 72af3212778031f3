//! Connections that say nothing, half, too much, or take no reply: when they end.

use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use super::super::policy::AskingSegment;
use super::super::tcp::converse;
use super::packets::{asked, ip};
use super::rig::{Rig, STAFF, policy};
use crate::supervisor::admission::AdmissionControl;
use crate::supervisor::meter::Meter;

/// How long a connection lasts with a device that does `play` and then nothing.
async fn lasts(play: impl AsyncFnOnce(&mut DuplexStream)) -> Duration {
    let rig = Rig::new(policy(vec![]));
    let (mut device, stream) = tokio::io::duplex(64);
    let permit = AdmissionControl::new(4).acquire(ip(STAFF), 4, &Meter::start());
    let permit = permit.expect("room");
    let began = Instant::now();
    let serving = async {
        converse(
            &rig.forwarder,
            AskingSegment::Staff,
            ip(STAFF),
            stream,
            &permit,
        )
        .await;
        began.elapsed()
    };
    let (lasted, ()) = tokio::join!(serving, play(&mut device));
    drop(device);
    lasted
}

fn framed() -> Vec<u8> {
    let packet = asked("nhavanhoa.lan.", RecordType::A);
    let length = u16::try_from(packet.len()).expect("short").to_be_bytes();
    [&length[..], &packet].concat()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_or_half_is_closed_in_time() {
    let idle = lasts(async |_| ()).await;
    assert_eq!(idle.as_secs(), 10);
    let half = lasts(async |device| device.write_all(&[0, 40, 1, 2]).await.expect("written")).await;
    assert_eq!(half.as_secs(), 5);
    let long = lasts(async |device| device.write_all(&[0xff; 4]).await.expect("written")).await;
    assert_eq!(long.as_secs(), 0, "too long");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_takes_no_reply_is_left() {
    // The reply and more questions do not fit into the pipe.
    let deaf = lasts(async |device| {
        let questions = framed().repeat(8);
        let writing = device.write_all(&questions);
        let _ = tokio::time::timeout(Duration::from_secs(60), writing).await;
    })
    .await;
    assert!(deaf.as_secs() <= 10, "{deaf:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_asks_at_most_a_hundred_times() {
    let mut replies = 0;
    lasts(async |device| {
        let (mut read, mut write) = tokio::io::split(device);
        let asking = async {
            for _ in 0..200 {
                if write.write_all(&framed()).await.is_err() {
                    break;
                }
            }
        };
        let reading = async {
            while let Ok(length) = read.read_u16().await {
                let mut reply = vec![0; usize::from(length)];
                read.read_exact(&mut reply).await.expect("whole");
                replies += 1;
            }
        };
        tokio::join!(asking, reading);
    })
    .await;
    assert_eq!(replies, 100);
}
