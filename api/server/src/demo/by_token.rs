//! Demo functions whose tasks end by their token: a person who decides, a job of hours.

use std::time::Duration;

use axum::Router;
use axum::http::Method;
use serde_json::{Value, json};

use super::text;
use crate::deploy;

/// What the demo's approver decides on; above that it refuses.
const MOST_APPROVED: u64 = 1000;
/// How often the API is asked again while the database is away.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(200);

/// How a task goes on after its call has been answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ByToken {
    /// What the call itself is answered with.
    pub said: Value,
    /// Heartbeats that are sent before the task ends.
    pub beats: u32,
    /// The pause before each of them.
    pub pause: Duration,
    /// The task's output; `None` if a person is to give it.
    pub output: Option<Value>,
}

/// A function of this kind.
pub(super) type Function = fn(&Value) -> ByToken;

/// By name.
pub(super) const FUNCTIONS: [(&str, Function); 2] =
    [("ask-for-approval", ask_for_approval), ("transcode-video", transcode_video)];

/// The approver `demo` decides at once; anybody else has to do it.
fn ask_for_approval(question: &Value) -> ByToken {
    let decided = (text(&question["approver"]) == "demo").then(|| {
        let amount = question["expense"]["amount"].as_u64().unwrap_or(0);
        if amount > MOST_APPROVED {
            let reason = format!("{amount} is more than the demo approves");
            return json!({ "approved": false, "reason": reason });
        }
        json!({ "approved": true })
    });
    let said = json!({ "asked": question["approver"] });
    ByToken { said, beats: 0, pause: Duration::ZERO, output: decided }
}

/// Takes so long for each minute of the video, and says after each that it is still at it.
fn transcode_video(order: &Value) -> ByToken {
    let minutes = order["minutes"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(1);
    let seconds = order["secondsPerMinute"].as_f64().unwrap_or(60.0);
    let pause = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_mins(1));
    let address = format!("https://videos.example.com/{}.mp4", text(&order["video"]));
    let output = json!({ "address": address, "minutes": minutes });
    ByToken { said: Value::Null, beats: minutes, pause, output: Some(output) }
}

/// Does what is to be done with a token, by the public API, as any program would.
pub(super) async fn go_on(api: Router, token: String, work: ByToken) {
    for _ in 0..work.beats {
        tokio::time::sleep(work.pause).await;
        if !say(&api, &token, "heartbeat", &Value::Null).await {
            return;
        }
    }
    if let Some(output) = work.output {
        say(&api, &token, "success", &output).await;
    }
}

/// Tries until it is heard; whether the task still waits for more.
async fn say(api: &Router, token: &str, what: &str, body: &Value) -> bool {
    let path = format!("/v1/tasks/{}/{what}", deploy::in_path(token));
    for _ in 0..ATTEMPTS {
        match deploy::send(api, Method::POST, &path, body.to_string()).await {
            Ok((status, _)) if status.is_success() => return true,
            // The task is over, or there never was one.
            Ok((status, _)) if status.is_client_error() && status.as_u16() != 429 => return false,
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_approves_what_is_cheap_and_leaves_the_rest_to_people() {
        let ask = |approver: &str, amount: u64| {
            ask_for_approval(&json!({ "approver": approver, "expense": { "amount": amount } }))
                .output
        };
        assert_eq!(ask("demo", 1000), Some(json!({ "approved": true })));
        assert_eq!(ask("demo", 1001).map(|it| it["approved"].clone()), Some(json!(false)));
        assert_eq!(ask("Jo", 1), None);
    }

    #[test]
    fn a_nonsensical_order_does_not_panic() {
        for order in [json!(null), json!({ "minutes": -1, "secondsPerMinute": 1e300 })] {
            assert_eq!(transcode_video(&order).pause, Duration::from_mins(1), "{order}");
        }
    }
}
