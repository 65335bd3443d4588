//! One frame from the payloads of its packets, laid out as `FrameCodec` says, with the memory that this takes: parameter
//! sets that came with an earlier picture.

use crate::transport::Codec;
use bytes::Bytes;
use carillon_proto::codec::h264::{NAL_PPS, NAL_SPS};
use carillon_proto::frame::FrameCodec;
use carillon_proto::payload::{h264, vp8};
use carillon_proto::wire::Malformed;

/// Parameter sets kept of one stream: honest ones take some dozen bytes each.
const PARAMETERS_BYTES_MAX: usize = 16 << 10;

#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// SPS and PPS in use, each behind its length.
    parameters: Vec<u8>,
    scratch: Vec<u8>,
}

/// What became of the packets of one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assembled {
    Frame {
        key: bool,
        payload: Bytes,
    },
    /// Nothing to decode: parameter sets alone, delimiters.
    Nothing,
}

/// What frames of a codec are called.
pub(super) fn frame_codec(codec: Codec) -> FrameCodec {
    match codec {
        Codec::Opus => FrameCodec::Opus,
        Codec::Vp8 => FrameCodec::Vp8,
        Codec::Vp9 => FrameCodec::Vp9,
        Codec::H264(_) => FrameCodec::H264,
        Codec::Av1 => FrameCodec::Av1,
    }
}

/// Frames of the codec are put together here.
pub(super) fn is_understood(codec: Codec) -> bool {
    match codec {
        Codec::Opus | Codec::Vp8 | Codec::H264(_) => true,
        Codec::Vp9 | Codec::Av1 => false,
    }
}

/// A frame begins with this payload, whatever lies before it.
pub(super) fn opens_frame(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => carillon_proto::codec::vp8::starts_keyframe(payload),
        Codec::H264(_) => h264::opens_access_unit(payload),
        Codec::Vp9 | Codec::Av1 => false,
    }
}

impl Assembler {
    /// Errors: it cannot be decoded, or (an IDR without parameter sets) not by who starts with it.
    pub(super) fn assemble<'a>(
        &mut self,
        codec: Codec,
        payloads: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Assembled, Malformed> {
        let mut payloads = payloads.into_iter();
        match codec {
            Codec::Opus => {
                let payload = payloads.next().cloned().ok_or(Malformed::Truncated)?;
                Ok(Assembled::Frame { key: true, payload })
            }
            Codec::Vp8 => {
                let mut frame = Vec::new();
                vp8::assemble(payloads.map(|payload| &payload[..]), &mut frame)?;
                Ok(Assembled::Frame { key: vp8::is_keyframe(&frame), payload: frame.into() })
            }
            Codec::H264(_) => {
                self.scratch.clear();
                h264::assemble(payloads.map(|payload| &payload[..]), &mut self.scratch)?;
                self.settle()
            }
            Codec::Vp9 | Codec::Av1 => Err(Malformed::Value),
        }
    }

    /// Moves parameter sets to the front of keyframes, and keeps them out of the others.
    fn settle(&mut self) -> Result<Assembled, Malformed> {
        let contents = h264::contents(&self.scratch)?;
        if contents.has_sps || contents.has_pps {
            self.note_parameters(contents.has_sps)?;
        }
        let slices = h264::units(&self.scratch).flatten().any(|unit| (1..=5).contains(&h264::unit_type(unit)));
        if !slices {
            return Ok(Assembled::Nothing);
        }
        if contents.has_idr && self.parameters.is_empty() {
            return Err(Malformed::Value);
        }
        let front = if contents.has_idr { &self.parameters[..] } else { &[] };
        let mut payload = Vec::with_capacity(front.len() + self.scratch.len());
        payload.extend_from_slice(front);
        for unit in h264::units(&self.scratch).flatten().filter(|unit| !is_parameters(unit)) {
            h264::push_unit(&mut payload, unit);
        }
        Ok(Assembled::Frame { key: contents.has_idr, payload: payload.into() })
    }

    /// An SPS opens a new sequence: what was known before is over. A PPS alone joins those known.
    fn note_parameters(&mut self, has_sps: bool) -> Result<(), Malformed> {
        if has_sps {
            self.parameters.clear();
        }
        for unit in h264::units(&self.scratch).flatten().filter(|unit| is_parameters(unit)) {
            let known = h264::units(&self.parameters).flatten().any(|other| other == unit);
            if self.parameters.len() + unit.len() + 4 > PARAMETERS_BYTES_MAX {
                return Err(Malformed::TooMany);
            }
            if !known {
                h264::push_unit(&mut self.parameters, unit);
            }
        }
        Ok(())
    }
}

fn is_parameters(unit: &[u8]) -> bool {
    matches!(h264::unit_type(unit), NAL_SPS | NAL_PPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::H264Profile;

    const H264: Codec = Codec::H264(H264Profile::ConstrainedBaseline);

    fn assemble(a: &mut Assembler, payloads: &[&'static [u8]]) -> Result<Option<(bool, Vec<u8>)>, Malformed> {
        let payloads: Vec<Bytes> = payloads.iter().map(|p| Bytes::from_static(p)).collect();
        a.assemble(H264, &payloads).map(|assembled| match assembled {
            Assembled::Frame { key, payload } => Some((key, payload.to_vec())),
            Assembled::Nothing => None,
        })
    }

    fn units(units: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        units.iter().for_each(|unit| h264::push_unit(&mut out, unit));
        out
    }

    #[test]
    fn parameter_sets_stand_before_each_idr_and_nowhere_else() {
        let mut a = Assembler::default();
        assert!(assemble(&mut a, &[&[0x65, 1]]).is_err(), "nobody could decode it");
        assert_eq!(assemble(&mut a, &[&[0x67, 1], &[0x68, 2]]), Ok(None));
        let key = Ok(Some((true, units(&[&[0x67, 1], &[0x68, 2], &[0x65, 1]]))));
        assert_eq!(assemble(&mut a, &[&[0x65, 1]]), key);
        assert_eq!(assemble(&mut a, &[&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2], &[0x65, 1]]), key);
        let inter = Ok(Some((false, units(&[&[0x41, 7]]))));
        assert_eq!(assemble(&mut a, &[&[0x68, 3], &[0x41, 7]]), inter);
        let more = Ok(Some((true, units(&[&[0x67, 1], &[0x68, 2], &[0x68, 3], &[0x65, 1]]))));
        assert_eq!(assemble(&mut a, &[&[0x65, 1]]), more);
        let other = Ok(Some((true, units(&[&[0x67, 9], &[0x68, 4], &[0x65, 1]]))));
        assert_eq!(assemble(&mut a, &[&[0x67, 9], &[0x68, 4], &[0x65, 1]]), other, "a new sequence");
    }

    #[test]
    fn parameter_sets_are_bounded() {
        let mut a = Assembler::default();
        let big: Vec<Bytes> = (0..9_u8).map(|n| Bytes::from([vec![0x68, n], vec![0; 2_000]].concat())).collect();
        assert_eq!(a.assemble(H264, &big), Err(Malformed::TooMany));
        assert!(a.parameters.len() <= PARAMETERS_BYTES_MAX);
    }
}
