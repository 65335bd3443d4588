//! UDP as media needs it: many datagrams a call, both ways, with the address that each came in on, and equal datagrams
//! to one peer as one GSO message. The kernel's send path is what an SFU costs: one `sendto` is some 3 µs, a segment
//! of a GSO message 0.4 to 1.
//!
//! The only module with `unsafe`: `recvmmsg`, `sendmmsg`, `ppoll` and `sched_setaffinity` have no safe form.
#![allow(unsafe_code)]

use carillon_sfu::{Path, Protocol, Run};
use socket2::{Domain, Socket, Type};
use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Messages taken by one receive call. Each may be a GRO run of many datagrams.
const RECEIVE_MESSAGES: usize = 32;
/// Largest UDP payload, and so the largest GRO run.
const MESSAGE_BYTES: usize = 65_536;
/// Messages given to one send call.
const SEND_MESSAGES: usize = 32;
/// Segments of one GSO message: the kernel's UDP_MAX_SEGMENTS is 64 on older kernels.
pub const MAX_SEGMENTS: usize = 48;
/// Socket buffers: some 100 ms of 300 Mbit/s.
const SOCKET_BYTES: usize = 4 << 20;
/// Room for the control messages: packet info (28 bytes of v6) and a segment size, aligned.
const CONTROL_BYTES: usize = 96;

/// One bound socket of one address family.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    local: SocketAddr,
    gso: bool,
}

/// What was lost on the way out, and why.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SendOutcome {
    pub datagrams: usize,
    /// The socket's buffer was full.
    pub dropped_full: usize,
    /// No route, or another error of this destination.
    pub dropped_error: usize,
}

