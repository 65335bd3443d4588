//! A small load on the bare loop, over real sockets.
#![allow(clippy::unwrap_used)]

use carillon_loadtest::rtmp::{Bare, Clip, Load};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A second at 25 pictures, without sound. What is in them does not matter.
fn clip() -> Clip {
    let mut bytes = b"FLV\x01\x01\0\0\0\x09\0\0\0\0".to_vec();
    for n in 0..25_u32 {
        let payload = [&[if n == 0 { 0x17 } else { 0x27 }, 1, 0, 0, 0, 0, 0, 7, 0xd0][..], &[9; 2000]].concat();
        bytes.push(9);
        bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
        bytes.extend(&(n * 40).to_be_bytes()[1..]);
        bytes.extend([0; 4]);
        bytes.extend(&payload);
        bytes.extend((payload.len() as u32 + 11).to_be_bytes());
    }
    static CLIPS: AtomicU32 = AtomicU32::new(0);
    let name = format!("carillon-clip-{}-{}.flv", std::process::id(), CLIPS.fetch_add(1, Ordering::Relaxed));
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, bytes).unwrap();
    let clip = Clip::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    clip
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn load(play: &str) -> Load {
    Load {
        clip: clip(),
        publish: Vec::new(),
        play: vec![play.to_owned(); 3],
        rate: 100.0,
        settle: Duration::from_millis(100),
        window: Duration::from_secs(1),
        server: Some(std::process::id()),
    }
}

#[test]
fn the_bare_loop_feeds_every_socket() {
    let address = free_address();
    let bare = Bare::new(clip(), address).unwrap();
    std::thread::spawn(move || bare.run());
    let report = load(&format!("raw://{address}")).run().unwrap();
    assert_eq!((report.players, report.failed, report.failure), (3, 0, None));
    assert!(report.mbps_per_player > 0.0);
}

#[test]
fn players_that_are_not_let_in_are_counted() {
    let address = free_address();
    let report = load(&format!("rtmp://{address}/live/a")).run().unwrap();
    assert_eq!((report.players, report.failed, report.blind), (3, 3, 3));
    assert!(report.failure.is_some());
}
