//! What the benches share: sealed frames of one publisher, the floor of sealing, and how a figure is drawn from a run.
#![allow(dead_code, reason = "each bench uses its part")]

use crate::support::{Want, World, is_media};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use carillon_config::media::Media;
use carillon_proto::gateway::TrackName::Camera;
use carillon_sfu::ParticipantId;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use str0m::media::Mid;

pub(crate) const SUBSCRIBERS: usize = 200;
/// A frame of 1.5 Mbit/s at 30 a second.
pub(crate) const PACKETS: usize = 6;
pub(crate) const FRAMES: usize = 300;
/// Header and payload as they are forwarded.
pub(crate) const PACKET_BYTES: usize = 1_100;
/// More than any packet has.
const PACKET_BYTES_MAX: usize = 1_500;
/// AES-GCM's tag, which every sealed packet ends with.
pub(crate) const TAG_BYTES: usize = 16;
/// The RTP header with its extensions: sealed as associated data.
const HEADER_BYTES: usize = 24;

/// One publisher (peer 0) and its subscribers (peers 1 to `SUBSCRIBERS`), connected; and the publisher's section.
pub(crate) fn audience() -> (World, Mid) {
    let mut world = World::new(Media::default());
    let a = world.add_peer();
    let video = world.offer(a, &[Want::Send(Camera)])[0];
    for _ in 0..SUBSCRIBERS {
        let n = world.add_peer();
        world.offer(n, &[Want::Receive(ParticipantId(1), Camera)]);
        world.run(Duration::from_millis(100));
    }
    (world, video)
}

/// What the publisher's browser would put on the wire, kept from reaching the server.
pub(crate) fn sealed_frames(world: &mut World, a: usize, video: Mid) -> Vec<Vec<Vec<u8>>> {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&kept);
    world.lose = Box::new(move |up, _, bytes| {
        let media = up && is_media(bytes);
        if media {
            keep.borrow_mut().push(bytes.to_vec());
        }
        media
    });
    world.packet_bytes = PACKET_BYTES - 12 - 16;
    for n in 0..FRAMES {
        world.send_frame(a, video, n == 0, PACKETS);
        world.run(Duration::from_millis(1));
    }
    world.lose = Box::new(|_, _, _| false);
    let datagrams = kept.take();
    datagrams.chunks(PACKETS).map(<[_]>::to_vec).collect()
}

/// Copy and seal, with a key for each subscriber: nothing that forwards can do less.
pub(crate) struct Sealer {
    keys: Vec<LessSafeKey>,
    packet: Vec<u8>,
    nonce: u64,
}

impl Sealer {
    pub(crate) fn new() -> Self {
        let key = |n: usize| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[n as u8; 32]).expect("32 bytes"));
        Self { keys: (0..SUBSCRIBERS).map(key).collect(), packet: vec![7; PACKET_BYTES_MAX], nonce: 0 }
    }

    /// Writes the frame for one subscriber into `out`: `PACKETS` times `PACKET_BYTES + TAG_BYTES`.
    pub(crate) fn seal_frame(&mut self, subscriber: usize, out: &mut [u8]) {
        for packet in out.chunks_exact_mut(PACKET_BYTES + TAG_BYTES) {
            self.seal_packet(subscriber, packet);
        }
    }

    /// One packet of `bytes` in all, tag included.
    pub(crate) fn seal(&mut self, bytes: usize) {
        let mut out = [0; PACKET_BYTES_MAX];
        let len = bytes.clamp(HEADER_BYTES + TAG_BYTES, PACKET_BYTES_MAX);
        self.seal_packet(0, &mut out[..len]);
        std::hint::black_box(&out);
    }

    fn seal_packet(&mut self, subscriber: usize, out: &mut [u8]) {
        self.nonce += 1;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
        let (bytes, place) = out.split_at_mut(out.len() - TAG_BYTES);
        bytes.copy_from_slice(&self.packet[..bytes.len()]);
        let (head, body) = bytes.split_at_mut(HEADER_BYTES);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let key = &self.keys[subscriber];
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(head), body).expect("seals");
        place.copy_from_slice(tag.as_ref());
    }
}

/// Room for one frame of every subscriber.
pub(crate) const ARENA_BYTES: usize = SUBSCRIBERS * MESSAGE_BYTES;
/// One subscriber's frame.
pub(crate) const MESSAGE_BYTES: usize = PACKETS * (PACKET_BYTES + TAG_BYTES);

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The first decile, for what noise can only raise.
pub(crate) fn low(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 10]
}
