//! Where settings are said: flags over the environment over the file, key by key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args as _, Command};
use toml::{Table, Value};

use super::Settings;
use crate::definition;

const PREFIX: &str = "STATEWRIGHT_";
const CONFIG: &str = "STATEWRIGHT_CONFIG";

/// Keys that have no flag, since a command line is no place for a secret or a list of tables.
const WITHOUT_FLAG: [&str; 2] = ["sealing_key", "access_keys"];

/// What the flags say; what they leave open is as this environment says, and then the file that one of
/// them names.
pub(super) fn settings(
    flags: Settings,
    file: Option<PathBuf>,
    environment: &[(String, String)],
) -> anyhow::Result<Settings> {
    let named = lookup(environment, CONFIG).map(PathBuf::from);
    let mut table = match file.or(named) {
        Some(path) => read_file(&path)?,
        None => Table::new(),
    };
    merge(&mut table, of_environment(environment)?);
    merge(&mut table, Table::try_from(flags).context("the flags")?);
    table.try_into().context("the configuration")
}

/// Puts what `upper` says over `lower`, table by table.
fn merge(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => merge(lower, upper),
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

fn read_file(path: &Path) -> anyhow::Result<Table> {
    let text = definition::read(path)?;
    // Read as settings first, for an error that knows its line.
    let known = toml::from_str::<Settings>(&text).and_then(|_| toml::from_str(&text));
    known.map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("`{}`, line {line}: {}", path.display(), error.message())
    })
}

/// What the environment says. Other `STATEWRIGHT_…` variables are left alone: container
/// platforms set some of their own for a service of that name.
fn of_environment(environment: &[(String, String)]) -> anyhow::Result<Table> {
    let mut table = Table::new();
    for key in keys() {
        let said = variables(&key).into_iter().find_map(|name| {
            let text = lookup(environment, &name)?;
            Some((name, text))
        });
        let Some((name, text)) = said else { continue };
        let one = one(&key, value(&name, &key, text)?);
        if let Err(error) = one.clone().try_into::<Settings>() {
            bail!("`{name}`: {}", error.message());
        }
        merge(&mut table, one);
    }
    Ok(table)
}

/// Every key that can be set by the environment, as its path in the file: `limits`, `tls.key`.
fn keys() -> Vec<String> {
    let flags = flags();
    flags.into_iter().chain(WITHOUT_FLAG.map(str::to_owned)).collect()
}

/// Those of them that have a flag.
fn flags() -> Vec<String> {
    let flags = Settings::augment_args(Command::new("settings"));
    flags.get_arguments().map(|flag| flag.get_id().to_string()).collect()
}

/// A text of the environment as a value of the key's kind.
fn value(name: &str, key: &str, text: &str) -> anyhow::Result<Value> {
    let takes = |value: Value| one(key, value).try_into::<Settings>().is_ok();
    if takes(Value::Integer(1)) {
        let number = text.trim().parse().map(Value::Integer);
        return number.with_context(|| format!("`{name}` is `{text}`, expected a whole number"));
    }
    if takes(Value::Boolean(true)) {
        let word = text.trim().parse().map(Value::Boolean);
        return word.with_context(|| format!("`{name}` is `{text}`, expected `true` or `false`"));
    }
    if takes(Value::Array(vec![])) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()));
    }
    Ok(Value::String(text.to_owned()))
}

/// The table in which this key has this value and nothing else is said.
fn one(key: &str, value: Value) -> Table {
    let (first, rest) =
        key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = match rest {
        Some(rest) => Value::Table(one(rest, value)),
        None => value,
    };
    Table::from_iter([(first.to_owned(), value)])
}

fn lookup<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    // An empty variable says nothing, as is the custom.
    environment.iter().find(|(known, value)| known == name && !value.is_empty()).map(|it| &*it.1)
}

