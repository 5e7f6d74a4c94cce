//! What is secret among the settings: sealing keys and access keys.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use store::{AccessKey, Scope, SealingKeys};

use crate::definition;

/// A secret text on its way to where it is used; printing it shows nothing.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// An access key, as a table of the file or as a text of the environment.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(
    untagged,
    expecting = "expected tables with `id`, `secret` or `secret_file`, and, if wanted, `account` and \
                 `scope`; in the environment `ID:SECRET[:ACCOUNT[:SCOPE]]`"
)]
pub enum AccessKeySetting {
    /// `ID:SECRET[:ACCOUNT[:SCOPE]]`.
    Text(SecretText),
    /// A table.
    Table(AccessKeyTable),
}

/// An access key in the file.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyTable {
    /// What a caller names it by.
    pub id: String,
    /// What he proves to know.
    pub secret: Option<SecretText>,
    /// A file whose only line is the secret, in place of `secret`.
    pub secret_file: Option<PathBuf>,
    /// Twelve digits; the configuration's account by default.
    pub account: Option<String>,
    /// `read`, `run` or `admin`, the default.
    pub scope: Option<String>,
}

/// The sealing keys: those of the text, or of the file.
pub(super) fn sealing_keys(
    text: Option<SecretText>,
    file: Option<PathBuf>,
) -> anyhow::Result<Option<SealingKeys>> {
    match (text, file) {
        (Some(_), Some(_)) => bail!(
            "both `sealing_key` (`STATEWRIGHT_SEALING_KEY`) and `sealing_key_file` are given: \
             which is it?"
        ),
        (Some(text), None) => {
            let keys = text.0.parse();
            keys.context("`sealing_key` (`STATEWRIGHT_SEALING_KEY`)").map(Some)
        }
        (None, Some(file)) => read_sealing_keys(&file).map(Some),
        (None, None) => Ok(None),
    }
}

/// The sealing keys in this file.
pub(crate) fn read_sealing_keys(file: &Path) -> anyhow::Result<SealingKeys> {
    let text = definition::read(file)?;
    text.parse().with_context(|| format!("`{}`", file.display()))
}

/// The access keys, which belong to this account where they name none.
pub(super) fn access_keys(
    settings: Option<Vec<AccessKeySetting>>,
    account: &str,
) -> anyhow::Result<Vec<AccessKey>> {
    let (mut keys, mut ids) = (Vec::new(), BTreeSet::new());
    for (at, setting) in settings.unwrap_or_default().into_iter().enumerate() {
        let key = access_key(setting, account)
            .with_context(|| format!("access key {} of `access_keys`", at + 1))?;
        ensure!(ids.insert(key.id.clone()), "`access_keys` has the id `{}` twice", key.id);
        keys.push(key);
    }
    Ok(keys)
}

fn access_key(setting: AccessKeySetting, account: &str) -> anyhow::Result<AccessKey> {
    let table = match setting {
        AccessKeySetting::Table(table) => table,
        AccessKeySetting::Text(text) => of_text(&text.0)?,
    };
    let secret = match (table.secret, table.secret_file) {
        (Some(secret), None) => secret.0,
        (None, Some(file)) => definition::read(&file)?.trim().to_owned(),
        _ => bail!("expected either `secret` or `secret_file`"),
    };
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ensure!(
        (3..=128).contains(&table.id.len()) && table.id.chars().all(is_id),
        "its `id` is to be 3 to 128 letters, digits, `_` and `-`"
    );
    ensure!(
        (16..=128).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic()),
        "its secret is to be 16 to 128 printable ASCII characters without blanks"
    );
    let account = table.account.unwrap_or_else(|| account.to_owned());
    check_account(&account)?;
    let scope = table.scope.map_or(Ok(Scope::Admin), |scope| self::scope(&scope));
    let scope = scope.map_err(anyhow::Error::msg)?;
    let secret = secret.into();
    Ok(AccessKey { id: table.id, account, scope, secret, expires_at: None, revoked_at: None })
}

