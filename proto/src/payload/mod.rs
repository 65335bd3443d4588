//! How whole frames travel in RTP payloads: cut into packets, and put together again. The layout of a frame itself is
//! `frame::FrameCodec`'s.

pub mod h264;
pub mod vp8;

/// The longest frame that is put together: a 4K keyframe stays below half of it.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// Takes the packets of one frame in order: payload, and whether it is the frame's last.
pub type Emit<'a> = dyn FnMut(&[u8], bool) + 'a;
