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
    assert!(text.lines().any(|line| line == expected), "{text}");
    assert!(text.lines().all(|line| line.starts_with(&bad)), "{text}");
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
