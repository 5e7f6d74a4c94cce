//! What the log says of executions that ended badly.

use machine::{At, Execution, Frame, Identity};
use store::{Ending, Status};

/// Most characters of a cause that are logged: it may be what a function answered.
const CAUSE_CHARACTERS: usize = 200;

/// Most states that are named.
const MOST_PLACES: usize = 5;

/// Says that an execution failed or timed out, where, and of what; of others nothing.
pub(crate) fn tell(identity: &Identity, ending: &Ending) {
    let arn = &identity.arn;
    let state = ending.failed_state.as_deref();
    match ending.status {
        Status::Failed => tracing::info!(
            execution.arn = arn,
            state,
            error = ending.error.as_deref().map(head),
            cause = cause(ending),
            "execution `{arn}` failed"
        ),
        // As its history has it; the row has neither.
        Status::TimedOut => tracing::info!(
            execution.arn = arn,
            state,
            error = "States.Timeout",
            cause = "the execution's `TimeoutSeconds` ran out",
            "execution `{arn}` timed out"
        ),
        Status::Running | Status::Succeeded | Status::Aborted => {}
    }
}

/// The states in which an execution is, innermost and oldest first; of many the first few.
pub(crate) fn places(execution: &Execution) -> String {
    let holds_others = |frame: &&Frame| matches!(frame.at, At::Branches(_) | At::Iterations(_));
    let mut places: Vec<&str> = Vec::new();
    let innermost = execution.frames().filter(|frame| !holds_others(frame));
    for state in innermost.map(|frame| &*frame.state) {
        if places.contains(&state) {
            continue;
        }
        if places.len() == MOST_PLACES {
            places.push("…");
            break;
        }
        places.push(state);
    }
    places.join(", ")
}

/// The head of the cause, without data of the execution.
fn cause(ending: &Ending) -> Option<String> {
    let cause = ending.cause.as_deref()?;
    let error = ending.error.as_deref().unwrap_or_default();
    let of = |starts: &[&str]| starts.iter().any(|start| error.starts_with(start));
    // What is said of a connection quotes nothing; what the own API says may quote anything.
    Some(if of(&["Sfn."]) {
        head(&without_data(cause, &["'", "`", "\"", ": "]))
    } else if of(&["States.", "Statewright.InvalidResponse", "Lambda.Unknown"])
        && error != "States.Http.Socket"
    {
        head(&without_data(cause, &["input '", " == ", "value ", "Parameters '", ": "]))
    } else {
        head(cause)
    })
}

/// What the engine itself says of a failure, up to the first of these marks, after which it quotes data. What it
/// quotes of the definition is kept, but a JSONata expression, which may be long.
fn without_data(cause: &str, quoted_after: &[&str]) -> String {
    // The state and the event come first: `… (entered at the event id #2). …`.
    let begins = cause.find("). ").map_or(0, |at| at + 3);
    let (before, said) = cause.split_at(begins);
    let (expression, said) = match said.find("' specified for the field '") {
        Some(at) if said.starts_with("The JSONata expression '") => {
            ("The JSONata expression '…", &said[at..])
        }
        _ => ("", said),
    };
    let ends = quoted_after.iter().filter_map(|mark| Some(said.find(mark)? + mark.len()));
    format!("{before}{expression}{}", &said[..ends.min().unwrap_or(said.len())])
}

/// The head of a text, on one line. What is JSON is left out: it may be of an input or an output.
/// Of what a Lambda function says of its failure, the message is kept.
fn head(text: &str) -> String {
    let message = serde_json::from_str::<Said>(text).map(|said| said.message);
    let text = message.as_deref().unwrap_or(text);
    let (text, has_data) = json_in(text).map_or((text, false), |at| (&text[..at], true));
    let mut characters = text.chars();
    let mut head = String::new();
    for character in characters.by_ref().take(CAUSE_CHARACTERS) {
        if character.is_control() {
            head.extend(character.escape_default());
        } else {
            head.push(character);
        }
    }
    if characters.next().is_some() || has_data {
        head.push('…');
    }
    head
}

