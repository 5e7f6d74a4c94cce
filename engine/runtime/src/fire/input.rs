//! What the execution of a firing gets as its input.

use asl::Payload;
use serde_json::json;
use store::{Attempt, Firing, Schedule};

use super::name;

/// The input of one attempt, or why there is none. Placeholders are replaced wherever they
/// stand, as AWS does; without an input AWS sends a notification.
pub(super) fn input(
    schedule: &Schedule,
    firing: &Firing,
    attempt: &Attempt,
    region: &str,
    longest: usize,
) -> Result<Payload, String> {
    let said = Said::new(schedule, firing, attempt.number, region);
    let text = match &attempt.input {
        None => said.notification(schedule, region),
        Some(text) => said.replace(text),
    };
    if text.len() > longest {
        return Err(format!("the input is {} bytes long, and {longest} is the most", text.len()));
    }
    Payload::from_text(text).map_err(|why| format!("the input is not JSON: {why}"))
}

/// What placeholders stand for.
struct Said {
    schedule_arn: String,
    scheduled_time: String,
    execution_id: String,
    attempt_number: String,
    schedule_name: String,
}

impl Said {
    fn new(schedule: &Schedule, firing: &Firing, attempt: i32, region: &str) -> Self {
        let Schedule { account, group, name, .. } = schedule;
        Self {
            schedule_arn: format!("arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}"),
            scheduled_time: firing.key.due_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            execution_id: name::attempt_id(firing, attempt).to_string(),
            attempt_number: attempt.to_string(),
            schedule_name: name.clone(),
        }
    }

    /// One pass over the text: what a placeholder stands for is not looked at again.
    fn replace(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            replaced.push_str(&rest[..start]);
            rest = &rest[start..];
            let known = self
                .known()
                .into_iter()
                .find_map(|(placeholder, value)| Some((rest.strip_prefix(placeholder)?, value)));
            // What is no placeholder stays as it is, its `<` first.
            let (behind, value) = known
                .map_or((&rest[1..], "<".to_owned()), |(behind, value)| (behind, escaped(value)));
            replaced.push_str(&value);
            rest = behind;
        }
        replaced.push_str(rest);
        replaced
    }

    fn known(&self) -> [(&'static str, &str); 5] {
        [
            ("<aws.scheduler.schedule-arn>", &self.schedule_arn),
            ("<aws.scheduler.scheduled-time>", &self.scheduled_time),
            ("<aws.scheduler.execution-id>", &self.execution_id),
            ("<aws.scheduler.attempt-number>", &self.attempt_number),
            ("<statewright.schedule-name>", &self.schedule_name),
        ]
    }

    /// What AWS sends where no input is set.
    fn notification(&self, schedule: &Schedule, region: &str) -> String {
        json!({
            "version": "0",
            "id": self.execution_id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": schedule.account,
            "time": self.scheduled_time,
            "region": region,
            "resources": [self.schedule_arn],
            "detail": "{}",
        })
        .to_string()
    }
}

/// The text as it may stand inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
