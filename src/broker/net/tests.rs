//! The memory that a connected client takes while it is silent.

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::{client, handshake};
use crate::broker::core::session::Session;
use crate::supervisor::meter::Metered;

type Io = Metered<TcpStream>;

fn size_after_3<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
    size_of::<F>()
}

fn size_after_4<A, B, C, D, F: Future>(_: impl Fn(A, B, C, D) -> F) -> usize {
    size_of::<F>()
}

/// A village has thousands of connections. A value that is held across an await, or that moves from
/// one future to the next, is in the memory of each; this test tells when one came to it.
#[test]
fn a_silent_client_is_small() {
    let client = size_after_4(client::serve::<Io>);
    let connection = size_after_3(handshake::serve::<Io>);
    let session = size_of::<Session>();
    println!("client {client}, connection {connection}, session {session}");
    assert!(client <= 1_000, "the client's loop: {client} bytes");
    assert!(
        connection <= client + 100,
        "with its handshake over: {connection} bytes"
    );
    assert!(session <= 576, "its session: {session} bytes");
}

#[test]
fn an_empty_buffer_holds_nothing_of_the_packets_that_were_in_it() {
    let mut input = BytesMut::zeroed(60_000);
    let packet = input.split_to(60_000).freeze();
    assert!(
        input.is_empty() && !packet.is_unique(),
        "it still holds them"
    );
    client::free_if_empty(&mut input);
    assert!(packet.is_unique(), "the packet alone holds them");
}