impl UdpSocket {
    /// Binds the wildcard address of a family. IPv6 sockets take IPv6 only: each family has its own.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Best effort: the kernel's limit may be lower.
        let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
        let _ = socket.set_send_buffer_size(SOCKET_BYTES);
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an IP socket"))?;
        let fd = socket.as_raw_fd();
        if address.is_ipv6() {
            set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        } else {
            set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        }
        // Old kernels lack both; datagrams then come and go one by one.
        let _ = set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1);
        let gso = set_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok();
        Ok(Self { socket, local, gso })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Datagrams that one message may carry now.
    pub fn max_segments(&self) -> usize {
        if self.gso { MAX_SEGMENTS } else { 1 }
    }

    /// Takes what is there, up to one batch, and hands each datagram over. `false`: nothing was there.
    pub fn receive(&self, batch: &mut ReceiveBatch, mut each: impl FnMut(Path, &mut [u8])) -> io::Result<bool> {
        let count = batch.fill(self.socket.as_raw_fd())?;
        for i in 0..count {
            let Some((path, bytes, segment)) = batch.message(i, self.local.port()) else { continue };
            for datagram in bytes.chunks_mut(segment.max(1)) {
                each(path, datagram);
            }
        }
        Ok(count > 0)
    }

    /// Sends runs of this socket's family. What the kernel does not take now is dropped and counted: media is not worth
    /// waiting for, and repair asks again for what mattered.
    pub fn send<'a>(&mut self, runs: impl Iterator<Item = Run<'a>>) -> SendOutcome {
        let mut outcome = SendOutcome::default();
        let mut batch = SendBatch::new();
        for run in runs {
            batch.push(run);
            if batch.len == SEND_MESSAGES {
                self.flush(&mut batch, &mut outcome);
            }
        }
        self.flush(&mut batch, &mut outcome);
        outcome
    }

    fn flush(&mut self, batch: &mut SendBatch<'_>, outcome: &mut SendOutcome) {
        let mut next = 0;
        while next < batch.len {
            match batch.send(self.socket.as_raw_fd(), next) {
                Ok(sent) => {
                    outcome.datagrams += batch.runs[next..next + sent].iter().map(segments).sum::<usize>();
                    next += sent;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    outcome.dropped_full += batch.runs[next..batch.len].iter().map(segments).sum::<usize>();
                    next = batch.len;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let run = batch.runs[next];
                    // EIO and EINVAL on a segmented message mean that this device cannot: from now on one by one.
                    if segments(&run) > 1 && matches!(e.raw_os_error(), Some(libc::EIO | libc::EINVAL)) {
                        self.gso = false;
                        self.send_singly(run, outcome);
                    } else {
                        outcome.dropped_error += segments(&run);
                    }
                    next += 1;
                }
            }
        }
        batch.len = 0;
    }

    fn send_singly(&self, run: Run<'_>, outcome: &mut SendOutcome) {
        for bytes in run.bytes.chunks(run.segment_bytes.max(1)) {
            let mut one = SendBatch::new();
            one.push(Run { bytes, ..run });
            match one.send(self.socket.as_raw_fd(), 0) {
                Ok(_) => outcome.datagrams += 1,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => outcome.dropped_full += 1,
                Err(_) => outcome.dropped_error += 1,
            }
        }
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn segments(run: &Run<'_>) -> usize {
    run.bytes.len().div_ceil(run.segment_bytes.max(1))
}

fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its size is given; the kernel copies it.
    let rc = unsafe {
        let at: *const i32 = &value;
        libc::setsockopt(fd, level, name, at.cast(), size_of::<i32>() as libc::socklen_t)
    };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Buffers for one receive call, made once per thread.
pub struct ReceiveBatch {
    bytes: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    control: Vec<[u64; CONTROL_BYTES / 8]>,
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    pub fn new() -> Self {
        Self {
            bytes: vec![0; RECEIVE_MESSAGES * MESSAGE_BYTES],
            // SAFETY: all-zero bytes are valid values of these plain C structs.
            names: vec![unsafe { zeroed() }; RECEIVE_MESSAGES],
            control: vec![[0; CONTROL_BYTES / 8]; RECEIVE_MESSAGES],
            // SAFETY: as above.
            headers: vec![unsafe { zeroed() }; RECEIVE_MESSAGES],
            vectors: vec![libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; RECEIVE_MESSAGES],
        }
    }

    fn fill(&mut self, fd: RawFd) -> io::Result<usize> {
        for (i, chunk) in self.bytes.chunks_exact_mut(MESSAGE_BYTES).enumerate() {
            self.vectors[i] = libc::iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: MESSAGE_BYTES };
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.control[i]).cast();
            header.msg_controllen = CONTROL_BYTES;
            header.msg_flags = 0;
        }
        // SAFETY: every header points at buffers of `self` of the sizes given, which live and stay unaliased until the
        // call returns; the kernel writes within them only.
        let rc = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                RECEIVE_MESSAGES as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(rc) {
            Ok(count) => Ok(count),
            Err(_) => match io::Error::last_os_error() {
                // A refused earlier datagram (ICMP) is that peer's affair.
                e if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
                e if e.raw_os_error() == Some(libc::ECONNREFUSED) => Ok(0),
                e => Err(e),
            },
        }
    }

    /// Message `i` of the last fill: its path, its bytes, and the size of its datagrams.
    fn message(&mut self, i: usize, port: u16) -> Option<(Path, &mut [u8], usize)> {
        let header = &self.headers[i];
        let len = header.msg_len as usize;
        let remote = address_of(&self.names[i])?;
        let (local_ip, segment) = read_control(&header.msg_hdr);
        let path = Path { local: SocketAddr::new(local_ip?, port), remote, protocol: Protocol::Udp };
        let start = i * MESSAGE_BYTES;
        (len > 0).then(|| (path, &mut self.bytes[start..start + len], segment.unwrap_or(len)))
    }
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage, large and aligned enough for any, holds a sockaddr_in.
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above, sockaddr_in6.
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// The address that a message came to, and the datagram size of a GRO run.
fn read_control(header: &libc::msghdr) -> (Option<IpAddr>, Option<usize>) {
    let (mut local, mut segment) = (None, None);
    // SAFETY: the kernel filled `msg_control` up to `msg_controllen`; the CMSG macros walk within it, and each payload
    // is read unaligned with the type that its level and type name.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            match ((*at).cmsg_level, (*at).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    local = Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr))));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    local = Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size = data.cast::<libc::c_int>().read_unaligned();
                    segment = usize::try_from(size).ok();
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(header, at);
        }
    }
    (local, segment)
}

