//! The gateway's JSON: one WebSocket, text frames, each frame one object. `GATEWAY.md` explains every message;
//! these types are its letter.

mod calls;
mod event;
mod frame;
mod parse;
mod request;

pub use calls::*;
pub use event::*;
pub use frame::*;
pub use parse::DEPTH_MAX;
pub use request::*;
