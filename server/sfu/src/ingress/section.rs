//! One m-section in which a client sends: which of its RTP streams and payload types mean what.

use crate::transport::{Announced, Codec, ExtensionIds, NegotiatedCodec, Section};
use carillon_proto::rtp::RtpHeader;
use carillon_proto::rtp_ext::{AbsSendTime, AudioLevel};

/// A section that feeds a publication.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) mid: String,
    /// As a key into the room's.
    pub(crate) publication: u32,
    /// The sender has the privilege.
    pub(crate) allowed: bool,
    /// RRTR is answered by the client (RFC 3611).
    pub(crate) receiver_rtt: bool,
    codecs: Vec<NegotiatedCodec>,
    announced: Announced,
}

/// What a payload type carries here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriage {
    Plain,
    Rtx,
    Red,
}

impl Inbound {
    pub(crate) fn new(section: &Section, announced: &Announced, publication: u32, allowed: bool) -> Self {
        Self {
            mid: section.mid.clone(),
            publication,
            allowed,
            receiver_rtt: section.receiver_rtt,
            codecs: section.codecs.clone(),
            announced: announced.clone(),
        }
    }

    /// Codec, its clock rate in Hz, and what is wrapped around it.
    pub(crate) fn payload(&self, pt: u8) -> Option<(Codec, u32, Carriage)> {
        self.codecs.iter().find_map(|c| {
            let carriage = match pt {
                pt if pt == c.payload_type => Carriage::Plain,
                pt if Some(pt) == c.rtx => Carriage::Rtx,
                pt if Some(pt) == c.red => Carriage::Red,
                _ => return None,
            };
            Some((c.codec, c.clock_rate, carriage))
        })
    }

    /// What the client sends, unless it has reason not to.
    pub(crate) fn first_codec(&self) -> Option<Codec> {
        self.codecs.first().map(|c| c.codec)
    }

    pub(crate) fn announces(&self, ssrc: u32) -> bool {
        self.announced.ssrcs.contains(&ssrc)
            || self.announced.rtx.iter().any(|&(media, rtx)| media == ssrc || rtx == ssrc)
    }

    /// The stream that an RTX stream repairs, where the offer said so.
    pub(crate) fn repaired_by(&self, rtx: u32) -> Option<u32> {
        self.announced.rtx.iter().find(|pair| pair.1 == rtx).map(|pair| pair.0)
    }

    pub(crate) fn takes_fir_only(&self) -> bool {
        self.codecs.first().is_some_and(|c| c.feedback.fir && !c.feedback.pli)
    }
}

/// The header extensions that forwarding reads, found in one walk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Elements<'a> {
    pub(crate) mid: Option<&'a str>,
    pub(crate) rid: Option<&'a str>,
    pub(crate) repaired_rid: Option<&'a str>,
    pub(crate) sent: Option<AbsSendTime>,
    /// As it came.
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) content_type: Option<u8>,
}

impl<'a> Elements<'a> {
    pub(crate) fn read(header: &RtpHeader, packet: &'a [u8], ids: &ExtensionIds) -> Self {
        let mut found = Self::default();
        for element in header.extensions(packet) {
            let id = Some(element.id.0);
            let text = || str::from_utf8(element.data).ok();
            match id {
                id if id == ids.mid => found.mid = text(),
                id if id == ids.rid => found.rid = text(),
                id if id == ids.repaired_rid => found.repaired_rid = text(),
                id if id == ids.abs_send_time => found.sent = AbsSendTime::parse(element.data),
                id if id == ids.audio_level => found.level = AudioLevel::parse(element.data).map(|l| l.to_bytes()[0]),
                id if id == ids.video_orientation => found.orientation = element.data.first().copied(),
                id if id == ids.content_type => found.content_type = element.data.first().copied(),
                _ => {}
            }
        }
        found
    }
}
