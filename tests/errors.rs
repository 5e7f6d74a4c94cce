//! The README's table of errors: every name that a task can fail with here, and which of AWS's
//! usual retriers takes it.

use std::fs;
use std::path::Path;

use regex::Regex;
use tests::server::workspace;

/// What AWS's tools put into a Task of Lambda.
const OF_LAMBDA: [&str; 5] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

/// A row of the table: a name, and whether the three retriers take it.
struct Row {
    name: String,
    taken: [bool; 3],
}

fn rows() -> Vec<Row> {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let lines = readme.lines().skip_while(|line| !line.starts_with("| error | when |")).skip(2);
    let table = lines.take_while(|line| line.starts_with('|'));
    table
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, _, taken @ ..] = &cells[..] else { panic!("{line}") };
            let name = name.strip_prefix('`')?.strip_suffix('`')?.to_owned();
            let taken: Vec<bool> = taken.iter().map(|word| *word == "yes").collect();
            Some(Row { name, taken: taken.try_into().unwrap_or_else(|_| panic!("{line}")) })
        })
        .collect()
}

/// The beginnings of names that stand in the sources of a crate, its tests left out: of
/// `"Lambda.{code}"` that is `Lambda.`.
fn names_in(folder: &Path, found: &mut Vec<String>) {
    let literal =
        Regex::new(r#""((?:States|Lambda|Sfn|Statewright)\.(?:[A-Za-z]+\.)*[A-Za-z]*)"#).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if is_test {
            continue;
        }
        if path.is_dir() {
            names_in(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        found.extend(literal.captures_iter(text).map(|name| name[1].to_owned()));
    }
}

#[test]
fn every_error_a_task_can_fail_with_is_in_the_readme() {
    let mut found = Vec::new();
    for folder in ["engine/machine/src", "engine/runtime/src"] {
        names_in(&workspace().join(folder), &mut found);
    }
    let text = fs::read_to_string(workspace().join("engine/asl/src/error_name.rs")).unwrap();
    let constants = Regex::new(r#"pub const [A-Z_]+: &str = "([A-Za-z.]+)""#).unwrap();
    found.extend(constants.captures_iter(&text).map(|name| name[1].to_owned()));
    // Those two match errors, and are none.
    let matchers = [asl::error_name::ALL, asl::error_name::TASK_FAILED];
    found.retain(|name| !matchers.contains(&name.as_str()));
    assert!(found.len() >= 15, "{found:?}");
    let rows = rows();
    // What stops an execution, and is no task's.
    let stops = ["Statewright.Overlap".to_owned()];
    for name in found {
        let is_known =
            |known: &String| *known == name || (name.ends_with('.') && known.starts_with(&name));
        let is_told = rows.iter().map(|row| &row.name).chain(&stops).any(is_known);
        assert!(is_told, "`{name}` is not in the README's table of errors");
    }
}

#[test]
fn the_usual_retriers_take_what_the_readme_says() {
    let retriers: [&[&str]; 3] = [&["States.TaskFailed"], &["States.ALL"], &OF_LAMBDA];
    let rows = rows();
    assert!(rows.len() >= 13, "{} rows", rows.len());
    for Row { name, taken } in rows {
        let taken_by = retriers.map(|names| {
            let names: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
            asl::error_name::matches(&names, &name)
        });
        assert_eq!(taken_by, taken, "`{name}`");
    }
}
