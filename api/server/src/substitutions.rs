//! Values for the `${Names}` of a definition, as they are given on the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use http_api::source::{Fill, SyntaxError, Values};
use serde_json::Value;

use crate::definition;

/// Where values come from.
#[derive(Clone, Debug, Default, Args)]
pub struct SubstitutionArgs {
    /// A value for `${NAME}` in the definitions; without quotes around it, a number or other JSON
    #[arg(long = "substitution", value_name = "NAME=VALUE", value_parser = named)]
    substitutions: Vec<(String, String)>,
    /// A file of values for `${Names}`, an object of JSON or YAML; `--substitution` comes first
    #[arg(long = "substitutions", value_name = "FILE")]
    substitutions_file: Option<PathBuf>,
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() {
        return Err("expected NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// The values that were given.
#[derive(Debug, Default)]
pub struct Substitutions {
    values: Values,
    are_given: bool,
}

impl SubstitutionArgs {
    /// Reads them.
    ///
    /// # Errors
    /// The file cannot be read, or is no object.
    pub fn read(self) -> anyhow::Result<Substitutions> {
        let are_given = self.substitutions_file.is_some() || !self.substitutions.is_empty();
        let mut values = match &self.substitutions_file {
            Some(file) => values_in(file)?,
            None => Values::new(),
        };
        values.extend(self.substitutions.into_iter().map(|(name, value)| (name, value.into())));
        Ok(Substitutions { values, are_given })
    }
}

fn values_in(file: &Path) -> anyhow::Result<Values> {
    let shown = file.display();
    let text = definition::read(file)?;
    let source = definition::parse(file, text, Fill::Leave)
        .map_err(|SyntaxError { message, .. }| anyhow::anyhow!("`{shown}`: {message}"))?;
    let value: Value =
        serde_json::from_str(source.json()).with_context(|| format!("`{shown}` is not JSON"))?;
    let Value::Object(members) = value else { bail!("`{shown}` is no object of names and values") };
    Ok(members.into_iter().collect())
}

impl Substitutions {
    /// What is done where a definition is to run: without any value nothing is looked for.
    pub fn to_run(&self) -> Fill<'_> {
        if self.are_given { Fill::With(&self.values) } else { Fill::Leave }
    }

    /// What is done where a definition is only checked.
    pub fn to_check(&self) -> Fill<'_> {
        Fill::Guess(&self.values)
    }
}
