//! The house rules that neither the compiler nor clippy can see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tests::server::workspace;

/// Which of our crates each may name. Data flows downwards, and nobody looks up.
const ARROWS: [(&str, &[&str]); 8] = [
    ("engine/aws", &[]),
    ("engine/asl", &["aws"]),
    ("engine/machine", &["aws", "asl"]),
    ("engine/store", &["asl", "machine"]),
    ("engine/runtime", &["aws", "asl", "machine", "store"]),
    ("api/http", &["asl", "machine", "store", "runtime"]),
    ("api/server", &["asl", "machine", "store", "runtime", "http-api"]),
    ("tests", &["aws", "asl", "machine", "store", "runtime", "http-api", "server"]),
];

/// Libraries that only these rooms may name: the walls that keep the core pure.
const WALLS: [(&str, &[&str]); 11] = [
    ("ruzstd", &["engine/aws"]),
    ("sqlx", &["engine/store"]),
    ("tokio", &["engine/store", "engine/runtime", "api/http", "api/server", "tests"]),
    ("reqwest", &["engine/runtime", "api/server", "tests"]),
    ("axum", &["api/http", "api/server", "tests"]),
    ("tower-http", &["api/http", "api/server"]),
    ("cron", &["engine/machine"]),
    ("chrono-tz", &["engine/machine"]),
    ("clap", &["api/server"]),
    ("tracing-subscriber", &["api/server"]),
    ("anyhow", &["api/server", "tests"]),
];

/// Words that name nothing, so no file is called by them.
const EMPTY_WORDS: [&str; 8] =
    ["common", "helper", "helpers", "manager", "models", "service", "types", "utils"];

/// The names on the left of each line of the tables whose header `wanted` accepts.
fn dependencies(manifest: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            inside = wanted(header.trim_end_matches(']'));
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', ' ', '=']).next().expect("split gives one part");
            found.push((name.to_owned(), line.to_owned()));
        }
    }
    found
}

/// Every file below `folder` with this ending, without build output and hidden folders.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn names(folder: &Path, ending: &str) -> BTreeSet<String> {
    files(folder, ending)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// Fails with all complaints at once, each naming its file relative to the workspace.
fn check(complaints: impl IntoIterator<Item = (PathBuf, String)>) {
    let root = workspace();
    let lines: Vec<String> = complaints
        .into_iter()
        .map(|(path, why)| {
            format!("{}: {why}", path.strip_prefix(&root).unwrap_or(&path).display())
        })
        .collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn crates_look_only_where_they_may() {
    let root = workspace();
    let ours: BTreeSet<&str> = ARROWS[7].1.iter().copied().collect();
    let mut complaints = Vec::new();
    for (room, may_name) in ARROWS {
        let path = root.join(room).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        // What only tests use may come from anywhere.
        for (name, _) in dependencies(&manifest, |header| header == "dependencies") {
            if ours.contains(name.as_str()) && !may_name.contains(&name.as_str()) {
                complaints.push((path.clone(), format!("may not depend on `{name}`")));
            }
            for (library, rooms) in WALLS {
                if name == library && !rooms.contains(&room) {
                    complaints.push((path.clone(), format!("`{library}` stays in {rooms:?}")));
                }
            }
        }
    }
    check(complaints);
}

#[test]
fn sql_is_spoken_only_in_the_store() {
    let root = workspace();
    let complaints = files(&root, ".rs").into_iter().filter_map(|path| {
        let inside = path.starts_with(root.join("engine/store"));
        let needle = concat!("sql", "x::");
        (!inside && fs::read_to_string(&path).unwrap().contains(needle))
            .then(|| (path, "names sqlx outside of engine/store".to_owned()))
    });
    check(complaints);
}

#[test]
fn every_file_tells_its_story_and_ends_in_time() {
    let mut complaints = Vec::new();
    for path in files(&workspace(), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//! ") {
            complaints.push((path.clone(), "does not open with `//! ` and its story".to_owned()));
        }
        let lines = text.lines().count();
        if lines > 500 {
            complaints.push((path.clone(), format!("{lines} lines; 500 is the end")));
        }
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")] {
            if let Some(at) = text.lines().position(|line| line.contains(word)) {
                complaints.push((path.clone(), format!("line {} has a {word}", at + 1)));
            }
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if EMPTY_WORDS.contains(&name.as_str()) {
            complaints.push((path, format!("`{name}` names nothing")));
        }
    }
    check(complaints);
}

#[test]
fn migrations_are_chapters_in_order() {
    let folder = workspace().join("migrations");
    let mut complaints = Vec::new();
    for (index, path) in files(&folder, ".sql").into_iter().enumerate() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let number = format!("{:04}_", index + 1);
        if !name.starts_with(&number) {
            complaints.push((path.clone(), format!("its name should start with `{number}`")));
        }
        if !fs::read_to_string(&path).unwrap().starts_with("--") {
            complaints.push((path, "does not open with a comment that says what it is for".into()));
        }
    }
    check(complaints);
}

#[test]
fn every_sample_has_its_input_and_output() {
    let folder = workspace().join("definitions");
    let mut complaints = Vec::new();
    for path in files(&folder, ".asl.json") {
        let text = path.to_string_lossy().into_owned();
        for ending in [".input.json", ".output.json"] {
            if !Path::new(&text.replace(".asl.json", ending)).exists() {
                complaints.push((path.clone(), format!("has no `{ending}` beside it")));
            }
        }
    }
    check(complaints);
}

#[test]
fn what_a_state_may_say_and_what_it_does_are_twins() {
    let root = workspace();
    let say = names(&root.join("engine/asl/src/states"), ".rs");
    let act = names(&root.join("engine/machine/src/states"), ".rs");
    let lonely: Vec<&String> =
        say.symmetric_difference(&act).filter(|name| *name != "mod.rs").collect();
    assert!(lonely.is_empty(), "only in one of asl/src/states and machine/src/states: {lonely:?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let root = workspace();
    let path = root.join("Cargo.toml");
    let manifest = fs::read_to_string(&path).unwrap();
    let mut complaints = Vec::new();
    for (name, line) in dependencies(&manifest, |header| header == "workspace.dependencies") {
        if !line.contains("path = ") && !line.contains(" # ") {
            complaints.push((path.clone(), format!("`{name}` has no reason beside it")));
        }
    }
    for (room, _) in ARROWS {
        let path = root.join(room).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        for (name, line) in dependencies(&manifest, |header| header.ends_with("dependencies")) {
            if !line.contains("workspace = true") {
                let why = format!("`{name}` should come from the workspace, with its reason there");
                complaints.push((path.clone(), why));
            }
        }
    }
    check(complaints);
}
