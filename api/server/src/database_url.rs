//! Where the database is, as a secret: it may hold a password, which is never shown.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A `postgres://` URL. Printing it leaves out what may be secret.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its secrets, to connect with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, parameters) = match self.0.split_once('?') {
            Some((url, _)) => (url, "?…"),
            None => (self.0.as_str(), ""),
        };
        let Some((scheme, rest)) = url.split_once("://") else {
            // Not a URL: who knows what it is.
            return f.write_str("…");
        };
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let user = user.split(':').next().unwrap_or_default();
                write!(f, "{scheme}://{user}@{place}{parameters}")
            }
            None => write!(f, "{scheme}://{rest}{parameters}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_left_out() {
        let shown = |url: &str| DatabaseUrl::from(url.to_owned()).to_string();
        assert_eq!(shown("postgres://me:pa@ss@db:5432/x"), "postgres://me@db:5432/x");
        assert_eq!(shown("postgres://db/x?password=p"), "postgres://db/x?…");
        assert_eq!(shown("host=db password=p"), "…");
    }
}
