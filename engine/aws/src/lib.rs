//! The services of AWS, by the names that state machines use: their actions, and the shapes of
//! what goes in and comes out. Nothing here calls anything.
//!
//! ```text
//! aws.bin ─► Table ─► Service ─► Operation ─► Structure ─► Member
//! ```
//!
//! The table is made by `generate.py` out of the models of botocore (Apache-2.0, see `NOTICE`),
//! and each of its services is decoded when it is first asked for: the largest has 500 KB of text,
//! all of them 12 MB.
//!
//! Pure: no clock, no I/O. A table that is broken knows fewer services; it never panics.

mod decode;
mod names;
mod operation;
mod shape;
mod table;

use std::sync::LazyLock;

pub use operation::{Modelled, Operation, Service};
pub use shape::{Limits, Member, Scalar, Shape, Spelling, Structure, Typed};
pub use table::{Broken, Table};

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::read(include_bytes!("../aws.bin").as_slice()).unwrap_or_default());

/// The service called so in `arn:aws:states:::aws-sdk:NAME:…`.
pub fn service(name: &str) -> Option<&'static Service> {
    TABLE.service(name)
}

/// The names of all services, in order.
pub fn services() -> impl Iterator<Item = &'static str> {
    TABLE.names()
}
