//! The patterns of `StringMatches`: `*` is any run of characters, `\*` a star, `\\` a backslash.

/// A parsed pattern.
#[derive(Debug)]
pub struct Pattern {
    /// The literal runs between the stars; at least one, empty where stars meet the ends.
    parts: Box<[Box<str>]>,
}

impl Pattern {
    /// Reads a pattern. A backslash goes before `*` or `\` only.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => parts.push(std::mem::take(&mut part).into()),
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => part.push(escaped),
                    Some(_) | None => {
                        return Err(format!(
                            "in `StringMatches` a backslash goes before `*` or a backslash: `{text}`"
                        ));
                    }
                },
                character => part.push(character),
            }
        }
        parts.push(part.into());
        Ok(Self { parts: parts.into() })
    }

    /// Whether the whole text fits. The parts between stars are found from left to right, each
    /// at its first place, so no choice is ever taken back.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == &**first };
        let Some(text) = text.strip_prefix(&**first) else { return false };
        let Some(mut text) = text.strip_suffix(&**last) else { return false };
        for part in middle {
            match text.split_once(&**part) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        true
    }
}
