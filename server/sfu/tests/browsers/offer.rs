//! A page's offer as Chromium writes it, as far as the server reads it, and what it takes from the answer.

use crate::link::Link;
use crate::media::Ms;
use crate::player::Answered;
use carillon_proto::gateway::TrackName::{Camera, Microphone};
use carillon_proto::sdp::{Section, Session};
use carillon_sfu::{ParticipantId, Publish, Subscribe, Wanted};
use std::fmt::Write;

const EXTENSIONS: &str = "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n\
    a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n";

/// The offer of one that sends streams of `sends` (audio, video, repeats) and wants those of `wants`.
pub fn write(link: &Link, sends: Option<[u32; 3]>, wants: &[ParticipantId]) -> (String, Publish, Subscribe) {
    let (ufrag, pwd) = link.ufrag();
    let count = 2 * (usize::from(sends.is_some()) + wants.len());
    let mids: Vec<String> = (0..count).map(|mid| mid.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
        mids.join(" "),
        Link::fingerprint()
    );
    let mut publish = Vec::new();
    let mut mid = mids.iter();
    let mut next = || mid.next().expect("counted").clone();
    if let Some([audio, video, rtx]) = sends {
        publish = vec![(next(), Microphone), (next(), Camera)];
        write!(sdp, "{AUDIO}{EXTENSIONS}a=mid:0\r\na=sendonly\r\na=ssrc:{audio} cname:w\r\n").expect("text");
        write!(sdp, "{VIDEO}{EXTENSIONS}a=mid:1\r\na=sendonly\r\na=ssrc-group:FID {video} {rtx}\r\n").expect("text");
        write!(sdp, "a=ssrc:{video} cname:w\r\na=ssrc:{rtx} cname:w\r\n").expect("text");
    }
    let mut subscribe = Vec::new();
    for publisher in wants.iter().copied() {
        for (section, track) in [(AUDIO, Microphone), (VIDEO, Camera)] {
            let mid = next();
            write!(sdp, "{section}{EXTENSIONS}a=mid:{mid}\r\na=recvonly\r\n").expect("text");
            subscribe.push(Wanted { mid, publisher, track });
        }
    }
    (sdp, Publish::Named(publish), Subscribe::Named(subscribe))
}

pub struct Taken {
    pub ufrag: String,
    pub pwd: String,
    /// RED stands before opus: the browser sends it.
    pub red: bool,
    pub streams: Vec<Answered>,
}

pub fn read(answer: &str, sends: bool) -> Taken {
    let answer = Session::parse(answer).expect("a good answer");
    let security = &answer.sections[0].security;
    let (sent, received) = answer.sections.split_at(2 * usize::from(sends));
    let red = sent.first().is_some_and(|audio| audio.payloads.first().is_some_and(|payload| payload.is("red")));
    Taken {
        ufrag: security.ice_ufrag.clone().expect("a ufrag"),
        pwd: security.ice_pwd.clone().expect("a password"),
        red,
        streams: received.chunks_exact(2).map(|pair| streams(&pair[0], &pair[1])).collect(),
    }
}

fn streams(audio: &Section, video: &Section) -> Answered {
    let opus = audio.payloads.iter().find(|payload| payload.is("opus"));
    let rtx = video.payloads.iter().find(|payload| payload.is("rtx"));
    let rtx_time: Option<Ms> = rtx.and_then(|payload| payload.parameter("rtx-time")).and_then(|t| t.parse().ok());
    Answered {
        audio_ssrc: audio.ssrcs.first().expect("announced").ssrc,
        video_ssrc: video.ssrcs.first().expect("announced").ssrc,
        rtx_ssrc: video.ssrcs.get(1).map(|stream| stream.ssrc),
        rtx_time,
        audio_nack: opus.is_some_and(|opus| opus.feedback.iter().any(|line| line == "nack")),
        receiver_rtt: video.rtcp_xr.as_deref().is_some_and(|xr| xr.contains("rcvr-rtt")),
    }
}
