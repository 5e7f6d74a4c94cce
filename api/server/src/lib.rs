//! What the `statewright` program is made of: the command line, configuration, and the wiring
//! of store, engine and API into one process.

pub mod definition;
pub mod demo;
pub mod exit;
pub mod validate;
mod yaml;
