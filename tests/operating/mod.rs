//! What operators do to a system that works: dump and restore its database, upgrade it, go back.

mod backup;
mod upgrade;
