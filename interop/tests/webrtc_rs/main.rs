//! The built server and webrtc-rs over real sockets: samples that are published by WHIP are played by WHEP, byte for byte,
//! whatever way they come.

mod client;
#[allow(dead_code, unreachable_pub, reason = "shared with the server's tests")]
#[path = "../../../server/tests/support/http.rs"]
mod http;
mod media;
#[allow(dead_code, unreachable_pub, reason = "shared with the server's tests")]
#[path = "../../../server/tests/support/process.rs"]
mod process;
mod relay;

use client::{Client, Net};
use process::{Folder, PATIENCE, Server};
use relay::Relay;
use std::net::SocketAddr;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

/// Candidates of an answer: protocol, address.
fn candidates(answer: &str) -> Vec<(String, SocketAddr)> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let ip = fields[4].parse().expect("an address");
        (fields[2].to_ascii_lowercase(), SocketAddr::new(ip, fields[5].parse().expect("a port")))
    };
    let mut all: Vec<_> = answer.lines().filter_map(|l| l.strip_prefix("a=candidate:")).map(parse).collect();
    all.sort();
    all.dedup();
    all
}

/// A publisher reaches a player; every sample is compared.
async fn call(settings: &[(&str, &str)], publisher: Net, player: Net) {
    let folder = Folder::new();
    let server = Server::start(&folder, settings);
    let (player, mut heard) = Client::play(&server, 7, "viewer", player).await;
    let (publisher, mut sent) = Client::publish(&server, 7, "speaker", publisher).await;
    sent.send(100).await;
    heard.expect_all(&sent).await;
    publisher.close().await;
    player.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_arrives() {
    call(&[], Net::udp(V4), Net::udp(V4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_carries_a_call() {
    call(&[("LISTEN_ADVERTISE", "::1")], Net::udp(V6), Net::udp(V6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_family_reaches_the_other() {
    call(&[("LISTEN_ADVERTISE", "127.0.0.1,::1")], Net::udp(V6), Net::udp(V4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advertised_address_that_is_dead_does_no_harm() {
    // 192.0.2.1 is documentation's: nobody answers there.
    call(&[("LISTEN_ADVERTISE", "192.0.2.1,127.0.0.1")], Net::udp(V4), Net::udp(V4)).await;
}

/// The crate drops what it receives during a restart, so not every sample can be asked for.
async fn restart(net: impl Fn() -> Net) {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut player, mut heard) = Client::play(&server, 7, "viewer", net()).await;
    let (mut publisher, mut sent) = Client::publish(&server, 7, "speaker", net()).await;
    sent.send(20).await;
    heard.expect_all(&sent).await;
    publisher.restart_ice().await;
    publisher.connected().await;
    player.restart_ice().await;
    player.connected().await;
    let first = sent.video().len() + 50;
    sent.send(100).await;
    heard.expect_since(&sent, first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ice_restart_goes_on() {
    restart(|| Net::udp(V4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ice_restart_on_new_sockets_goes_on() {
    restart(|| Net { new_sockets_on_restart: true, ..Net::udp(V4) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publisher_whose_source_port_changes_goes_on() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (probe, _) = Client::publish(&server, 8, "probe", Net::udp(V4)).await;
    let udp = candidates(&probe.answer).into_iter().find(|(protocol, _)| protocol == "udp").expect("one").1;
    let nat = Relay::start(udp).await;
    let (_player, mut heard) = Client::play(&server, 7, "viewer", Net::udp(V4)).await;
    let (_publisher, mut sent) = Client::publish_through(&server, 7, "speaker", Net::udp(V4), nat.edit()).await;
    sent.send(20).await;
    heard.expect_all(&sent).await;
    nat.rebind();
    // Its next check, which nominates nothing, shows the new port.
    let first = sent.video().len() + 350;
    sent.send(400).await;
    heard.expect_since(&sent, first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn player_whose_source_port_changes_goes_on() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (probe, _) = Client::publish(&server, 8, "probe", Net::udp(V4)).await;
    let udp = candidates(&probe.answer).into_iter().find(|(protocol, _)| protocol == "udp").expect("one").1;
    let nat = Relay::start(udp).await;
    let (_player, mut heard) = Client::play_through(&server, 7, "viewer", Net::udp(V4), nat.edit()).await;
    let (_publisher, mut sent) = Client::publish(&server, 7, "speaker", Net::udp(V4)).await;
    sent.send(20).await;
    heard.expect_all(&sent).await;
    nat.rebind();
    // Media follows what its checks and its reports show, once the old port has been silent.
    let first = sent.video().len() + 350;
    sent.send(400).await;
    heard.expect_since(&sent, first).await;
}
