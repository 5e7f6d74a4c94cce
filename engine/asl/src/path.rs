//! AWS's JSONPath (the Jayway dialect): parsed once, evaluated against a [`Scope`].

use std::fmt;

/// A JSONPath: `$` reads the input, `$$` the context object.
#[derive(Debug)]
pub struct Path {
    text: Box<str>,
}

/// A path to exactly one place (`$.a.b[0]`), as `ResultPath` needs it.
#[derive(Debug)]
pub struct ReferencePath {
    text: Box<str>,
}

#[derive(Debug)]
pub struct PathSyntaxError;

impl fmt::Display for PathSyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad path")
    }
}

impl Path {
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        if text.starts_with('$') { Ok(Self { text: text.into() }) } else { Err(PathSyntaxError) }
    }
    pub fn is_reference(&self) -> bool {
        !self.text.contains(['@', ',', ':', '?', '*']) && !self.text.contains("..")
    }
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl ReferencePath {
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        if text.starts_with("$$") || !Path::parse(text)?.is_reference() {
            return Err(PathSyntaxError);
        }
        Ok(Self { text: text.into() })
    }
    pub fn text(&self) -> &str {
        &self.text
    }
}
