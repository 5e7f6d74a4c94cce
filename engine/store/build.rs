//! Puts the chapters of the schema into the program. `sqlx::migrate!` does the same, but has `sqlx`,
//! tokio and TLS compiled a second time, for the compiler's own use.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut chapters: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    chapters.retain(|path| path.extension().is_some_and(|ending| ending == "sql"));
    chapters.sort();
    let entry = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("({name:?}, {:?}),\n", fs::read_to_string(path)?))
    };
    let list: String = chapters.iter().map(entry).collect::<io::Result<_>>()?;
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("chapters.rs"), format!("&[\n{list}]\n"))
}
