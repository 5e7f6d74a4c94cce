//! The JSON texts that come with requests: inputs and outputs.

use asl::Payload;
use asl::json_text::{Reading, complaint};
use asl::position::depth;

/// The deepest nesting accepted at the door, in arrays and objects. Deeper texts could not be
/// wrapped a few times more (by a `ResultPath`, say) and still be read.
pub const MAX_DEPTH: usize = 100;

/// The payload of this text, or what AWS's parser would say against it.
pub fn parse(text: &str) -> Result<Payload, String> {
    let payload = match Payload::from_text(text) {
        Ok(payload) if depth(text) <= MAX_DEPTH => payload,
        Ok(_) | Err(_) => return Err(objection(text)),
    };
    // What the grammar allows and no double can hold (`1e999`), or no text (a lone surrogate).
    if payload.value().is_null() && text.trim() != "null" {
        return Err(OTHER.to_owned());
    }
    Ok(payload)
}

/// What AWS says where its parser has nothing to say.
pub const OTHER: &str = "Invalid execution input.";

fn objection(text: &str) -> String {
    let reading = Reading { source: "(String)", max_depth: MAX_DEPTH, alone: true };
    let complaint = if text.trim().is_empty() { None } else { complaint(text, reading) };
    complaint.map_or(OTHER.to_owned(), |complaint| complaint.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_no_input() {
        assert_eq!(parse("").unwrap_err(), "Invalid execution input.");
        assert_eq!(parse(" ").unwrap_err(), "Invalid execution input.");
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        assert!(parse("1e999").is_err());
        assert!(parse("\"\\ud800\"").is_err());
        assert!(parse(" null ").is_ok());
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert!(parse(&deep(MAX_DEPTH + 1)).is_err());
        assert!(parse(&format!("\"{}\"", "[".repeat(200))).is_ok());
        let expected = "Document nesting depth (101) exceeds the maximum allowed (100)";
        assert_eq!(parse(&deep(100_000)).unwrap_err(), expected);
    }
}
