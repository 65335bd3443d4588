//! A WHIP or WHEP client on webrtc-rs: none of its ICE, DTLS, SRTP, RTP or SDP code is the server's.

use super::http;
use super::media::{Heard, Sent};
use super::process::{APP, KEY, PATIENCE, Server, now, unix_seconds};
use carillon_proto::id::{AppId, UserId};
use carillon_proto::user_sig::UserSig;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_sample::TrackLocalStaticSample;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    register_default_interceptors,
};
use webrtc::rtp_transceiver::RtpSender;

/// How a client reaches the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Net {
    pub udp: Vec<String>,
    /// An ICE restart takes new sockets, as after a change of network.
    pub new_sockets_on_restart: bool,
}

impl Net {
    pub(crate) fn udp(address: &str) -> Self {
        Self { udp: vec![address.to_owned()], ..Self::default() }
    }
}

/// What is done to an answer before the client sees it.
pub(crate) type Edit = Box<dyn Fn(&str) -> String + Send + Sync>;

pub(crate) struct Client {
    pc: Arc<dyn PeerConnection>,
    states: watch::Receiver<RTCPeerConnectionState>,
    gathered: watch::Receiver<u32>,
    tracks: mpsc::UnboundedReceiver<Arc<dyn TrackRemote>>,
    http: std::net::SocketAddr,
    /// The path of the endpoint, `/whip/…` or `/whep/…`.
    endpoint: String,
    user: String,
    resource: Option<String>,
    edit: Edit,
    /// The last answer as the server wrote it.
    pub answer: String,
}

struct Handler {
    states: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<u32>,
    tracks: mpsc::UnboundedSender<Arc<dyn TrackRemote>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.states.send_replace(state);
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_modify(|n| *n += 1);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.tracks.send(track);
    }
}

impl Client {
    /// Publishes a camera and a microphone to the room.
    pub(crate) async fn publish(server: &Server, room: u32, user: &str, net: Net) -> (Self, Sent) {
        Self::publish_through(server, room, user, net, Box::new(str::to_owned)).await
    }

    pub(crate) async fn publish_through(server: &Server, room: u32, user: &str, net: Net, edit: Edit) -> (Self, Sent) {
        let mut client = Self::new(server, format!("/whip/{APP}/{room}/{user}"), user, net, edit).await;
        let video = client.add_track(RtpCodecKind::Video, "video/VP8", 90_000, 0).await;
        let audio = client.add_track(RtpCodecKind::Audio, "audio/opus", 48_000, 2).await;
        client.exchange().await;
        client.connected().await;
        (client, Sent::new(video, audio).await)
    }

    /// Plays whoever is or comes in the room.
    pub(crate) async fn play(server: &Server, room: u32, user: &str, net: Net) -> (Self, Heard) {
        Self::play_through(server, room, user, net, Box::new(str::to_owned)).await
    }

    pub(crate) async fn play_through(server: &Server, room: u32, user: &str, net: Net, edit: Edit) -> (Self, Heard) {
        let mut client = Self::new(server, format!("/whep/{APP}/{room}/{user}"), user, net, edit).await;
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            let direction = RTCRtpTransceiverDirection::Recvonly;
            let init = RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() };
            client.pc.add_transceiver_from_kind(kind, Some(init)).await.expect("a section");
        }
        client.exchange().await;
        client.connected().await;
        let (_, none) = mpsc::unbounded_channel();
        let tracks = std::mem::replace(&mut client.tracks, none);
        (client, Heard::new(tracks))
    }

    async fn new(server: &Server, endpoint: String, user: &str, net: Net, edit: Edit) -> Self {
        let (state, states) = watch::channel(RTCPeerConnectionState::New);
        let (done, gathered) = watch::channel(0);
        let (track, tracks) = mpsc::unbounded_channel();
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("codecs");
        let registry = register_default_interceptors(Registry::new(), &mut media).expect("interceptors");
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_discard_local_candidates_during_ice_restart(net.new_sockets_on_restart)
            .build();
        let pc = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler { states: state, gathered: done, tracks: track }))
            .with_udp_addrs(net.udp)
            .build();
        let pc: Arc<dyn PeerConnection> = Arc::new(pc.await.expect("a peer connection"));
        let (http, user) = (server.http, user.to_owned());
        Self { pc, states, gathered, tracks, http, endpoint, user, resource: None, edit, answer: String::new() }
    }

    async fn add_track(
        &self,
        kind: RtpCodecKind,
        mime: &str,
        clock_rate: u32,
        channels: u16,
    ) -> (Arc<TrackLocalStaticSample>, Arc<dyn RtpSender>) {
        let codec = RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, ..Default::default() };
        let ssrc = if kind == RtpCodecKind::Video { 0x1111_1111 } else { 0x2222_2222 };
        let rtp_coding_parameters = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
        let encoding = RTCRtpEncodingParameters { rtp_coding_parameters, codec, ..Default::default() };
        let track = MediaStreamTrack::new("stream".into(), mime.into(), mime.into(), kind, vec![encoding]);
        let track = Arc::new(TrackLocalStaticSample::new(now(), track).expect("a packetizer"));
        let sender = self.pc.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.expect("a sender");
        (track, sender)
    }

    /// Offers by POST and takes the answer; again, on the same seat, after the first time.
    async fn exchange(&mut self) {
        let before = *self.gathered.borrow_and_update();
        let offer = self.pc.create_offer(None).await.expect("an offer");
        self.pc.set_local_description(offer).await.expect("takes its own offer");
        let gathering = self.gathered.wait_for(|n| *n > before);
        timeout(PATIENCE, gathering).await.expect("gathers in time").expect("lives");
        let offer = self.pc.local_description().await.expect("it was set").sdp;
        let user = UserId::new(&self.user).expect("a valid name");
        let sig = UserSig { app: AppId(APP), user, time: unix_seconds(), expire: 3600, userbuf: None }.make(KEY);
        let query = self.resource.as_ref().map(|name| format!("?resource={name}")).unwrap_or_default();
        let path = format!("{}{query}", self.endpoint);
        let head = format!("POST {path} HTTP/1.1\r\nauthorization: Bearer {sig}\r\ncontent-type: application/sdp");
        let address = self.http;
        let reply = tokio::task::spawn_blocking(move || http::ask(address, &head, &offer)).await.expect("no panic");
        assert_eq!(reply.status, 201, "{reply:?}");
        let location = reply.head.split("location: /resource/").nth(1).expect("a resource");
        self.resource = location.split("\r\n").next().map(str::to_owned);
        let answer = RTCSessionDescription::answer((self.edit)(&reply.body)).expect("SDP");
        self.answer = reply.body;
        self.pc.set_remote_description(answer).await.expect("an answer that fits");
    }

    /// A new ufrag and password, in the middle of everything.
    pub(crate) async fn restart_ice(&mut self) {
        self.pc.restart_ice().await.expect("restarts");
        self.exchange().await;
    }

    pub(crate) async fn connected(&mut self) {
        let connected = self.states.wait_for(|s| *s == RTCPeerConnectionState::Connected);
        let came = timeout(PATIENCE, connected).await;
        assert!(came.is_ok(), "not connected in time; the answer was\n{}", self.answer);
    }

    pub(crate) async fn close(self) {
        self.pc.close().await.expect("closes");
    }
}
