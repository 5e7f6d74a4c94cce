//! Where the reference data are: in the folder that `STATEWRIGHT_CONFORMANCE` names, else in
//! `shared/conformance` beside the workspace.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tests::server::workspace;

/// The part of the reference data with this path.
pub(crate) fn find(part: &str) -> Result<PathBuf> {
    let named = std::env::var_os("STATEWRIGHT_CONFORMANCE");
    let named = named.as_deref().map_or(Path::new("../shared/conformance"), Path::new);
    let path = workspace().join(named).join(part);
    if !path.exists() {
        bail!(
            "the reference data are not there: expected `{}`; let STATEWRIGHT_CONFORMANCE name \
             the folder that has `{part}`",
            path.display()
        );
    }
    Ok(path)
}
