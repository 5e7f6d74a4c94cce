//! Functions called over HTTP: what they are sent, and what their answers become.

mod broken;
mod caller;
mod destination;
mod http;
mod lambda;
mod limits;
mod own_api;
mod peer;
mod places;
mod registry;
mod surplus;
