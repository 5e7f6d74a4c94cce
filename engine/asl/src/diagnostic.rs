//! One thing wrong with a definition, with its place.
