//! What the log says of executions that ended badly.

use machine::Identity;
use store::{Ending, Status};

/// Most characters of a cause that are logged: it may be what a function answered.
const CAUSE_CHARACTERS: usize = 200;

/// Says that an execution failed or timed out, and of what; of others nothing.
pub(crate) fn tell(identity: &Identity, ending: &Ending) {
    let arn = &identity.arn;
    match ending.status {
        Status::Failed => tracing::info!(
            execution.arn = arn,
            state = ending.failed_state,
            error = ending.error.as_deref().map(head),
            cause = cause(ending),
            "execution `{arn}` failed"
        ),
        Status::TimedOut => {
            tracing::info!(execution.arn = arn, "execution `{arn}` timed out");
        }
        Status::Running | Status::Succeeded | Status::Aborted => {}
    }
}

/// The head of the cause.
fn cause(ending: &Ending) -> Option<String> {
    let cause = ending.cause.as_deref()?;
    let is_own = ending.error.as_deref().is_some_and(|error| error.starts_with("States."));
    Some(if is_own { head(without_data(cause)) } else { head(cause) })
}

/// What the engine itself says of a failure, up to where it quotes what it found in the data.
fn without_data(cause: &str) -> &str {
    const QUOTED_AFTER: [&str; 4] = ["input '", " == ", "value ", ": "];
    // The state and the event come first: `… (entered at the event id #2). …`.
    let begins = cause.find("). ").map_or(0, |at| at + 3);
    let ends =
        QUOTED_AFTER.iter().filter_map(|mark| Some(cause[begins..].find(mark)? + mark.len()));
    ends.min().map_or(cause, |end| &cause[..begins + end])
}

/// The head of a text, on one line. What looks like JSON is left out: it may be of an input or an output.
/// Of what a Lambda function says of its failure, the message is kept.
fn head(text: &str) -> String {
    let message = serde_json::from_str::<Said>(text).map(|said| said.message);
    let text = message.as_deref().unwrap_or(text);
    let (text, has_data) = text.find('{').map_or((text, false), |at| (&text[..at], true));
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

/// What a Lambda function says of its failure.
#[derive(serde::Deserialize)]
struct Said {
    #[serde(rename = "errorMessage")]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_logged_without_the_data_that_it_quotes() {
        const STATE: &str =
            "An error occurred while executing the state 'A' (entered at the event id #2). ";
        for (said, logged) in [
            ("The SecondsPath parameter cannot be parsed as a long value: $.a == hush", "value: "),
            ("The field refers to value \"hush\" which is none", "refers to value "),
            ("The JSONPath '$.a' could not be found in the input '[\"hush\"]'", "the input '"),
            ("Invalid path '$.a' : Current context is: hush", "'$.a' : "),
        ] {
            let cause = format!("{STATE}{said}");
            let shown = without_data(&cause);
            assert!(shown.ends_with(logged) && !shown.contains("hush"), "{shown}");
        }
        assert_eq!(without_data("No branch is left."), "No branch is left.");
    }

    #[test]
    fn the_head_of_a_cause_is_one_line_of_bounded_length() {
        assert_eq!(head("it is\n\u{1b}[31mred"), "it is\\n\\u{1b}[31mred");
        assert_eq!(head(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(head("not found in the input '{\"pin\":1}'"), "not found in the input '…");
        assert_eq!(head("{\"pin\":1}"), "…");
        assert_eq!(head("{\"errorMessage\":\"no: {1}\",\"stackTrace\":[]}"), "no: …");
        assert_eq!(head(&"ä".repeat(201)), format!("{}…", "ä".repeat(200)));
    }
}
