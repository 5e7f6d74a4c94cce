//! Payload templates: JSON in which a key that ends in `.$` takes its value from a path.
