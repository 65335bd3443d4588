//! The ways to reach the server, over real sockets: the built binary, and clients that publish by WHIP and play by WHEP.
//! Every packet of a call is counted.

mod client;
#[path = "../support/mod.rs"]
mod support;

use client::Way::{Tcp, Udp};
use client::{Client, Way, candidates, connect, expect_since, send, send_until_it_comes};
use support::{Folder, Server};

const V4: Way = Udp("127.0.0.1:0");
const V6: Way = Udp("[::1]:0");
const LOOPBACK: &str = "127.0.0.1";

/// Two media workers, so that the first TCP connections also find theirs.
fn start(advertise: &str) -> (Folder, Server) {
    let folder = Folder::new();
    let server = Server::start(&folder, &[("LISTEN_ADVERTISE", advertise), ("LISTEN_MEDIA_WORKERS", "2")]);
    (folder, server)
}

fn call(server: &Server, publisher: Way, player: Way) -> (Client, Client) {
    let mut to = Client::play(server, "viewer", player);
    let mut from = Client::publish(server, "speaker", publisher);
    connect(&mut from, &mut to);
    (from, to)
}

/// Everything that is sent comes, from the first packet on.
fn carries_a_call(advertise: &str, publisher: Way, player: Way) {
    let (_folder, server) = start(advertise);
    let (mut from, mut to) = call(&server, publisher, player);
    send(&mut from, &mut to, 60);
    expect_since(&mut from, &mut to, 0);
}

#[test]
fn udp_carries_a_call() {
    carries_a_call(LOOPBACK, V4, V4);
}

#[test]
fn ice_tcp_alone_carries_a_call() {
    carries_a_call(LOOPBACK, Tcp, Tcp);
}

#[test]
fn tcp_publisher_reaches_a_udp_player() {
    carries_a_call(LOOPBACK, Tcp, V4);
}

#[test]
fn ipv6_alone_carries_a_call() {
    carries_a_call("::1", V6, V6);
}

#[test]
fn each_address_family_reaches_the_other() {
    carries_a_call("127.0.0.1, ::1", V6, V4);
}

#[test]
fn every_advertised_address_is_a_candidate_of_both_protocols() {
    let (_folder, server) = start("127.0.0.1, 127.0.0.2, ::1");
    let client = Client::publish(&server, "speaker", V4);
    let found = candidates(&client.answer);
    for protocol in ["tcp", "udp"] {
        let of_it: Vec<_> = found.iter().filter(|(p, _)| p == protocol).map(|(_, a)| a.ip().to_string()).collect();
        assert_eq!(of_it, ["127.0.0.1", "127.0.0.2", "::1"], "{}", client.answer);
    }
}

#[test]
fn ice_restart_in_the_call_loses_nothing() {
    let (_folder, server) = start(LOOPBACK);
    let (mut from, mut to) = call(&server, V4, V4);
    send(&mut from, &mut to, 30);
    from.restart_ice(&server);
    send(&mut from, &mut to, 30);
    to.restart_ice(&server);
    send(&mut from, &mut to, 30);
    expect_since(&mut from, &mut to, 0);
}

/// The client never learns that its mapping changed; its next consent check (RFC 7675) shows the new port.
#[test]
fn clients_whose_source_port_changes_go_on() {
    let (_folder, server) = start(LOOPBACK);
    let (mut from, mut to) = call(&server, V4, V4);
    send(&mut from, &mut to, 30);
    expect_since(&mut from, &mut to, 0);
    from.swap_udp("127.0.0.1:0");
    let again = send_until_it_comes(&mut from, &mut to);
    expect_since(&mut from, &mut to, again);
    to.swap_udp("127.0.0.1:0");
    let again = send_until_it_comes(&mut from, &mut to);
    expect_since(&mut from, &mut to, again);
}
