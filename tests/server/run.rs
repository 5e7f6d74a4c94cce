//! `statewright run`: output, progress and exit codes.

use super::{Folder, run, statewright, stderr, stdout};

fn machine(states: &str) -> String {
    format!(r#"{{"StartAt": "A", "States": {{"A": {states}}}}}"#)
}

/// The exit code, stdout and stderr of a run of this definition.
#[track_caller]
fn check(definition: &str, input: &str, code: i32, output: &str, progress: &str) {
    let folder = Folder::new();
    let file = folder.file("machine.asl.json", definition);
    let ended = run(&["run", &file, "--input", input]);
    assert_eq!(ended.status.code(), Some(code), "{}", stderr(&ended));
    assert_eq!(stdout(&ended), output);
    assert!(stderr(&ended).contains(progress), "{}", stderr(&ended));
}

#[test]
fn a_success_exits_with_0_and_its_output_is_all_of_stdout() {
    let pass = machine(r#"{"Type": "Pass", "End": true}"#);
    check(&pass, r#"{"n":  1}"#, 0, "{\"n\":  1}\n", "A  done in ");
}

#[test]
fn a_failure_exits_with_1_and_says_why() {
    let fail = machine(r#"{"Type": "Fail", "Error": "Bad", "Cause": "as \"told\"\n"}"#);
    check(&fail, "{}", 1, "", "FAILED after ");
    check(&fail, "{}", 1, "", r#": Bad: as "told""#);
}

#[test]
fn a_timeout_exits_with_3() {
    let wait = r#"{"StartAt": "A", "TimeoutSeconds": 1,
        "States": {"A": {"Type": "Wait", "Seconds": 600, "End": true}}}"#;
    let folder = Folder::new();
    let ended = run(&["run", &folder.file("machine.asl.json", wait), "--input", "{}"]);
    let said = stderr(&ended);
    assert_eq!((ended.status.code(), stdout(&ended).as_str()), (Some(3), ""), "{said}");
    // A busy machine may notice late, but never early.
    let (_, after) = said.split_once("execution TIMED_OUT after ").expect(&said);
    let (seconds, _) = after.split_once(" s").expect(&said);
    assert!(seconds.parse::<f64>().expect(&said) >= 1.0, "{said}");
}

#[test]
fn what_cannot_be_run_exits_with_2() {
    let folder = Folder::new();
    let good = folder.file("good.json", &machine(r#"{"Type": "Succeed"}"#));
    let bad = folder.file("bad.json", &machine(r#"{"Type": "Nothing"}"#));
    let missing = folder.path("missing.json");
    let nowhere = "postgres://me@127.0.0.1:1/x";
    let cases: [(&[&str], &str); 5] = [
        (&["run", &bad], "error SCHEMA_VALIDATION_FAILED"),
        (&["run", &missing], "cannot read `"),
        (&["run", &good, "--input", "{"], "the input is not JSON"),
        (&["run", &good, "--function", "f"], "expected NAME=URL"),
        // The demo functions would take the places of functions in that database.
        (&["run", &good, "--demo", "--database-url", nowhere], "do not go together"),
    ];
    for (arguments, said) in cases {
        let ended = run(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", stderr(&ended));
        assert!(stderr(&ended).contains(said), "{arguments:?}: {}", stderr(&ended));
        assert_eq!(stdout(&ended), "");
    }
}

#[test]
fn an_interrupt_stops_the_execution_and_exits_with_4() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let folder = Folder::new();
    let wait = machine(r#"{"Type": "Wait", "Seconds": 600, "End": true}"#);
    let file = folder.file("wait.json", &wait);
    let mut child = statewright(&["run", &file]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("A  waits for ")));
    let kill = format!("kill -INT {}", child.id());
    Command::new("sh").args(["-c", &kill]).status().unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("execution ABORTED")), "{rest:?}");
}

#[test]
fn yaml_runs_too() {
    let folder = Folder::new();
    let file =
        folder.file("m.yaml", "StartAt: A\nStates:\n  A: {Type: Pass, Result: [1], End: true}\n");
    let ended = run(&["run", &file]);
    assert_eq!(stdout(&ended), "[1]\n", "{}", stderr(&ended));
}
