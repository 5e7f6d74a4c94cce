//! AWS's JSONPath (the Jayway dialect): parsed once, evaluated against a [`Scope`].

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
pub struct PathSyntaxError {
    pub message: String,
}

impl Path {
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        if text.starts_with('$') {
            Ok(Self { text: text.into() })
        } else {
            Err(PathSyntaxError { message: "bad".into() })
        }
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
            return Err(PathSyntaxError { message: "bad".into() });
        }
        Ok(Self { text: text.into() })
    }
    pub fn text(&self) -> &str {
        &self.text
    }
}
