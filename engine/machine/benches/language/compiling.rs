//! How long the largest definition takes to compile. `DEFINITION` names it, or a folder of definitions
//! of which the largest is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use asl::MachineKind;

use crate::run::best;

pub(crate) fn print() {
    println!("Compiling");
    let Some(named) = std::env::var_os("DEFINITION") else {
        println!("skipped: DEFINITION names no definition, nor a folder of them");
        return;
    };
    let found = largest(Path::new(&named)).and_then(|path| {
        let text = fs::read_to_string(&path).map_err(|why| why.to_string())?;
        Ok((path, text))
    });
    match found {
        Ok((path, text)) => measure(&path, &text),
        Err(why) => println!("skipped: {}: {why}", Path::new(&named).display()),
    }
}

/// The file itself, or the largest JSON file right in the folder.
fn largest(path: &Path) -> Result<PathBuf, String> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let entries = fs::read_dir(path).map_err(|why| why.to_string())?;
    let files = entries.flatten().map(|entry| entry.path());
    let definitions = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |it| it.len());
    definitions.max_by_key(size).ok_or_else(|| "no JSON file is in it".to_owned())
}

fn measure(path: &Path, text: &str) {
    let took = |what: &dyn Fn()| {
        best(|| {
            let began = Instant::now();
            what();
            began.elapsed().as_secs_f64() * 1e3
        })
    };
    let compiled = took(&|| drop(std::hint::black_box(asl::compile(text))));
    let checked = took(&|| drop(std::hint::black_box(asl::check(text, MachineKind::Standard))));
    let refused = match asl::compile(text) {
        Ok(_) => String::new(),
        Err(errors) => {
            errors.first().map_or_else(String::new, |why| format!("; refused: {}", why.message))
        }
    };
    let name = path.file_name().unwrap_or_default().display();
    println!(
        "{name}, {} KiB: compile {compiled:.2} ms, check {checked:.2} ms{refused}",
        text.len() / 1024
    );
}
