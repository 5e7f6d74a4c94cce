//! The conditions of a Choice: 39 comparisons, and `And`, `Or`, `Not`.