/// The variables that a key can be set by; the first that says something is heard.
fn variables(key: &str) -> Vec<String> {
    let mut names = vec![format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())];
    // Names that everyone knows a setting by.
    match key {
        "database_url" => names.push("DATABASE_URL".to_owned()),
        "lambda_endpoint" => names.push("AWS_ENDPOINT_URL_LAMBDA".to_owned()),
        _ => {}
    }
    names
}

/// The command, each of whose settings, as far as it has them, tells its variables in its help. They are not given to
/// clap, which would read the environment itself and take what it says for flags.
pub(crate) fn with_variables(command: Command) -> Command {
    let named = flags().into_iter().map(|key| (variables(&key), key));
    let config = (vec![CONFIG.to_owned()], "config".to_owned());
    let has = |command: &Command, key: &str| command.get_arguments().any(|arg| arg.get_id() == key);
    named.chain([config]).fold(command, |command, (variables, key)| {
        if !has(&command, &key) {
            return command;
        }
        command.mut_arg(key, |arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(format!("{help} [env: {}]", variables.join(", or ")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn said(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        settings(Settings::default(), None, &environment(variables))
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let mut table: Table = toml::from_str("listen = 'a:1'\nregion = 'b-1'\nlanes = 1").unwrap();
        let environment = environment(&[("STATEWRIGHT_REGION", "c-1"), ("STATEWRIGHT_LANES", "2")]);
        merge(&mut table, of_environment(&environment).unwrap());
        let flags = Settings { lanes: Some(3), ..Settings::default() };
        merge(&mut table, Table::try_from(flags).unwrap());
        let settings: Settings = table.try_into().unwrap();
        assert_eq!(settings.listen.as_deref(), Some("a:1"));
        assert_eq!(settings.region.as_deref(), Some("c-1"));
        assert_eq!(settings.lanes, Some(3));
    }

    #[test]
    fn the_names_everyone_knows_are_heard_and_ours_win() {
        let url = |variables: &[(&str, &str)]| {
            said(variables).unwrap().database_url.map(|url| url.reveal().to_owned())
        };
        let known = ("DATABASE_URL", "postgres://known");
        assert_eq!(url(&[known]).as_deref(), Some("postgres://known"));
        let ours = ("STATEWRIGHT_DATABASE_URL", "postgres://ours");
        assert_eq!(url(&[known, ours]).as_deref(), Some("postgres://ours"));
        let lambda = said(&[("AWS_ENDPOINT_URL_LAMBDA", "http://l")]).unwrap().lambda_endpoint;
        assert_eq!(lambda.as_deref(), Some("http://l"));
    }

    #[test]
    fn a_list_is_said_with_commas() {
        let settings = said(&[("STATEWRIGHT_OUTGOING_ALLOW", "10.0.0.0/8, a.internal:80,")]);
        let expected = Some(vec!["10.0.0.0/8".to_owned(), "a.internal:80".to_owned()]);
        assert_eq!(settings.unwrap().outgoing.allow, expected);
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_was_expected() {
        let refused = |name: &str, text: &str| said(&[(name, text)]).unwrap_err().to_string();
        assert_eq!(
            refused("STATEWRIGHT_LANES", "many"),
            "`STATEWRIGHT_LANES` is `many`, expected a whole number"
        );
        assert!(refused("STATEWRIGHT_LIMITS", "none").contains("expected `\"strict\"`"));
        assert_eq!(said(&[("STATEWRIGHT_LANES", "")]).unwrap().lanes, None, "empty says nothing");
    }

    #[test]
    fn every_flag_is_a_key_of_the_file() {
        for key in keys() {
            let values = [Value::Integer(1), Value::Boolean(true), Value::Array(vec![])];
            let texts = ["x", "text", "strict", "1"].map(|text| Value::String(text.to_owned()));
            let mut values = values.into_iter().chain(texts);
            let takes = |value: Value| one(&key, value).try_into::<Settings>().is_ok();
            assert!(values.any(takes), "`{key}` is no key of the file");
        }
    }
}
