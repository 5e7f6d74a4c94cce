//! Where in a definition's text a diagnostic points: location → line and column.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::diagnostic::bounded;
use crate::parse::MAX_DEPTH;

/// How deeply arrays and objects are nested in this text, which need not be JSON.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Line and column, counted from 1 in characters, of the value at this location of a JSON text:
/// a [`crate::Diagnostic::location`], such as `/States/Pay/Retry[0]/MaxAttempts`.
///
/// `None` if there is no such value, or the text is not JSON up to there.
pub fn locate(text: &str, location: &str) -> Option<(usize, usize)> {
    *locate_all(text, &[location]).first()?
}

/// The same for several locations, in one pass over the text.
pub fn locate_all(text: &str, locations: &[&str]) -> Vec<Option<(usize, usize)>> {
    let offsets = offsets(text, locations);
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|index| offsets[*index]);
    let mut places = vec![None; offsets.len()];
    let (mut at, mut line, mut column) = (0, 1, 1);
    for index in order {
        let Some(offset) = offsets[index] else { continue };
        for c in text[at..offset].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = offset;
        places[index] = Some((line, column));
    }
    places
}

/// Line and column, counted from 1 in characters, of this byte of a text.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The byte offsets of the values at these locations, found in one pass over the text.
pub(crate) fn offsets(text: &str, locations: &[&str]) -> Vec<Option<usize>> {
    let wanted: HashMap<&str, Option<usize>> =
        locations.iter().map(|location| (key(location), None)).collect();
    let longest = wanted.keys().map(|location| location.len()).max().unwrap_or(0);
    let mut scanner = Scanner { wanted, longest, ..Scanner::new(text) };
    scanner.value(0);
    locations.iter().map(|location| scanner.wanted[key(location)]).collect()
}

/// The fields, location and name, that stand twice in one of the objects at these locations. A
/// JSON parser keeps the last of them and says nothing.
pub(crate) fn repeated(text: &str, objects: HashSet<String>) -> Vec<(String, String)> {
    let mut scanner = Scanner { objects, ..Scanner::new(text) };
    scanner.value(0);
    scanner.repeated
}

/// AWS writes `/` for the whole text.
fn key(location: &str) -> &str {
    if location == "/" { "" } else { location }
}

/// Walks a JSON text and knows where it is.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    place: String,
    wanted: HashMap<&'a str, Option<usize>>,
    /// Bytes of the longest wanted location.
    longest: usize,
    objects: HashSet<String>,
    repeated: Vec<(String, String)>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            place: String::new(),
            wanted: HashMap::new(),
            longest: 0,
            objects: HashSet::new(),
            repeated: Vec::new(),
        }
    }

    /// Reads a value. `None` where the text ends or is not JSON, or is nested too deeply.
    fn value(&mut self, depth: usize) -> Option<()> {
        self.blanks();
        let near = self.place.len() <= self.longest;
        if near && let Some(found) = self.wanted.get_mut(self.place.as_str()) {
            // A field that is written twice counts as the last of them.
            *found = Some(self.at);
        }
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(|_| ()),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        let parent = self.place.len();
        let mut names = self.objects.contains(&self.place).then(HashSet::new);
        loop {
            self.blanks();
            match self.peek()? {
                b'}' => break,
                b',' => self.at += 1,
                b'"' => {
                    let name: String = serde_json::from_str(self.string()?).ok()?;
                    self.blanks();
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    let _ = write!(self.place, "/{name}");
                    if names.as_ref().is_some_and(|names| names.contains(&name)) {
                        self.repeated.push((bounded(&self.place), bounded(&name)));
                    }
                    names.as_mut().map(|names| names.insert(name));
                    self.value(depth + 1)?;
                    self.place.truncate(parent);
                }
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        let parent = self.place.len();
        let mut index = 0;
        loop {
            self.blanks();
            match self.peek()? {
                b']' => break,
                b',' => self.at += 1,
                _ => {
                    let _ = write!(self.place, "[{index}]");
                    self.value(depth + 1)?;
                    self.place.truncate(parent);
                    index += 1;
                }
            }
        }
        self.at += 1;
        Some(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{depth, locate, locate_all};

    const TEXT: &str = r#"{
  "StartAt": "Päy",
  "States": {
    "Päy": {"Type": "Task", "Retry": [{"MaxAttempts": -1}, {"MaxAttempts": -2}]},
    "a/b": {"Type": "x\"}{"}
  }
}"#;

    #[track_caller]
    fn check(location: &str, expected: Option<(usize, usize)>) {
        assert_eq!(locate(TEXT, location), expected, "{location}");
    }

    #[test]
    fn a_location_has_a_line_and_a_column() {
        check("/", Some((1, 1)));
        check("/StartAt", Some((2, 14)));
        check("/States/Päy", Some((4, 12)));
        check("/States/Päy/Retry[1]/MaxAttempts", Some((4, 76)));
    }

    #[test]
    fn several_are_found_at_once() {
        let locations = ["/States/Päy", "/", "/gone", "/StartAt", "/States/Päy"];
        let expected = locations.map(|location| locate(TEXT, location));
        assert_eq!(locate_all(TEXT, &locations), expected);
    }

    #[test]
    fn names_may_hold_slashes_and_strings_may_hold_braces() {
        check("/States/a/b/Type", Some((5, 21)));
    }

    #[test]
    fn what_is_not_there_has_no_position() {
        check("/States/Ship", None);
        assert_eq!(locate("{\"a\": [1, ", "/a[1]"), None);
        assert_eq!(locate("", "/a"), None);
        assert_eq!(locate("\"\\", "/a"), None);
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(r#"{"a": ["[[[\"["]}"#), 2);
        assert_eq!(depth("]]][[["), 3);
    }
}
