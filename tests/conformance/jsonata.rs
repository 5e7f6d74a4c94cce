//! The official JSONata test suite, group by group, evaluated as in a state: on borrowed values, and
//! watched. `jsonata.json` says how many cases of a group pass both ways; `UPDATE=1` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use asl::jsonata::document::{Way, evaluate};
use serde_json::{Map, Value};
use tests::server::workspace;

use crate::data;

/// How many cases of each group pass, and how many there are: `7 of 7`.
type Groups = BTreeMap<String, String>;

#[test]
fn no_group_of_the_official_suite_falls() {
    let suite = data::find("jsonata").unwrap();
    let path = workspace().join("tests/conformance/jsonata.json");
    let mut failed = Vec::new();
    let group = |folder: &PathBuf| {
        let (passed, all) = play_group(&suite, folder, &mut failed);
        (name(folder), format!("{passed} of {all}"))
    };
    let found: Groups = sorted(&suite.join("groups")).iter().map(group).collect();
    let listed: Groups = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let passed = |groups: &Groups, group: &str| {
        let (passed, _) = groups.get(group)?.split_once(" of ")?;
        passed.parse::<usize>().ok()
    };
    println!("these cases of JSONata do not pass:\n{}", failed.join("\n"));
    let fallen: Vec<&String> =
        listed.keys().filter(|group| passed(&found, group) < passed(&listed, group)).collect();
    assert!(fallen.is_empty(), "groups with fewer passes than jsonata.json has: {fallen:?}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(found, listed, "jsonata.json is behind: UPDATE=1 writes it anew");
}

fn play_group(suite: &Path, folder: &Path, failed: &mut Vec<String>) -> (usize, usize) {
    let (mut passed, mut all) = (0, 0);
    for file in sorted(folder).iter().filter(|file| file.extension().is_some_and(|it| it == "json"))
    {
        let place = format!("{}/{}", name(folder), name(file));
        // Lone surrogates are in no text of ours.
        let Ok(read) = serde_json::from_slice(&fs::read(file).unwrap()) else {
            all += 1;
            failed.push(format!("{place}: no JSON"));
            continue;
        };
        let cases = if let Value::Array(cases) = read { cases } else { vec![read] };
        for case in &cases {
            all += 1;
            let outcomes = [Way::Quick, Way::Careful].map(|way| play(suite, folder, case, way));
            match outcomes.into_iter().collect::<Result<Vec<()>, String>>() {
                Ok(_) => passed += 1,
                Err(difference) => failed.push(format!("{place}: {difference}")),
            }
        }
    }
    (passed, all)
}

fn play(suite: &Path, folder: &Path, case: &Value, way: Way) -> Result<(), String> {
    let expression = match case["expr"].as_str() {
        Some(expression) => expression.to_owned(),
        None => fs::read_to_string(folder.join(case["expr-file"].as_str().unwrap())).unwrap(),
    };
    let document = match case["dataset"].as_str() {
        Some(dataset) => {
            let path = suite.join("datasets").join(format!("{dataset}.json"));
            Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        }
        None => case.get("data").cloned(),
    };
    let variables = case["bindings"].as_object().cloned().unwrap_or_else(Map::new);
    let depth = case["depth"].as_u64().map_or(2_000, |depth| usize::try_from(depth).unwrap());
    let found = evaluate(&expression, document.as_ref(), variables, depth, way);
    let code = case.get("code").or_else(|| case.get("error").map(|error| &error["code"]));
    let holds = match (&found, code.and_then(Value::as_str)) {
        // Limits have codes of their own.
        (Err(code), Some("U1001")) => matches!(code.as_str(), "D1011" | "D1012" | "U1006"),
        (Err(code), Some(expected)) => code == expected,
        (Err(_), None) | (Ok(_), Some(_)) => false,
        (Ok(None), None) => case.get("undefinedResult").is_some(),
        (Ok(Some(value)), None) => case.get("result").is_some_and(|result| same(value, result)),
    };
    if holds { Ok(()) } else { Err(format!("{expression} gives {found:?} ({way:?})")) }
}

/// Equal, numbers by their value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let member = |name, value| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(|(name, value)| member(name, value))
        }
        _ => one == other,
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
