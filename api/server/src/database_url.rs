//! Where the database is, as a secret: it may hold a password, which is never shown.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use anyhow::ensure;
use serde::Deserialize;

/// A `postgres://` URL. Printing it leaves out what may be secret.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Sees that it is a URL of a Postgres.
    ///
    /// # Errors
    /// It is another kind of URL, or none; the message shows no secret.
    pub fn check(&self) -> anyhow::Result<()> {
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|it| self.0.starts_with(it));
        ensure!(
            is_postgres,
            "the URL of the database is `{self}`, expected `postgres://USER:PASSWORD@HOST/NAME`"
        );
        Ok(())
    }

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

    #[test]
    fn only_a_url_of_a_postgres_is_taken() {
        let check = |url: &str| DatabaseUrl::from(url.to_owned()).check();
        assert!(check("postgres://db/x").is_ok() && check("postgresql://db/x").is_ok());
        assert_eq!(
            check("mysql://me:hush@db/x").unwrap_err().to_string(),
            "the URL of the database is `mysql://me@db/x`, expected \
             `postgres://USER:PASSWORD@HOST/NAME`"
        );
        assert!(check("host=db password=hush").unwrap_err().to_string().contains("is `…`"));
    }
}
