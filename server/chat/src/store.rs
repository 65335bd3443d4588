//! What the chat engine needs of a store. The shell implements it on SQLite, tests in memory.
//!
//! Calls are synchronous: the shell runs the engine on a thread of its own, inside one transaction for a batch of
//! commands, and releases the engine's outputs only after that transaction is durable. So nothing is told to anybody
//! that a crash could take back.

/// The chat engine's owner defines the methods: profiles, messages by conversation and seq, conversations, groups,
/// members, attributes.
pub trait Store {}
