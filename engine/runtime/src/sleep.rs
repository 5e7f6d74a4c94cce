//! Executions that only wait leave memory, and come back a little before their time.

pub(crate) mod fall_asleep;
pub(crate) mod near;
pub(crate) mod wake;
