//! The `OpenAPI` document that is served is the one that is committed.

use std::fs;

use serde_json::Value;

/// Run with `UPDATE=1` to write the document anew, and read what changed.
#[test]
fn the_document_is_the_committed_one() {
    let path = tests::server::workspace().join("tests/api/openapi.json");
    let document = http_api::openapi_json() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let current: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(current, committed, "run `UPDATE=1 cargo test -p tests the_document`");
}
