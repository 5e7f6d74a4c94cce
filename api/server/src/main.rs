//! The `statewright` program.

fn main() {}
