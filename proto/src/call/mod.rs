//! Call signalling: invitations that travel as text inside chat custom messages.
//!
//! Two layers, both JSON. The envelope (`businessID` 1) says who invites whom and what is done about it; its `data` is
//! again JSON text, the call data (`businessID` "av_call"): media type, room, hang-up, busy. Two generations of client
//! engines write it ("MiniApp" and "Web") with small differences; both are read, either can be written.

mod data;
mod envelope;
mod json;
mod write;

pub use data::{CallData, Cmd, Meaning};
pub use envelope::{Action, Envelope, Timeout};
pub use write::{Engine, Writer};

use std::fmt;

/// Bytes of one signalling text. Chat bounds a payload at 12 KiB; a group of a hundred with long names fits in half.
pub const MAX_TEXT: usize = 12 * 1024;
/// Nesting of arrays and objects in either layer. Clients write 2.
pub const MAX_DEPTH: usize = 16;
/// Users in any one list. Clients invite nine at most.
pub const MAX_USERS: usize = 256;

/// One signalling message: what is done to an invitation, and the call data that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    pub envelope: Envelope,
    pub data: CallData,
}

/// Why a text is no call signalling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Some other custom message: not JSON, or of another business. Nobody's fault.
    NotSignalling,
    /// An invitation, but of no call.
    NotCall,
    /// Longer than `MAX_TEXT`, deeper than `MAX_DEPTH`, or a list longer than `MAX_USERS`.
    TooLarge,
    /// Call signalling with this field missing or of a wrong form.
    Malformed(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSignalling => f.write_str("no signalling message"),
            Self::NotCall => f.write_str("an invitation of no call"),
            Self::TooLarge => f.write_str("signalling beyond its bounds"),
            Self::Malformed(field) => write!(f, "signalling with a bad {field}"),
        }
    }
}

impl std::error::Error for Error {}

impl Signal {
    /// Reads the `payload.data` of a custom message.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (envelope, inner) = Envelope::parse(text)?;
        Ok(Self { envelope, data: CallData::parse(&inner)? })
    }
}

/// Fuzz target: whatever parses must survive being written and parsed again.
pub fn fuzz_call(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(signal) = Signal::parse(text) else { return };
    for engine in [Engine::MiniApp, Engine::Web] {
        let written = Writer::new(engine).write(&signal);
        // What is read can be at the bound in its short form; written out it may pass it.
        if written.len() > MAX_TEXT {
            continue;
        }
        let again = Signal::parse(&written).expect("own text parses");
        assert_eq!(again.envelope, signal.envelope);
        assert_eq!(again.data.meaning(), signal.data.meaning());
        assert_eq!(again.data.room, signal.data.room);
    }
}

#[cfg(test)]
mod tests;
