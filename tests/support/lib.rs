//! What the suites share.

pub mod client;
pub mod server;
