//! Chunks: messages cut into pieces, the pieces of several messages mixed (RTMP 1.0 section 5.3).

mod read;
mod write;

pub use read::{CHUNK_STREAMS_MAX, ChunkError, ChunkReader, PARTIAL_BYTES_MAX, PARTIALS_MAX};
pub use write::{ChunkWriter, Framing, Slices};

/// What either side cuts at until it says otherwise (section 5.4.1).
pub const CHUNK_BYTES_DEFAULT: u32 = 128;

/// In the 24-bit field: the real value follows in 32 bits.
const EXTENDED: u32 = 0x00ff_ffff;
