//! Definitions found in public repositories: valid ones compile, invalid ones are refused with
//! AWS's code.

use std::collections::BTreeMap;
use std::fs;

use asl::integration::Integration;
use asl::{Code, Diagnostic, MachineKind, Payload, Severity};
use serde_json::Value;
use tests::damage::damaged;

use crate::data;

struct Definition {
    file: String,
    text: String,
    expect: String,
    rule: String,
    kind: MachineKind,
    /// Whether it was published for others to use.
    is_sample: bool,
    /// Whether it has a distributed Map, by the index's own account.
    beyond: bool,
}

/// Features of the index that only a distributed Map has, which [`asl::compile`] refuses for now.
const NOT_SERVED: [&str; 5] = [
    "field:ItemReader",
    "field:ItemBatcher",
    "field:ResultWriter",
    "field:Label",
    "field:Tolerated",
];

fn is_beyond(entry: &Value, text: &str) -> bool {
    let features = entry["features"].as_array().expect("every entry lists its features");
    let mut names = features.iter().filter_map(Value::as_str);
    // The index does not see distributed Maps that use the older `Iterator`.
    names.any(|name| NOT_SERVED.iter().any(|start| name.starts_with(start)))
        || text.contains("\"DISTRIBUTED\"")
}

fn corpus() -> Vec<Definition> {
    let folder = data::find("definitions").unwrap();
    let index = fs::read_to_string(folder.join("index.json")).expect("the index is there");
    let index: Value = serde_json::from_str(&index).expect("the index is JSON");
    let entries = index["definitions"].as_array().expect("`definitions` is an array");
    entries
        .iter()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let text = fs::read_to_string(folder.join(word("file"))).expect("every file is there");
            Definition {
                file: word("file"),
                expect: word("expect"),
                rule: word("rule"),
                is_sample: word("basis").starts_with("published sample"),
                beyond: is_beyond(entry, &text),
                text,
                kind: match entry["type"].as_str() {
                    Some("EXPRESS") => MachineKind::Express,
                    _ => MachineKind::Standard,
                },
            }
        })
        .collect()
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(|it| format!("    {it}")).collect();
    lines.join("\n")
}

/// Definitions that the corpus takes for valid and AWS refuses: with which words, and why.
const MISLABELLED: [(&str, &str); 1] = [
    // A sketch in the documentation of a project. AWS AppSync has no such action in any SDK: its GraphQL is
    // asked over HTTP.
    ("valid/e77c22e850659b9c.json", "aws-sdk:appsync:graphql is not recognized"),
];

#[test]
fn what_is_labelled_wrongly_is_refused_for_the_reason_given() {
    for definition in corpus() {
        if let Some((_, words)) = MISLABELLED.iter().find(|(file, _)| *file == definition.file) {
            let found = asl::check(&definition.text, definition.kind);
            let [only] = &found[..] else { panic!("{}", rendered(&found)) };
            assert!(only.message.contains(words), "{only}");
        }
    }
}

