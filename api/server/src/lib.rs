//! What the `statewright` program is made of.
