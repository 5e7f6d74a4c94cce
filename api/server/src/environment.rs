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
