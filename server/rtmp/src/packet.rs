//! One message of a stream as it leaves: written once for all who play it.
//!
//! A chunk head told in full is the same for every connection that cuts at the same size and plays on the same message
//! stream, and a fan-out that hands the same bytes to every socket costs next to what the kernel costs.

use crate::media::{Class, Flow, Media};
use bytes::Bytes;
use carillon_proto::flv::FourCc;
use carillon_proto::rtmp::MessageKind;
use carillon_proto::rtmp::chunk::Framing;
use std::sync::{Arc, OnceLock};

/// The message stream that nearly every player plays on: the first that `createStream` gives out.
pub(crate) const FIRST_STREAM: u32 = 1;

#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) media: Media,
    codec: Option<FourCc>,
    chunks: OnceLock<Bytes>,
    tag: OnceLock<Bytes>,
    http_chunk: OnceLock<Bytes>,
}

impl Packet {
    pub(crate) fn new(media: Media) -> Arc<Self> {
        let codec = fourcc(&media);
        Arc::new(Self { media, codec, chunks: OnceLock::new(), tag: OnceLock::new(), http_chunk: OnceLock::new() })
    }

    /// The codec, where it is one that plain FLV has no number for.
    pub(crate) fn codec(&self) -> Option<FourCc> {
        self.codec
    }

    /// As chunks of `chunk_bytes`, which is the same for all connections.
    pub(crate) fn chunks(&self, stream: u32, chunk_bytes: u32) -> Bytes {
        match stream {
            FIRST_STREAM => self.chunks.get_or_init(|| self.cut(stream, chunk_bytes)).clone(),
            other => self.cut(other, chunk_bytes),
        }
    }

    /// As an FLV tag with its size behind it.
    pub(crate) fn tag(&self) -> Bytes {
        self.tag.get_or_init(|| flv_tag(&self.media).into()).clone()
    }

    /// The same as a chunk of an HTTP response.
    pub(crate) fn http_chunk(&self) -> Bytes {
        self.http_chunk.get_or_init(|| http_chunk(&flv_tag(&self.media))).clone()
    }

    fn cut(&self, stream: u32, chunk_bytes: u32) -> Bytes {
        let Media { flow, ref payload, .. } = self.media;
        let kind = MessageKind::from_id(flow.type_id());
        let framing = Framing::full(kind, stream, told_time(&self.media), payload.len(), chunk_bytes);
        let mut out = Vec::with_capacity(framing.wire_bytes());
        framing.slices(payload, 0).for_each(|slice| out.extend_from_slice(slice));
        out.into()
    }
}

/// Metadata is of no moment: ffmpeg takes such as stands at another time than 0 for subtitles.
pub(crate) fn told_time(media: &Media) -> u32 {
    if (media.flow, media.class) == (Flow::Data, Class::Header) { 0 } else { media.at }
}

fn fourcc(media: &Media) -> Option<FourCc> {
    let (first, rest) = media.payload.split_first()?;
    let named = match media.flow {
        Flow::Audio => first >> 4 == 9,
        Flow::Video => first & 0x80 != 0,
        Flow::Data => false,
    };
    rest.first_chunk().filter(|_| named).map(|name| FourCc(*name))
}

/// Tag head of 11 bytes, body, and the size of both.
fn flv_tag(media: &Media) -> Vec<u8> {
    let (body, at) = (&media.payload, told_time(media).to_be_bytes());
    let length = (body.len() as u32).to_be_bytes();
    let mut out = Vec::with_capacity(body.len() + 15);
    out.push(media.flow.type_id());
    out.extend(&length[1..]);
    out.extend([at[1], at[2], at[3], at[0], 0, 0, 0]);
    out.extend(body.iter());
    out.extend((body.len() as u32 + 11).to_be_bytes());
    out
}

/// What ends a response in chunks.
pub(crate) const LAST_HTTP_CHUNK: &[u8] = b"0\r\n\r\n";

/// RFC 9112 section 7.1: size in hexadecimal, the bytes themselves.
pub(crate) fn http_chunk(bytes: &[u8]) -> Bytes {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat().into()
}