/// `ID:SECRET[:ACCOUNT[:SCOPE]]`.
fn of_text(text: &str) -> anyhow::Result<AccessKeyTable> {
    let mut parts = text.split(':');
    let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
    let (Some(id), Some(secret)) = (part(), part()) else {
        bail!("expected `ID:SECRET[:ACCOUNT[:SCOPE]]`");
    };
    let (account, scope) = (part(), part());
    ensure!(parts.next().is_none(), "expected `ID:SECRET[:ACCOUNT[:SCOPE]]`");
    Ok(AccessKeyTable { id, secret: Some(SecretText(secret)), secret_file: None, account, scope })
}

/// Whether this is an account.
pub(crate) fn check_account(account: &str) -> anyhow::Result<()> {
    ensure!(
        account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()),
        "`account` is `{account}`, expected twelve digits"
    );
    Ok(())
}

/// The scope of this name.
pub(crate) fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|_| format!("`scope` is `{text}`, expected `read`, `run` or `admin`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hush-hush-hush-hush";

    fn text(text: &str) -> AccessKeySetting {
        AccessKeySetting::Text(SecretText(text.to_owned()))
    }

    fn decided(setting: AccessKeySetting) -> anyhow::Result<AccessKey> {
        Ok(access_keys(Some(vec![setting]), "123456789012")?.remove(0))
    }

    #[test]
    fn a_key_is_of_the_configured_account_and_may_do_everything_unless_it_says_otherwise() {
        let key = decided(text(&format!("ci-1:{SECRET}"))).unwrap();
        assert_eq!((key.id.as_str(), key.account.as_str()), ("ci-1", "123456789012"));
        assert_eq!((key.scope, key.secret.reveal()), (Scope::Admin, SECRET));
        let key = decided(text(&format!("ci-1:{SECRET}:210987654321:read"))).unwrap();
        assert_eq!((key.account.as_str(), key.scope), ("210987654321", Scope::Read));
    }

    #[test]
    fn what_is_no_key_is_refused_without_its_secret() {
        let cases = [
            (SECRET.to_owned(), "expected `ID:SECRET[:ACCOUNT[:SCOPE]]`"),
            (format!("id:{SECRET}"), "its `id` is to be 3 to 128"),
            ("ci-1:short".to_owned(), "its secret is to be 16 to 128"),
            (format!("ci-1:{SECRET}:12"), "`account` is `12`, expected twelve digits"),
            (format!("ci-1:{SECRET}::all"), "`scope` is `all`, expected `read`, `run` or `admin`"),
            (format!("ci-1:{SECRET}:::more"), "expected `ID:SECRET[:ACCOUNT[:SCOPE]]`"),
        ];
        for (case, expected) in cases {
            let refused = format!("{:#}", decided(text(&case)).unwrap_err());
            assert!(refused.starts_with("access key 1 of `access_keys`: "), "{refused}");
            assert!(refused.contains(expected), "{case}: {refused}");
            assert!(!refused.contains("hush"), "{refused}");
        }
        let twice = Some(vec![text(&format!("one:{SECRET}")); 2]);
        let refused = access_keys(twice, "123456789012").unwrap_err();
        assert_eq!(refused.to_string(), "`access_keys` has the id `one` twice");
    }

    #[test]
    fn a_table_has_its_secret_or_a_file_that_has_it() {
        let file =
            std::env::temp_dir().join(format!("statewright-secret-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let table = AccessKeyTable {
            id: "one".to_owned(),
            secret: None,
            secret_file: Some(file.clone()),
            account: None,
            scope: Some("run".to_owned()),
        };
        let key = decided(AccessKeySetting::Table(table.clone())).unwrap();
        assert_eq!((key.secret.reveal(), key.scope), (SECRET, Scope::Run));
        std::fs::remove_file(&file).unwrap();
        let both = AccessKeyTable { secret: Some(SecretText(SECRET.to_owned())), ..table };
        assert!(decided(AccessKeySetting::Table(both.clone())).is_err());
        assert!(!format!("{both:?}").contains("hush"));
    }
}
