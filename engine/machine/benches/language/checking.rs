//! How long it takes to check a folder of definitions, beside another validator. `DEFINITION` names the
//! folder, of which the first thousand are taken.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use asl::{Code, Diagnostic, MachineKind, Severity};

use crate::node;
use crate::run::best;

/// So many files are checked.
const MOST: usize = 1_000;

pub(crate) fn print() {
    println!("Checking a folder");
    let folder = std::env::var_os("DEFINITION").map(PathBuf::from).filter(|path| path.is_dir());
    let Some(folder) = folder else {
        println!("skipped: DEFINITION names no folder of definitions");
        return;
    };
    match files(&folder) {
        Ok(files) => measure(&files),
        Err(why) => println!("skipped: {}: {why}", folder.display()),
    }
}

/// The JSON files in it and right below.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let inside = |folder: &Path| -> Result<Vec<PathBuf>, String> {
        let entries = fs::read_dir(folder).map_err(|why| why.to_string())?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    };
    let mut found = inside(folder)?;
    for inner in found.clone().iter().filter(|path| path.is_dir()) {
        found.extend(inside(inner)?);
    }
    found.retain(|path| path.extension().is_some_and(|end| end == "json"));
    found.sort();
    found.truncate(MOST);
    Ok(found)
}

fn measure(files: &[PathBuf]) {
    let refused = Cell::new(0);
    let ours = best(|| {
        refused.set(0);
        let began = Instant::now();
        for file in files {
            let text = fs::read_to_string(file).unwrap_or_default();
            let found = std::hint::black_box(asl::review(&text, MachineKind::Standard));
            let is_wrong = |it: &Diagnostic| {
                it.severity == Severity::Error && it.code != Code::UnsupportedFeature
            };
            if found.iter().any(is_wrong) {
                refused.set(refused.get() + 1);
            }
        }
        began.elapsed().as_secs_f64() * 1e3
    });
    println!(
        "{} files: {ours:.0} ms with all warnings, {refused} refused",
        files.len(),
        refused = refused.get()
    );
    let beside = node::find(node::VALIDATOR).and_then(|node| node.validate(files));
    match beside {
        Ok((took, refused)) => {
            println!(
                "asl-validator on node: {took:.0} ms, {refused} refused; {:.1} times as long",
                took / ours
            );
        }
        Err(why) => println!("asl-validator on node is skipped: {why}"),
    }
}
