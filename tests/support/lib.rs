//! What the suites share.

pub mod aws;
pub mod client;
pub mod contract;
pub mod database;
pub mod model;
pub mod psql;
pub mod server;
pub mod wire;
