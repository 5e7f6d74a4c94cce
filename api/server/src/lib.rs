//! What the `statewright` program is made of: the command line, configuration, and the wiring
//! of store, engine and API into one process.

pub mod access;
pub mod command_line;
pub mod configuration;
pub mod database_url;
pub mod definition;
pub mod demo;
pub mod deploy;
mod descriptors;
pub mod dev;
mod environment;
mod examples;
pub mod exit;
pub mod finding;
mod guide;
mod host_prefix;
pub mod keys;
pub mod logs;
mod marks;
pub mod node;
mod once;
pub mod progress;
pub mod run;
pub mod samples;
pub mod sarif;
pub mod schedule;
pub mod sealing;
pub mod serve;
pub mod signals;
pub mod substitutions;
pub mod validate;

/// Gives this process its TLS, which https calls need; once, before the first of them.
pub fn install_tls() {
    // An error says only that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
