//! Functions called over HTTP: what they are sent, and what their answers become.

mod broken;
mod caller;
mod http;
mod lambda;
mod own_api;
mod peer;
mod places;
mod registry;
