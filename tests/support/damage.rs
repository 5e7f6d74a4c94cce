//! Definitions as they are while somebody types them.

/// The text as it is, cut short, and with some of its words in the wrong places.
pub fn damaged(text: &str) -> Vec<String> {
    let cut = |at: usize| text[..text.floor_char_boundary(at)].to_owned();
    vec![
        text.to_owned(),
        cut(text.len() / 2),
        cut(text.len() - 1),
        text.replace("\"Type\"", "\"Next\""),
        text.replace("\"End\"", "\"Retry\""),
        text.replace("true", "null"),
        text.replace('[', "{\"States\":").replace(']', "}"),
        text.replace("\"$", "\"$[?(@."),
        text.replace(": \"", ": 1e999, \"x\": \""),
    ]
}
