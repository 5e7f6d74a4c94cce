//! What the suites share.

pub mod aws;
pub mod client;
pub mod server;
