//! Findings as SARIF 2.1.0, which code hosts and editors show beside the code.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::finding::Finding;

/// One run of the validator with these findings.
pub fn log(findings: &[Finding]) -> Value {
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> = rules.into_iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": {"driver": {
                "name": "statewright",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(&finding.file)}});
    if let (Some(line), Some(column)) = (finding.line, finding.column) {
        physical["region"] = json!({"startLine": line, "startColumn": column});
    }
    let mut location = json!({"physicalLocation": physical});
    if let Some(place) = &finding.location {
        location["logicalLocations"] = json!([{"fullyQualifiedName": place}]);
    }
    json!({
        "ruleId": finding.code,
        "level": if finding.severity == "ERROR" { "error" } else { "warning" },
        "message": {"text": finding.message},
        "locations": [location],
    })
}

/// A file's path as a relative reference: what a URI does not take as it is, is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            byte if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => {
                uri.push(char::from(byte));
            }
            byte => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}