/// Headers for one send call, on the stack.
struct SendBatch<'a> {
    runs: [Run<'a>; SEND_MESSAGES],
    len: usize,
}

impl<'a> SendBatch<'a> {
    fn new() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let path = Path { local: nowhere, remote: nowhere, protocol: Protocol::Udp };
        Self { runs: [Run { path, segment_bytes: 1, bytes: &[] }; SEND_MESSAGES], len: 0 }
    }

    fn push(&mut self, run: Run<'a>) {
        self.runs[self.len] = run;
        self.len += 1;
    }

    /// Sends the messages from `first` on; returns how many the kernel took.
    fn send(&self, fd: RawFd, first: usize) -> io::Result<usize> {
        let runs = &self.runs[first..self.len];
        let mut names: [MaybeUninit<libc::sockaddr_storage>; SEND_MESSAGES] = [MaybeUninit::uninit(); SEND_MESSAGES];
        let mut control = [[0_u64; CONTROL_BYTES / 8]; SEND_MESSAGES];
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; SEND_MESSAGES];
        // SAFETY: all-zero bytes are valid values of this plain C struct.
        let mut headers: [libc::mmsghdr; SEND_MESSAGES] = unsafe { zeroed() };
        for (i, run) in runs.iter().enumerate() {
            // The kernel only reads what a send's vectors point at.
            vectors[i] = libc::iovec { iov_base: run.bytes.as_ptr().cast_mut().cast(), iov_len: run.bytes.len() };
            let header = &mut headers[i].msg_hdr;
            header.msg_namelen = write_address(&mut names[i], run.path.remote);
            header.msg_name = names[i].as_mut_ptr().cast();
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut control[i]).cast();
            header.msg_controllen = CONTROL_BYTES;
            header.msg_controllen = write_control(header, run);
        }
        // SAFETY: the first `runs.len()` headers point at names, vectors, control blocks and bytes that live through
        // the call.
        let rc = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), runs.len() as u32, libc::MSG_DONTWAIT) };
        usize::try_from(rc).map_err(|_| io::Error::last_os_error())
    }
}

fn write_address(name: &mut MaybeUninit<libc::sockaddr_storage>, to: SocketAddr) -> libc::socklen_t {
    *name = MaybeUninit::zeroed();
    match to {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_storage is large and aligned enough for every address type.
            unsafe { name.as_mut_ptr().cast::<libc::sockaddr_in>().write(raw) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { name.as_mut_ptr().cast::<libc::sockaddr_in6>().write(raw) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// Writes source address and segment size; returns the bytes used. The answer must leave from the address that the
/// client checked, or its NAT drops it.
fn write_control(header: &mut libc::msghdr, run: &Run<'_>) -> usize {
    let mut used = 0;
    // SAFETY: `msg_control` holds CONTROL_BYTES zeroed, aligned bytes, enough for both messages; CMSG_NXTHDR stays in
    // them, and payloads are written unaligned with their own types.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        used += match run.path.local.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => {
                let spec = libc::in_addr { s_addr: u32::from(ip).to_be() };
                let info =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: spec, ipi_addr: libc::in_addr { s_addr: 0 } };
                put(at, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            IpAddr::V6(ip) if !ip.is_unspecified() => {
                let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
                put(at, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
            IpAddr::V4(_) | IpAddr::V6(_) => 0,
        };
        if segments(run) > 1 {
            if used > 0 {
                at = libc::CMSG_NXTHDR(header, at);
            }
            used += put(at, libc::SOL_UDP, libc::UDP_SEGMENT, run.segment_bytes as u16);
        }
    }
    used
}

/// # Safety
/// `at` points at room for a control message of this payload.
unsafe fn put<T>(at: *mut libc::cmsghdr, level: i32, kind: i32, value: T) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        (*at).cmsg_level = level;
        (*at).cmsg_type = kind;
        (*at).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as usize;
        libc::CMSG_DATA(at).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size_of::<T>() as u32) as usize
    }
}

/// Sleeps until one of `fds` can be read or `timeout` has passed.
pub fn wait_readable(fds: &[RawFd], timeout: Duration) -> io::Result<()> {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    let limit = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the array and the time-out live through the call; no signal mask is given.
    let rc =
        unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, &raw const limit, std::ptr::null()) };
    match rc {
        -1 => match io::Error::last_os_error() {
            e if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            e => Err(e),
        },
        _ => Ok(()),
    }
}

