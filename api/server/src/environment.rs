//! The only place that reads the environment.

use std::path::PathBuf;

/// All variables whose names and values are texts.
pub(crate) fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A variable that names a folder.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os(name)?);
    folder.is_absolute().then_some(folder)
}

/// The variable that names a database, if one does; the one that is heard if both do.
pub(crate) fn database_variable() -> Option<&'static str> {
    // An empty variable says nothing, as everywhere.
    let names = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ["STATEWRIGHT_DATABASE_URL", "DATABASE_URL"].into_iter().find(names)
}
