//! The interpreter: one stimulus in, one turn out. To be written.