/// Where JSON begins in a text, or what looks like it: an object, an array, or the whole text.
fn json_in(text: &str) -> Option<usize> {
    if text.trim_start().starts_with('"') && is_json(text) {
        return Some(0);
    }
    let is_array = |at: usize| match text[at + 1..].trim_start().chars().next() {
        Some('"' | '\'' | '{' | '[') => true,
        // A colour of terminals is none, nor is `[1/3]`.
        Some('-' | '0'..='9') => is_json(&text[at..]),
        _ => false,
    };
    // Beyond those nothing is shown.
    let mut brackets = text.match_indices(['{', '[']).take(CAUSE_CHARACTERS + 1);
    brackets.find(|(at, bracket)| *bracket == "{" || is_array(*at)).map(|(at, _)| at)
}

/// Whether a text begins with JSON, or with some that is cut off.
fn is_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    values.next().is_some_and(|read| read.map_or_else(|error| error.is_eof(), |_| true))
}

/// What a Lambda function says of its failure.
#[derive(serde::Deserialize)]
struct Said {
    #[serde(rename = "errorMessage")]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(error: &str, said: &str) -> String {
        cause(&Ending {
            status: Status::Failed,
            ended_at: chrono::DateTime::UNIX_EPOCH,
            output: None,
            error: Some(error.to_owned()),
            cause: Some(said.to_owned()),
            failed_state: None,
        })
        .unwrap()
    }

    #[test]
    fn what_the_engine_says_is_logged_without_the_data_that_it_quotes() {
        const STATE: &str =
            "An error occurred while executing the state 'A' (entered at the event id #2). ";
        for (said, ends) in [
            ("The SecondsPath parameter cannot be parsed as a long value: $.a == hush", "value: "),
            ("The field refers to value \"hush\" which is none", "refers to value "),
            ("The JSONPath '$.a' could not be found in the input '[\"hush\"]'", "the input '"),
            ("Invalid path '$.a' : Current context is: hush", "'$.a' : "),
            ("The Parameters '[\"hush\"]' could not be used to start the Task", "Parameters '"),
            (
                "The JSONata expression '{\"a\": $x}' specified for the field 'Output' threw an \
                 error during evaluation. D3030: Unable to cast value to a number: \"hush\"",
                "The JSONata expression '…' specified for the field 'Output' threw an error \
                 during evaluation. D3030: ",
            ),
        ] {
            let shown = logged("States.Runtime", &format!("{STATE}{said}"));
            assert!(shown.ends_with(ends) && !shown.contains("hush"), "{shown}");
        }
        assert_eq!(logged("States.Runtime", "No branch is left."), "No branch is left.");
        assert_eq!(logged("Sfn.InvalidNameException", "Invalid Name: 'hush'"), "Invalid Name: ");
        let answered = logged("States.Http.StatusCode.503", "503 Service Unavailable: hush");
        assert_eq!(answered, "503 Service Unavailable: ");
        let refused = "cannot connect to `127.0.0.1:9`: connection refused";
        assert_eq!(logged("States.Http.Socket", refused), refused);
    }

    #[test]
    fn the_head_of_a_cause_is_one_line_of_bounded_length() {
        assert_eq!(head("it is\n\u{1b}[31mred"), "it is\\n\\u{1b}[31mred");
        assert_eq!(head(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(head("not found in the input '{\"pin\":1}'"), "not found in the input '…");
        for data in ["{\"pin\":1}", "[\"pin\", 1]", "['pin']", "[1, 2", " \"pin\""] {
            assert_eq!(head(data).trim_start(), "…");
        }
        assert_eq!(head("[Errno 111] refused [1/3]"), "[Errno 111] refused [1/3]");
        assert_eq!(head("{\"errorMessage\":\"no: {1}\",\"stackTrace\":[]}"), "no: …");
        assert_eq!(head(&"ä".repeat(201)), format!("{}…", "ä".repeat(200)));
    }
}
