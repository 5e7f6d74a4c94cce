//! A run that is over: its log, and the story it tells.

use machine::{Event, EventKind, Execution};

/// A run that is over.
pub(super) struct Ended {
    pub(super) log: Vec<Event>,
    /// The execution as it was in memory at the end.
    pub(super) memory: Execution,
    pub(super) turns: u64,
    pub(super) lines: Vec<String>,
}

impl Ended {
    /// How it ended: its last event, but for the number of the frame that failed, which tells who came
    /// first.
    pub(super) fn ending(&self) -> Option<EventKind> {
        let mut ending = self.log.last()?.kind.clone();
        if let EventKind::ExecutionFailed { place, .. } = &mut ending {
            *place = None;
        }
        Some(ending)
    }

    /// What the user sees, without times, and in an order that does not depend on which
    /// branch was faster.
    pub(super) fn story(&self) -> Vec<String> {
        let view = machine::history::View { region: "us-east-1", with_data: true };
        let mut story: Vec<String> = self
            .log
            .iter()
            .filter_map(|event| view.show(event))
            // A token that was used before the call was answered leaves no trace of the answer, and
            // shifts the numbers that tokens are made of.
            .filter(|shown| shown.name != "TaskSubmitted")
            .map(|shown| without_numbers(&format!("{} {:?}", shown.name, shown.details)))
            .collect();
        story.sort();
        story
    }

    pub(super) fn transcript(&self) -> String {
        self.lines.join("\n")
    }
}

/// The text with every token the same.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split("token-");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str("token");
        whole.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    whole
}
