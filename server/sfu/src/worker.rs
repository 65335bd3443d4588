//! One media thread's engine: its rooms and participants, the way of a datagram to them, and the timers.

use crate::context::{Context, Timer};
use crate::demux::Wire;
use crate::random::Random;
use crate::room::{Census, Room};
use crate::transport::Params;
use crate::{
    Command, DropReason, Egress, FeedFact, FeedRefusal, FrameOutput, LocalCandidate, OfferError, Output, ParticipantId,
    Path, Publish, Reason, RequestId, RoomKey, Stats, Subscribe, TapId, TapOutput,
};
use carillon_config::media::Media;
use carillon_proto::frame::Frame;
use carillon_proto::gateway::TrackName;
use carillon_proto::time::Now;
use std::collections::BTreeMap;
use std::time::Instant;

/// The longest datagram that is looked at: an Ethernet frame's worth, as everything that WebRTC sends.
const DATAGRAM_BYTES_MAX: usize = 2_000;

/// All rooms of one thread. No room ever spans two workers.
#[derive(Debug)]
pub struct Worker {
    rooms: BTreeMap<RoomKey, Room>,
    /// Where each participant is.
    participants: BTreeMap<ParticipantId, RoomKey>,
    /// The publisher of each tap. A tap that ended stays until its end was drained.
    taps: BTreeMap<TapId, ParticipantId>,
    context: Context,
}

impl Worker {
    /// `locals` are the addresses that answers name. `seed` feeds every id and secret this worker draws, ICE passwords
    /// among them: outside tests it comes from the operating system.
    pub fn new(config: Media, locals: Vec<LocalCandidate>, certificate: Certificate, seed: [u8; 32], now: Now) -> Self {
        let params = Params { candidates: locals, certificate, simulcast: false };
        Self {
            rooms: BTreeMap::new(),
            participants: BTreeMap::new(),
            taps: BTreeMap::new(),
            context: Context::new(config, params, Random::new(&seed), now),
        }
    }

