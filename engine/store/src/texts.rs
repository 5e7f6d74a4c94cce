//! Texts that people write, in a database whose texts cannot hold U+0000.
//!
//! Where one has it, `U+10FFFF 0` is kept, and `U+10FFFF 1` for U+10FFFF itself, which is no
//! character and stands in no text that anybody means.

use std::borrow::Cow;

const ESCAPE: char = '\u{10FFFF}';

/// The text as the database keeps it.
pub(crate) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\0' => kept.extend([ESCAPE, '0']),
            ESCAPE => kept.extend([ESCAPE, '1']),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The text as it was before it was kept.
pub(crate) fn given(kept: String) -> String {
    if !kept.contains(ESCAPE) {
        return kept;
    }
    let mut text = String::with_capacity(kept.len());
    let mut letters = kept.chars().peekable();
    while let Some(letter) = letters.next() {
        let meant = match (letter, letters.peek()) {
            (ESCAPE, Some('0')) => '\0',
            (ESCAPE, Some('1')) => ESCAPE,
            (other, _) => {
                text.push(other);
                continue;
            }
        };
        letters.next();
        text.push(meant);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_given_back_and_none_is_kept_with_a_zero() {
        for text in
            ["", "plain é", "\0", "a\0b\0", "\u{10FFFF}", "\u{10FFFF}0", "\u{10FFFF}\0\u{10FFFF}"]
        {
            let held = kept(text).into_owned();
            assert!(!held.contains('\0'), "{held:?}");
            assert_eq!(given(held), text);
        }
        // What an earlier release kept.
        assert_eq!(
            given("\u{FFFD} \u{10FFFF} \u{10FFFF}".to_owned()),
            "\u{FFFD} \u{10FFFF} \u{10FFFF}"
        );
    }
}
