//! What the suites share.

pub mod aws;
pub mod client;
pub mod contract;
pub mod damage;
pub mod database;
pub mod model;
pub mod network;
pub mod pooler;
pub mod psql;
pub mod relay;
pub mod server;
pub mod signing;
pub mod wire;