    pub fn handle_command(&mut self, now: Now, command: Command) {
        self.context.now = now.instant;
        match command {
            Command::Join { room, participant, privileges } => {
                if self.admit(room, participant) {
                    let entry = self.rooms.entry(room).or_insert_with(|| Room::new(room));
                    if entry.join(&mut self.context, participant, privileges) {
                        self.participants.insert(participant, room);
                    }
                }
            }
            Command::Leave { participant } => self.leave(participant),
            Command::Offer { request, participant, sdp, publish, subscribe } => {
                self.handle_offer(request, participant, &sdp, &publish, &subscribe);
            }
            Command::CloseTransport { participant } => {
                if let Some((room, context)) = self.room_of(participant) {
                    room.close_transport(context, participant);
                }
            }
            Command::CloseRoom { room } => {
                let members: Vec<_> = self.rooms.get(&room).map(|r| r.participants().collect()).unwrap_or_default();
                members.into_iter().for_each(|participant| self.leave(participant));
            }
            Command::OpenFeed { participant, track, codec, reordered } => match self.room_of(participant) {
                Some((room, context)) => room.open_feed(context, participant, track, codec, reordered),
                None => {
                    let fact = FeedFact::Refused(FeedRefusal::Gone);
                    self.context.frames.push_back(FrameOutput::Feed { participant, track, fact });
                }
            },
            Command::CloseFeed { participant, track } => {
                if let Some((room, context)) = self.room_of(participant) {
                    room.close_feed(context, participant, track);
                }
            }
            Command::OpenTap { tap, publisher, track } => self.open_tap(tap, publisher, track),
            Command::RestartTap { tap } => self.with_tap(tap, |room, context| room.restart_tap(context, tap)),
            Command::CloseTap { tap } => {
                self.with_tap(tap, |room, context| room.close_tap(context, tap));
                self.taps.remove(&tap);
            }
            Command::SetRoomCodec { room, video } => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.set_video_policy(&mut self.context, video);
                }
            }
        }
    }

    /// A frame of an open feed. Frames of no feed are dropped and counted.
    pub fn handle_frame(&mut self, now: Now, participant: ParticipantId, track: TrackName, frame: &Frame) {
        self.context.now = now.instant;
        let taken = match self.room_of(participant) {
            Some((room, context)) => room.handle_frame(context, participant, track, frame),
            None => Err(DropReason::NoFeed),
        };
        if let Err(reason) = taken {
            self.context.drop(reason);
        }
    }

    /// How loud a fed microphone is, as RFC 6464 writes it: 0 (full scale) to 127 (silence), below it in decibels.
    pub fn handle_level(&mut self, now: Now, participant: ParticipantId, level: u8) {
        self.context.now = now.instant;
        if let Some((room, context)) = self.room_of(participant) {
            room.handle_level(context, participant, level);
        }
    }

    /// A datagram as it came from the socket (for TCP: one unframed RFC 4571 packet). Its bytes are used as scratch.
    pub fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        self.context.now = now.instant;
        self.context.stats.datagrams_in += 1;
        self.context.stats.bytes_in += datagram.len() as u64;
        if let Err(reason) = self.route(path, datagram) {
            self.context.drop(reason);
        }
    }

    /// A TCP connection ended: nothing more is sent there.
    pub fn handle_path_closed(&mut self, now: Now, path: Path) {
        self.context.now = now.instant;
        let Some(participant) = self.context.demux.owner(path) else { return };
        self.context.demux.forget_path(participant, path);
        if let Some((room, context)) = self.room_of(participant) {
            room.handle_path_closed(context, participant, path);
        }
    }

    /// Runs what is due. Earlier than `poll_timeout` says is harmless.
    pub fn handle_timeout(&mut self, now: Now) {
        self.context.now = now.instant;
        // Each timer runs once per call: one that is due again at once waits for the next.
        for _ in 0..self.context.timers.len() {
            let Some(timer) = self.context.timers.take_due(now.instant) else { break };
            self.run(timer);
        }
    }

    /// Drain after each call (or batch of calls) above.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.context.poll_output()
    }

    /// Frames of taps, and facts about feeds. Drain after `egress`, which is what reads packets into frames.
    pub fn poll_frame(&mut self) -> Option<FrameOutput> {
        let output = self.context.frames.pop_front();
        if let Some(FrameOutput::Tap(tap, TapOutput::Ended)) = &output {
            self.taps.remove(tap);
        }
        output
    }

    /// What is ready to go, media of all datagrams handled since the last call included. The caller sends and clears it.
    pub fn egress(&mut self) -> &mut Egress {
        let mut pending = std::mem::take(&mut self.context.pending);
        for key in pending.drain(..) {
            if let Some(room) = self.rooms.get_mut(&key) {
                room.flush(&mut self.context);
            }
        }
        self.context.pending = pending;
        &mut self.context.egress
    }

    /// When `handle_timeout` is due next, and for what. `None`: only a datagram or a command can make work.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        if !self.context.pending.is_empty() {
            return Some((self.context.now, Reason::Flush));
        }
        self.context.timers.next().map(|(at, timer)| (at, timer.reason()))
    }

    /// Counters so far and the gauges of this moment.
    pub fn stats(&self) -> Stats {
        let all = self.rooms.values().map(Room::census).fold(Census::default(), Census::plus);
        let (datagrams_out, bytes_out) = self.context.egress.pushed();
        Stats {
            datagrams_out,
            bytes_out,
            transports: all.transports,
            congested: all.congested,
            repeating: all.repeating,
            participants: all.participants,
            rooms: self.rooms.len() as u64,
            publications: all.publications,
            subscriptions: all.subscriptions,
            ..self.context.stats.clone()
        }
    }

    /// Whether a participant may come into a room: no more rooms than allowed, and out of the room before.
    fn admit(&mut self, room: RoomKey, participant: ParticipantId) -> bool {
        if self.participants.get(&participant).is_some_and(|at| *at != room) {
            self.leave(participant);
        }
        let fits = self.rooms.contains_key(&room) || self.rooms.len() < self.context.config.rooms_max;
        if !fits {
            self.context.drop(DropReason::Limit);
        }
        fits
    }

    fn leave(&mut self, participant: ParticipantId) {
        let Some(key) = self.participants.remove(&participant) else { return };
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.leave(&mut self.context, participant);
        if room.is_empty() {
            self.rooms.remove(&key);
            self.context.timers.set(Timer::Volumes(key), None);
            self.context.timers.set(Timer::Quality(key), None);
        }
    }

    fn handle_offer(
        &mut self,
        request: RequestId,
        participant: ParticipantId,
        sdp: &str,
        publish: &Publish,
        subscribe: &Subscribe,
    ) {
        let result = match self.room_of(participant) {
            Some((room, context)) => room.handle_offer(context, participant, sdp, publish, subscribe),
            None => Err(OfferError::Gone),
        };
        self.context.output(match result {
            Ok(sdp) => Output::Answer { request, participant, sdp },
            Err(error) => Output::Refused { request, participant, error },
        });
    }

    fn route(&mut self, path: Path, datagram: &mut [u8]) -> Result<(), DropReason> {
        if datagram.is_empty() || datagram.len() > DATAGRAM_BYTES_MAX {
            return Err(DropReason::Size);
        }
        let (participant, wire) = self.context.demux.route(path, datagram)?;
        let key = *self.participants.get(&participant).ok_or(DropReason::NoTransport)?;
        let room = self.rooms.get_mut(&key).ok_or(DropReason::NoTransport)?;
        let context = &mut self.context;
        match wire {
            Wire::Stun => room.handle_stun(context, participant, path, datagram),
            Wire::Dtls => room.handle_dtls(context, participant, path, datagram),
            Wire::Rtp => room.handle_rtp(context, participant, path, datagram),
            Wire::Rtcp => room.handle_rtcp(context, participant, path, datagram),
        }
    }

    fn run(&mut self, timer: Timer) {
        let room = match timer {
            Timer::Transport(id)
            | Timer::Nack(id)
            | Timer::Keyframe(id)
            | Timer::Release(id)
            | Timer::Copies(id)
            | Timer::CatchUp(id)
            | Timer::Playout(id)
            | Timer::Report(id) => self.participants.get(&id).copied(),
            Timer::Volumes(key) | Timer::Quality(key) => Some(key),
        };
        let Some(room) = room.and_then(|key| self.rooms.get_mut(&key)) else { return };
        let context = &mut self.context;
        match timer {
            Timer::Transport(id) => room.handle_transport_timeout(context, id),
            Timer::Nack(id) => room.handle_nack_timeout(context, id),
            Timer::Keyframe(id) => room.handle_keyframe_timeout(context, id),
            Timer::Release(id) => room.handle_release_timeout(context, id),
            Timer::Copies(id) => room.handle_copies_timeout(context, id),
            Timer::CatchUp(id) => room.handle_catch_up_timeout(context, id),
            Timer::Playout(id) => room.handle_playout_timeout(context, id),
            Timer::Report(id) => room.handle_report_timeout(context, id),
            Timer::Volumes(_) => room.handle_volumes_timeout(context),
            Timer::Quality(_) => room.handle_quality_timeout(context),
        }
    }

    fn open_tap(&mut self, tap: TapId, publisher: ParticipantId, track: TrackName) {
        if self.taps.contains_key(&tap) {
            return self.context.drop(DropReason::Limit);
        }
        let opened =
            self.room_of(publisher).is_some_and(|(room, context)| room.open_tap(context, tap, publisher, track));
        if opened {
            self.taps.insert(tap, publisher);
        } else {
            self.context.frames.push_back(FrameOutput::Tap(tap, TapOutput::Ended));
        }
    }

    fn with_tap(&mut self, tap: TapId, f: impl FnOnce(&mut Room, &mut Context)) {
        if let Some(publisher) = self.taps.get(&tap).copied()
            && let Some((room, context)) = self.room_of(publisher)
        {
            f(room, context);
        }
    }

    fn room_of(&mut self, participant: ParticipantId) -> Option<(&mut Room, &mut Context)> {
        let key = self.participants.get(&participant)?;
        Some((self.rooms.get_mut(key)?, &mut self.context))
    }
}

/// The certificate that every DTLS handshake of a node shows.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// X.509, DER.
    pub der: Vec<u8>,
    /// PKCS #8, DER.
    pub private_key: Vec<u8>,
}
