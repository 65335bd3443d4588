//! What a packet costs down to the kernel: the server's path (forward, seal, `udp.rs`) against a bare loop that seals
//! the same bytes and sends them with GSO, frame by frame in one run. Fails above the limit. `cargo bench -p carillon`.
//!
//! Both send from one socket to the same 200 loopback sockets, which are emptied between frames: every packet is
//! really delivered. Time is the thread's CPU time, the kernel's share included, at the first decile of a round of
//! frames, in the round that was disturbed least: what other load does to the caches only ever adds, and more to the
//! server, which needs more of them.
#![allow(unsafe_code, reason = "the floor's system calls have no safe form")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

mod common;
#[path = "../sfu/tests/support/mod.rs"]
mod support;

use carillon::udp::UdpSocket;
use carillon_sfu::{Path, Protocol, Run};
use common::{ARENA_BYTES, MESSAGE_BYTES, PACKET_BYTES, PACKETS, SUBSCRIBERS, Sealer, TAG_BYTES};
use common::{audience, low, sealed_frames};
use std::mem::zeroed;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, RawFd};
use std::process::ExitCode;
use std::time::Duration;
use support::{World, is_media};

const RATIO_MAX: f64 = 1.5;
/// Frames of one round.
const ROUND: usize = 60;
/// Messages of one `sendmmsg` of the floor, as many as the server gives: what they carry stays in the cache.
const FLOOR_BATCH: usize = 32;

fn main() -> ExitCode {
    let (mut world, video) = audience();
    let frames = sealed_frames(&mut world, 0, video);
    let mut sinks = Sinks::new();
    let mut socket = UdpSocket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).expect("binds");
    assert!(socket.max_segments() > 1, "this kernel has no UDP GSO: nothing to compare");
    let mut floor = Floor::new(&sinks);
    let mut least = f64::INFINITY;
    for round in frames.chunks(ROUND) {
        let (mut server_ns, mut floor_ns) = (Vec::new(), Vec::new());
        for frame in round {
            world.now = world.now.plus(Duration::from_millis(33));
            let mut frame = frame.clone();
            server_ns.push(per_packet(|| forward(&mut world, &mut frame, &mut socket, &sinks)));
            sinks.expect_frame("the server");
            floor_ns.push(per_packet(|| floor.send_frame()));
            sinks.expect_frame("the floor");
        }
        let (server, floor) = (low(server_ns), low(floor_ns));
        println!("forward and send {server:.0} ns, seal and send {floor:.0} ns per packet and subscriber");
        least = least.min(server / floor);
    }
    println!("forward and send / seal and send with GSO: {least:.2} (limit {RATIO_MAX})");
    if least <= RATIO_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a media thread does with one frame, from the datagrams' arrival on.
fn forward(world: &mut World, frame: &mut [Vec<u8>], socket: &mut UdpSocket, sinks: &Sinks) {
    let path = world.path_of(0);
    for datagram in frame {
        world.worker.handle_datagram(world.now, path, datagram);
    }
    let egress = world.worker.egress();
    let local = socket.local();
    let outcome = {
        let runs = egress.runs(socket.max_segments());
        let ours = runs.filter(|r| r.path.protocol == Protocol::Udp && r.path.remote.is_ipv4());
        let media = ours.filter(|r| is_media(r.bytes));
        socket.send(media.map(|run| Run { path: sinks.path(local, run.path), ..run }))
    };
    assert_eq!(outcome.datagrams, PACKETS * SUBSCRIBERS, "{outcome:?}");
    egress.clear();
}

fn per_packet(work: impl FnOnce()) -> f64 {
    let begin = thread_cpu();
    work();
    (thread_cpu() - begin).as_nanos() as f64 / (PACKETS * SUBSCRIBERS) as f64
}

