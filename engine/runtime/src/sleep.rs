//! Executions that only wait leave memory, and come back a little before their time.

pub(crate) mod passivate;
pub(crate) mod wake;
