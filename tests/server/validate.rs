//! `statewright validate`: what it says and how it exits.

use serde_json::Value;

use super::{Folder, run, statewright, stderr, stdout};

const GOOD: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
const BAD: &str =
    r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "E": {"Type": "Succeed"}}}"#;

#[test]
fn a_good_definition_exits_with_0_and_says_nothing() {
    let folder = Folder::new();
    let output = run(&["validate", &folder.file("good.json", GOOD)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_bad_definition_exits_with_1_and_every_mistake_is_a_line() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.json", GOOD), folder.file("bad.json", BAD));
    let output = run(&["validate", &good, &bad]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    let expected = format!(
        "{bad}:1:59: error MISSING_TRANSITION_TARGET Missing 'Next' target: B (/States/A/Next)"
    );
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| *line == expected).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(lines[at + 1], format!("  1 | {BAD}"));
    assert_eq!(lines[at + 2].find('^'), lines[at + 1].find(r#""B"}"#));
    assert!(lines.iter().all(|line| line.starts_with(&bad) || line.starts_with("  ")), "{text}");
}

#[test]
fn yaml_is_read_by_its_extension_and_by_its_look() {
    let folder = Folder::new();
    let text = "StartAt: A\nStates:\n  A:\n    Type: Succeed\n    Nonsense: 1\n";
    for name in ["m.yaml", "m.yml", "m"] {
        let file = folder.file(name, text);
        let output = run(&["validate", &file]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stdout(&output).starts_with(&format!("{file}:4:5: error ")), "{}", stdout(&output));
    }
}

#[test]
fn json_output_is_one_array_of_findings() {
    let folder = Folder::new();
    let bad = folder.file("bad.json", BAD);
    let output = run(&["validate", "--format", "json", &bad]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(findings[0]["file"], Value::from(bad));
    assert_eq!(findings[0]["severity"], "ERROR");
    assert_eq!(findings[0]["location"], "/States/A/Next");
    assert_eq!((&findings[0]["line"], &findings[0]["column"]), (&1.into(), &59.into()));
}

/// The schema of SARIF, as OASIS publishes it.
const SARIF: &str = include_str!("sarif-2.1.0.json");

#[test]
fn sarif_output_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(SARIF).unwrap();
    let sarif = jsonschema::options().build(&schema).unwrap();
    let folder = Folder::new();
    let (good, bad) = (folder.file("good.json", GOOD), folder.file("bad näme.json", BAD));
    for files in [vec![&good], vec![&good, &bad]] {
        let mut arguments = vec!["validate", "--format", "sarif"];
        arguments.extend(files.iter().map(|file| file.as_str()));
        let log: Value = serde_json::from_str(&stdout(&run(&arguments))).unwrap();
        let complaints: Vec<String> = sarif.iter_errors(&log).map(|it| it.to_string()).collect();
        assert_eq!(complaints, [""; 0], "{log}");
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.is_empty(), files.len() == 1);
        let Some(first) = results.first() else { continue };
        assert_eq!(
            (&first["ruleId"], &first["level"]),
            (&"MISSING_TRANSITION_TARGET".into(), &"error".into())
        );
        let place = &first["locations"][0]["physicalLocation"];
        assert!(
            place["artifactLocation"]["uri"].as_str().unwrap().ends_with("bad%20n%C3%A4me.json")
        );
        assert_eq!(place["region"]["startColumn"], 59);
    }
    let broken = serde_json::json!({"version": "2.1.0", "runs": [{"results": []}]});
    assert!(!sarif.is_valid(&broken), "the schema refuses what lacks its tool");
}

#[test]
fn warnings_are_shown_and_switched_off_one_by_one() {
    let folder = Folder::new();
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "End": true, "TimeoutSeconds": 5,
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Parameters": {"a": "$.b"}}}}"#;
    let file = folder.file("m.json", text);
    let codes = |allow: &[&str]| {
        let mut arguments = vec!["validate", "--format", "json", &file];
        arguments.extend(allow);
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let findings: Vec<Value> = serde_json::from_str(&stdout(&output)).unwrap();
        findings.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[]), ["NO_DOLLAR", "LAMBDA_WITHOUT_RETRY"]);
    assert_eq!(codes(&["--allow", "NO_DOLLAR"]), ["LAMBDA_WITHOUT_RETRY"]);
    assert_eq!(codes(&["--allow", "NO_DOLLAR,LAMBDA_WITHOUT_RETRY"]), [""; 0]);
    let refused = run(&["validate", &file, "--allow", "MISSING_END_STATE"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused)
            .contains("`MISSING_END_STATE` is no warning; these can be allowed: NO_DOLLAR,"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn names_get_their_values_from_flags_and_files() {
    let folder = Folder::new();
    let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": ${Pause}, "Comment": "${Why}",
        "End": true}}} // how long"#;
    let file = folder.file("m.jsonc", text);
    let warned = run(&["validate", &file]);
    assert_eq!(warned.status.code(), Some(0), "{}", stdout(&warned));
    assert_eq!(
        stdout(&warned).matches("warning NO_SUBSTITUTION").count(),
        2,
        "{}",
        stdout(&warned)
    );
    let values = folder.file("values.yaml", "Pause: 5\nWhy: to rest\n");
    let filled = run(&["validate", &file, "--substitutions", &values]);
    assert_eq!((filled.status.code(), stdout(&filled)), (Some(0), String::new()));
    let wrong = run(&["validate", &file, "--substitutions", &values, "--substitution", "Pause=-1"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        stdout(&wrong).contains("Minimum value is 0 (/States/A/Seconds)"),
        "{}",
        stdout(&wrong)
    );
    for (content, complaint) in
        [("[1]", "is no object of names and values"), ("a: [", "unclosed bracket")]
    {
        let values = folder.file("broken.yaml", content);
        let refused = run(&["validate", &file, "--substitutions", &values]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(complaint), "{}", stderr(&refused));
    }
    assert!(
        stderr(&run(&["validate", &file, "--substitution", "Pause"]))
            .contains("expected NAME=VALUE")
    );
}

#[test]
fn a_folder_is_its_definitions_but_not_what_is_beside_them() {
    let folder = Folder::new();
    let _ = (
        folder.file("a.asl.json", BAD),
        folder.file("a.input.json", "[]"),
        folder.file("notes.txt", "?"),
    );
    std::fs::create_dir(folder.path("deeper")).unwrap();
    let _ = folder.file(
        "template.yaml",
        "Resources:\n  M:\n    Definition:\n      StartAt: A\n      States: {}\n",
    );
    let _ = folder.file("template.json", r#"{"Resources": {"StartAt": 1, "States": 2}}"#);
    std::fs::write(folder.path("binary.json"), [0xff, 0xfe]).unwrap();
    let _ = folder.file("deeper/b.yaml", "StartAt: A\nStates: {}\n");
    let output = run(&["validate", &folder.path("")]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("a.asl.json:1:59: error") && text.contains("deeper/b.yaml:2:9: error"),
        "{text}"
    );
    assert!(
        !text.contains("input.json") && !text.contains("notes") && !text.contains("template"),
        "{text}"
    );
}

/// Validates what is said on stdin.
fn validate_stdin(arguments: &[&str], text: &str) -> std::process::Output {
    use std::io::Write as _;
    use std::process::Stdio;

    let mut child = statewright(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_hyphen_is_the_standard_input() {
    let output = validate_stdin(&["validate", "-"], GOOD);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
    let output = validate_stdin(&["validate", "-"], BAD);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("<stdin>:1:59: error MISSING"), "{}", stdout(&output));
    let yaml = "StartAt: A\nStates:\n  A:\n    Type: Succeed\n    Nonsense: 1\n";
    let output = validate_stdin(&["validate", "--format", "json", "-"], yaml);
    let findings: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&findings[0]["file"], &findings[0]["line"]), (&"<stdin>".into(), &4.into()));
    let output = run(&["validate", "-", "-"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`-` is given 2 times"), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_not_there_exits_with_2_and_the_others_are_checked() {
    let folder = Folder::new();
    let (bad, missing) = (folder.file("bad.json", BAD), folder.path("missing.json"));
    let output = run(&["validate", &missing, &bad]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&format!("cannot read `{missing}`")), "{}", stderr(&output));
    assert!(stdout(&output).contains("MISSING_TRANSITION_TARGET"), "{}", stdout(&output));
}

#[test]
fn a_wrong_call_exits_with_2() {
    for arguments in [&["validate"][..], &["nonsense"], &["validate", "--format", "xml", "x"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn hostile_texts_are_findings_not_crashes() {
    let folder = Folder::new();
    let deep = "[".repeat(200_000);
    let long = format!("{{\"Comment\": \"{}\"}}", "x".repeat(2_000_000));
    let hostile =
        [("deep.json", &*deep), ("deep.yaml", &*deep), ("long.json", &*long), ("empty.json", "")];
    for (name, text) in hostile {
        let output = run(&["validate", &folder.file(name, text)]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", stderr(&output));
    }
    let not_text = folder.path("binary.json");
    std::fs::write(&not_text, [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(run(&["validate", &not_text]).status.code(), Some(2));
}