fn thread_cpu() -> Duration {
    // SAFETY: a plain C struct, written by the call.
    let mut time: libc::timespec = unsafe { zeroed() };
    let rc = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(rc, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The subscribers' sockets. Plain ones, as a browser's: the kernel cuts GSO messages before it delivers them.
struct Sinks(Vec<std::net::UdpSocket>, Vec<SocketAddr>);

impl Sinks {
    fn new() -> Self {
        let open = |_| {
            let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
            socket.set_nonblocking(true).expect("can be set");
            socket
        };
        let sockets: Vec<_> = (0..SUBSCRIBERS).map(open).collect();
        let addresses = sockets.iter().map(|s| s.local_addr().expect("bound")).collect();
        Self(sockets, addresses)
    }

    /// The simulated path to peer n (from 1) as a real one: ports 5000 + n are the simulation's.
    fn path(&self, local: SocketAddr, simulated: Path) -> Path {
        let remote = self.1[usize::from(simulated.remote.port()) - 5001];
        Path { local: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), local.port()), remote, protocol: Protocol::Udp }
    }

    fn expect_frame(&mut self, whose: &str) {
        let mut bytes = [0; 2_000];
        for socket in &self.0 {
            let sizes: Vec<usize> = std::iter::from_fn(|| socket.recv(&mut bytes).ok()).collect();
            assert_eq!(sizes.len(), PACKETS, "{whose} reaches everybody");
            let same = |size: &usize| size.abs_diff(PACKET_BYTES + TAG_BYTES) <= 8;
            assert!(sizes.iter().all(same), "{whose} sends {sizes:?}, the other {}", PACKET_BYTES + TAG_BYTES);
        }
    }
}

/// Seals and sends, with every header made beforehand: the least that 200 keys and 200 destinations can cost.
struct Floor {
    sealer: Sealer,
    socket: std::net::UdpSocket,
    arena: Vec<u8>,
    headers: Vec<libc::mmsghdr>,
    // What the headers point at.
    _names: Vec<libc::sockaddr_in>,
    _vectors: Vec<libc::iovec>,
    _control: Vec<[u64; 3]>,
}

impl Floor {
    fn new(sinks: &Sinks) -> Self {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("binds");
        set_send_buffer(socket.as_raw_fd());
        let mut arena = vec![0; ARENA_BYTES];
        let mut names: Vec<_> = sinks.1.iter().map(|&to| name(to)).collect();
        let message = |bytes: &mut [u8]| libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut vectors: Vec<_> = arena.chunks_exact_mut(MESSAGE_BYTES).map(message).collect();
        let mut control = vec![[0_u64; 3]; SUBSCRIBERS];
        let mut headers = Vec::new();
        for i in 0..SUBSCRIBERS {
            // SAFETY: all-zero bytes are a valid value of this plain C struct.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = (&raw mut names[i]).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = &raw mut vectors[i];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = (&raw mut control[i]).cast();
            header.msg_hdr.msg_controllen = size_of::<[u64; 3]>();
            write_segment_size(&header.msg_hdr);
            headers.push(header);
        }
        Self { sealer: Sealer::new(), socket, arena, headers, _names: names, _vectors: vectors, _control: control }
    }

    fn send_frame(&mut self) {
        let Self { sealer, socket, arena, headers, .. } = self;
        let batches = headers.chunks_mut(FLOOR_BATCH).zip(arena.chunks_mut(FLOOR_BATCH * MESSAGE_BYTES));
        for (batch, (headers, arena)) in batches.enumerate() {
            for (i, message) in arena.chunks_exact_mut(MESSAGE_BYTES).enumerate() {
                sealer.seal_frame(batch * FLOOR_BATCH + i, message);
            }
            // SAFETY: the headers point at vectors that live as long as they do and are not moved.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as u32, 0) };
            assert_eq!(sent, headers.len() as i32, "{}", std::io::Error::last_os_error());
        }
    }
}

fn name(to: SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(to) = to else { panic!("IPv4 was bound") };
    raw(to)
}

fn raw(to: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*to.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn write_segment_size(header: &libc::msghdr) {
    // SAFETY: 24 bytes of control data hold one control message of a u16.
    unsafe {
        let at = libc::CMSG_FIRSTHDR(header);
        (*at).cmsg_level = libc::SOL_UDP;
        (*at).cmsg_type = libc::UDP_SEGMENT;
        (*at).cmsg_len = libc::CMSG_LEN(2) as usize;
        libc::CMSG_DATA(at).cast::<u16>().write_unaligned((PACKET_BYTES + TAG_BYTES) as u16);
    }
}

fn set_send_buffer(fd: RawFd) {
    let bytes: libc::c_int = 4 << 20;
    // SAFETY: the value lives through the call and its size is given.
    unsafe {
        let at = (&raw const bytes).cast();
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, at, size_of::<libc::c_int>() as libc::socklen_t);
    }
}
