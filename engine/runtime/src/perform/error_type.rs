//! The name a function gives its error, however long the text is that it stands in.

/// The longest member name or value that may matter, in bytes, as it is written.
const LONGEST: usize = 2_048;

/// Reads a JSON text that comes in parts, of which it keeps next to nothing, for the string that
/// is the member `errorType` of the whole.
#[derive(Default)]
pub(super) struct ErrorType {
    depth: usize,
    /// Whether the text begins as an object does, once something but blanks was read.
    begins_object: Option<bool>,
    /// Within a string: what of it was read, its quotation marks included.
    text: Option<Vec<u8>>,
    is_escaped: bool,
    /// After the colon of a member of the whole.
    is_value: bool,
    /// The last name of a member was `errorType`.
    is_meant: bool,
    found: Option<String>,
}

impl ErrorType {
    /// The name in what was read.
    pub(super) fn found(self) -> Option<String> {
        self.found
    }

    /// Reads the next part.
    pub(super) fn read(&mut self, part: &[u8]) {
        for &byte in part {
            if self.begins_object.is_none() && !byte.is_ascii_whitespace() {
                self.begins_object = Some(byte == b'{');
            }
            if self.found.is_some() || self.begins_object == Some(false) {
                return;
            }
            if self.text.is_some() {
                self.read_in_string(byte);
                continue;
            }
            match byte {
                b'"' => self.text = Some(vec![byte]),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b':' if self.depth == 1 => self.is_value = true,
                b',' if self.depth == 1 => self.is_value = false,
                _ => {}
            }
        }
    }

    fn read_in_string(&mut self, byte: u8) {
        let Some(text) = &mut self.text else { return };
        if text.len() < LONGEST {
            text.push(byte);
        }
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.end_string(),
            _ => {}
        }
    }

    fn end_string(&mut self) {
        let text = self.text.take().unwrap_or_default();
        if self.depth != 1 {
            return;
        }
        // One that is too long has lost its end, and is no string any more.
        let text = serde_json::from_slice::<String>(&text).ok();
        if !self.is_value {
            self.is_meant = text.as_deref() == Some("errorType");
        } else if self.is_meant {
            self.found = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_in_its_own_member_only() {
        let found = |text: &str| {
            let mut reader = ErrorType::default();
            reader.read(text.as_bytes());
            reader.found().unwrap_or_default()
        };
        assert_eq!(found(r#"{"errorType": "E"}"#), "E");
        assert_eq!(
            found(r#"{"errorMessage": "a \"errorType\": \\", "errorType" : "\u0045"}"#),
            "E"
        );
        assert_eq!(
            found(r#"{"a": {"errorType": "no"}, "b": ["errorType"], "errorType": "E"}"#),
            "E"
        );
        assert_eq!(found(r#"{"errorMessage": "errorType", "x": "no"}"#), "");
        assert_eq!(found(r#"{"errorType": 7, "x": "no"}"#), "");
        assert_eq!(found(r#"{"errorType": null}"#), "");
        assert_eq!(found(r#""errorType": "no""#), "");
        assert_eq!(found("oops"), "");
        assert_eq!(found(r#"log: {"errorType": "no"}"#), "");
        assert_eq!(found(r#" {"errorType": "E"}"#), "E");
    }

    #[test]
    fn it_is_found_in_parts_and_behind_long_ones() {
        let text = format!(r#"{{"errorMessage": "{}", "errorType": "É"}}"#, "x".repeat(10_000));
        let mut reader = ErrorType::default();
        text.as_bytes().chunks(1).for_each(|part| reader.read(part));
        assert_eq!(reader.found(), Some("É".to_owned()));
    }
}