/// Keeps the calling thread on one core. Best effort: a container may forbid it.
pub fn pin_to_core(core: usize) {
    // SAFETY: the set is a plain bit array that lives through the call; CPU_SET checks its bound.
    unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::CPU_SET(core % libc::CPU_SETSIZE as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ip: &str) -> (UdpSocket, UdpSocket) {
        let any = SocketAddr::new(ip.parse().expect("an address"), 0);
        (UdpSocket::bind(any).expect("binds"), UdpSocket::bind(any).expect("binds"))
    }

    fn receive_all(socket: &UdpSocket, want: usize) -> Vec<(Path, Vec<u8>)> {
        let mut batch = ReceiveBatch::new();
        let mut got = Vec::new();
        while got.len() < want {
            wait_readable(&[socket.as_raw_fd()], Duration::from_secs(5)).expect("polls");
            let any = socket.receive(&mut batch, |path, b| got.push((path, b.to_vec()))).expect("receives");
            assert!(any, "{} of {want} came", got.len());
        }
        got
    }

    fn run_of_datagrams_arrives_whole(wildcard: &str, loopback: &str) {
        let (mut from, to) = pair(wildcard);
        let ip: IpAddr = loopback.parse().expect("an address");
        let path = Path {
            local: SocketAddr::new(ip, from.local().port()),
            remote: SocketAddr::new(ip, to.local().port()),
            protocol: Protocol::Udp,
        };
        let bytes: Vec<u8> = (0..25).collect();
        let sent = from.send(
            [Run { path, segment_bytes: 10, bytes: &bytes }, Run { path, segment_bytes: 3, bytes: b"end" }].into_iter(),
        );
        assert_eq!(sent, SendOutcome { datagrams: 4, ..SendOutcome::default() });
        let got = receive_all(&to, 4);
        let bodies: Vec<&[u8]> = got.iter().map(|(_, b)| &b[..]).collect();
        assert_eq!(bodies, [&bytes[..10], &bytes[10..20], &bytes[20..], b"end"]);
        assert!(got.iter().all(|(p, _)| p.remote == path.local && p.local == path.remote));
    }

    #[test]
    fn v4_run_arrives_whole_with_its_addresses() {
        run_of_datagrams_arrives_whole("0.0.0.0", "127.0.0.1");
    }

    #[test]
    fn v6_run_arrives_whole_with_its_addresses() {
        run_of_datagrams_arrives_whole("::", "::1");
    }

    #[test]
    fn unreachable_peer_costs_nobody_else() {
        let (mut from, to) = pair("0.0.0.0");
        let ip: IpAddr = "127.0.0.1".parse().expect("an address");
        let local = SocketAddr::new(ip, from.local().port());
        let path = |remote| Path { local, remote, protocol: Protocol::Udp };
        let nobody = path(SocketAddr::new("240.0.0.1".parse().expect("an address"), 9));
        let somebody = path(SocketAddr::new(ip, to.local().port()));
        let runs = [nobody, somebody].map(|path| Run { path, segment_bytes: 2, bytes: b"hi" });
        let sent = from.send(runs.into_iter());
        assert_eq!(sent.datagrams + sent.dropped_error, 2);
        assert_eq!(receive_all(&to, 1)[0].1, b"hi");
    }
}