#[test]
fn every_valid_definition_compiles_unless_it_uses_what_is_not_served() {
    let (mut compiled, mut beyond, mut wrong) = (0, 0, Vec::new());
    let mislabelled = |file: &str| MISLABELLED.iter().any(|(wrong, _)| *wrong == file);
    for definition in corpus().iter().filter(|it| it.expect == "valid" && !mislabelled(&it.file)) {
        let found = asl::check(&definition.text, definition.kind);
        let sound = found.iter().all(|it| it.severity == Severity::Warning);
        match asl::compile(&definition.text) {
            Ok(_) if sound => compiled += 1,
            Err(all) if sound && definition.beyond && only_unsupported(&all) => beyond += 1,
            Ok(_) => wrong.push(format!("{}\n{}", definition.file, rendered(&found))),
            Err(all) => wrong.push(format!("{}\n{}", definition.file, rendered(&all))),
        }
    }
    println!("valid: {compiled} compile, {beyond} use what is not served, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "wrong for {} definitions:\n{}", wrong.len(), wrong.join("\n"));
}

/// Each task of this value that calls a service: its integration, and its parameters as written.
fn calls(value: &Value, found: &mut Vec<(Integration, Value)>) {
    if let Some(resource) = value["Resource"].as_str()
        && let Some(integration) = Integration::parse(resource)
    {
        let given = value.get("Parameters").or(value.get("Arguments"));
        found.push((integration, given.cloned().unwrap_or_default()));
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| calls(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| calls(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What was put for something unknown when the corpus was made, and is no text or no object as AWS has it.
const STAND_INS: [(&str, &str); 2] = [
    ("valid/631e09c06aa3ee62.json", "'Arguments' must be an OBJECT"),
    ("valid/66e2961ef07b53be.json", "'FunctionName' must be a STRING"),
];

#[test]
fn the_parameters_of_valid_definitions_are_those_of_the_apis() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for definition in corpus().iter().filter(|it| it.expect == "valid") {
        let mut found = Vec::new();
        calls(&serde_json::from_str(&definition.text).unwrap_or_default(), &mut found);
        // What is no object is worked out when the task runs.
        for (integration, given) in found.iter().filter(|(_, given)| given.is_object()) {
            seen += 1;
            let named = integration.misnamed(given, 100).into_iter().map(|it| it.message);
            let fixed = Payload::from_value(written(given)).expect("a definition is not too deep");
            let refused = integration.check(&fixed).err().map(|error| error.cause);
            let is_known = |why: &String| {
                STAND_INS
                    .iter()
                    .any(|(file, words)| *file == definition.file && why.contains(words))
            };
            let all = named.chain(refused).filter(|why| !is_known(why));
            wrong.extend(all.map(|why| format!("{} {}: {why}", definition.file, integration.arn)));
        }
    }
    println!("parameters: {seen} calls of services, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is written down in this template; what is looked up is null.
fn written(template: &Value) -> Value {
    match template {
        Value::String(text) if text.contains("{%") => Value::Null,
        Value::Array(values) => values.iter().map(written).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match name.strip_suffix(".$") {
                Some(name) => (name.to_owned(), Value::Null),
                None => (name.clone(), written(value)),
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

/// What is refused for now, by the words of its refusal.
const LACKS: [(&str, &str); 1] = [("distributed Maps are not served", "distributed Maps")];

/// Prints how many of the sound definitions, labelled or not, run, and what the others lack first.
#[test]
fn a_sound_definition_runs_or_is_refused_for_something_known() {
    let (mut sound, mut wrong) = (0, Vec::new());
    let mut lacking = BTreeMap::<&str, usize>::new();
    for definition in corpus() {
        let found = asl::check(&definition.text, definition.kind);
        if found.iter().any(|it| it.severity == Severity::Error) {
            continue;
        }
        sound += 1;
        let Err(all) = asl::compile(&definition.text) else { continue };
        let first = all.first().filter(|it| it.code == Code::UnsupportedFeature);
        let known = first.and_then(|it| LACKS.iter().find(|(words, _)| it.message.contains(words)));
        match known {
            Some((_, what)) => *lacking.entry(what).or_default() += 1,
            None => wrong.push(format!("{}\n{}", definition.file, rendered(&all))),
        }
    }
    let run = sound - lacking.values().sum::<usize>() - wrong.len();
    println!("sound: {sound}, of which {run} run; the others lack first: {lacking:?}");
    assert!(wrong.is_empty(), "no known reason for {}:\n{}", wrong.len(), wrong.join("\n"));
}

fn only_unsupported(errors: &[Diagnostic]) -> bool {
    !errors.is_empty() && errors.iter().all(|it| it.code == Code::UnsupportedFeature)
}

/// The code that AWS has for a broken rule of the index.
fn code_of(rule: &str) -> Code {
    const CODES: &[(&str, Code)] = &[
        ("names no state", Code::MissingTransitionTarget),
        ("unreachable state", Code::MissingTransitionTarget),
        ("no terminal state", Code::MissingEndState),
        ("state name used twice", Code::DuplicateStateName),
        ("state name longer", Code::InvalidStateName),
        ("Label", Code::InvalidLabelName),
        ("JSONata syntax error", Code::InvalidJsonataExpression),
    ];
    let known = CODES.iter().find(|(words, _)| rule.contains(words));
    known.map_or(Code::SchemaValidationFailed, |(_, code)| *code)
}

#[test]
fn every_invalid_definition_is_refused_with_the_code_of_its_rule() {
    let (mut refused, mut wrong) = (0, Vec::new());
    for definition in corpus().iter().filter(|it| it.expect == "invalid") {
        let found = asl::check(&definition.text, definition.kind);
        let codes: Vec<Code> = definition.rule.split("; ").map(code_of).collect();
        // The index lists what some validator or other objects to; where it lists several rules,
        // AWS need not agree with each.
        if codes.iter().any(|code| found.iter().any(|it| it.code == *code)) {
            refused += 1;
        } else {
            wrong.push(format!("{} {}\n{}", definition.file, definition.rule, rendered(&found)));
        }
    }
    println!("invalid: {refused} refused, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "wrong for {} definitions:\n{}", wrong.len(), wrong.join("\n"));
}

/// Prints what is said of published samples beyond AWS's own diagnostics, and how often; `ADVICE=CODE`
/// also where. None of it may stop a definition.
#[test]
fn advice_is_given_of_sound_definitions() {
    let mut counts = BTreeMap::<&str, usize>::new();
    let (mut samples, shown) = (0, std::env::var("ADVICE").unwrap_or_default());
    for definition in corpus().iter().filter(|it| it.expect == "valid" && it.is_sample) {
        samples += 1;
        let found = asl::review(&definition.text, definition.kind);
        for found in found.iter().filter(|it| Code::ADVICE.contains(&it.code)) {
            assert_eq!(found.severity, Severity::Warning, "{}: {found}", definition.file);
            *counts.entry(found.code.as_str()).or_default() += 1;
            if found.code.as_str() == shown {
                println!("{}: {found}", definition.file);
            }
        }
    }
    println!("advice of {samples} published samples: {counts:?}");
}

#[test]
fn whatever_is_written_is_compiled_or_refused_with_a_reason() {
    let (mut texts, mut refused) = (0, 0);
    for definition in corpus() {
        for text in damaged(&definition.text) {
            texts += 1;
            if let Err(errors) = asl::compile(&text) {
                refused += 1;
                assert!(
                    !errors.is_empty(),
                    "{} is refused without a reason:\n{text}",
                    definition.file
                );
            }
        }
    }
    println!("damaged: {refused} of {texts} texts refused");
}
