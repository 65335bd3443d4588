//! HTTP and WebSocket: the demo page, the client modules, `/ws`, WHIP and WHEP.

pub mod session;
