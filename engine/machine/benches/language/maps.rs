//! Maps over ever more items, whose `ItemSelector` reads what there is to read, and Maps of which all
//! that is open fails. CPU must grow as the items do: the last column is what an item of the largest
//! Map costs beside one of the smallest.

use std::time::Instant;

use asl::Payload;
use machine::{Failure, Stimulus};

use crate::run::Language::{self, JsonPath, Jsonata};
use crate::run::{Run, best, program, seconds};

const ITEMS: [usize; 3] = [1_000, 10_000, 40_000];

/// What each Map says beside its processor. Its input is `{"k": 1, "in": {"k": 1, "list": […]}}`.
const SELECTORS: [(Language, &str, &str); 13] = [
    (JsonPath, "nothing", r#""ItemsPath": "$.in.list","#),
    (JsonPath, "$.k", r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$.k"},"#),
    (
        JsonPath,
        "$$.Map.Item.Value",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Map.Item.Value"},"#,
    ),
    (
        JsonPath,
        "$$.Execution.Name",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Execution.Name"},"#,
    ),
    (
        JsonPath,
        "$$.Execution.Input.in.k",
        r#""ItemsPath": "$.in.list", "ItemSelector": {"v.$": "$$.Execution.Input.in.k"},"#,
    ),
    (
        JsonPath,
        "InputPath $.in, and $.k",
        r#""InputPath": "$.in", "ItemsPath": "$.list", "ItemSelector": {"v.$": "$.k"},"#,
    ),
    (
        JsonPath,
        "InputPath $.in, $$.Map.Item.Value",
        r#""InputPath": "$.in", "ItemsPath": "$.list", "ItemSelector": {"v.$": "$$.Map.Item.Value"},"#,
    ),
    (
        JsonPath,
        "InputPath $.in[*], and $[0]",
        r#""InputPath": "$.in[*]", "ItemsPath": "$[1]", "ItemSelector": {"v.$": "$[0]"},"#,
    ),
    (Jsonata, "JSONata: nothing", r#""Items": "{% $states.input.in.list %}","#),
    (
        Jsonata,
        "JSONata: $states.input.k",
        r#""Items": "{% $states.input.in.list %}", "ItemSelector": {"v": "{% $states.input.k %}"},"#,
    ),
    (
        Jsonata,
        "JSONata: Map.Item.Value",
        r#""Items": "{% $states.input.in.list %}",
           "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},"#,
    ),
    (
        Jsonata,
        "JSONata: Execution.Input.in.k",
        r#""Items": "{% $states.input.in.list %}",
           "ItemSelector": {"v": "{% $states.context.Execution.Input.in.k %}"},"#,
    ),
    (
        Jsonata,
        "JSONata: selector of one expression",
        r#""Items": "{% $states.input.in.list %}",
           "ItemSelector": "{% {'v': $states.context.Map.Item.Value.id, 'k': $states.input.k} %}","#,
    ),
];

fn items(count: usize) -> String {
    let items: Vec<String> =
        (0..count).map(|id| format!(r#"{{"id":{id},"n":"xxxxxxxxxxxxxxxxxxxx"}}"#)).collect();
    format!("[{}]", items.join(","))
}

/// Opens a task for each item, and lets one fail: the seconds until all are given up.
fn failing(count: usize) -> f64 {
    let task = r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;
    let program = program(JsonPath, r#""ItemsPath": "$.list","#, task).expect("it compiles");
    let input = Payload::from_text(format!(r#"{{"list":{}}}"#, items(count))).expect("it is JSON");
    let mut run = Run::start(&program, input, count);
    let task = run.first_task.expect("there are tasks");
    let stimulus = Stimulus::TaskFailed { task, failure: Failure::new("Torn", "it is") };
    let began = Instant::now();
    run.happen(stimulus);
    assert!(run.execution.ending().is_some(), "one failed iteration fails the Map");
    began.elapsed().as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "there are 40,000 at most")]
fn line(what: &str, seconds: [f64; ITEMS.len()]) {
    let each: Vec<f64> =
        seconds.iter().zip(ITEMS).map(|(s, items)| s * 1e6 / items as f64).collect();
    let growth = each[ITEMS.len() - 1] / each[0];
    let shown: Vec<String> = seconds.iter().map(|s| format!("{:>10.1}", s * 1e3)).collect();
    println!("{what:<38}{}{growth:>10.2}", shown.concat());
}

pub(crate) fn print() {
    println!("\nMaps, in milliseconds");
    let heads: Vec<String> = ITEMS.iter().map(|items| format!("{items:>10}")).collect();
    println!("{:<38}{}{:>10}", "ItemSelector", heads.concat(), "growth");
    for (language, what, selector) in SELECTORS {
        match program(language, selector, r#""Type": "Pass""#) {
            Ok(program) => line(
                what,
                ITEMS.map(|count| {
                    let input = format!(r#"{{"k":1,"in":{{"k":1,"list":{}}}}}"#, items(count));
                    best(|| seconds(&program, &input))
                }),
            ),
            Err(why) => println!("{what:<38}skipped: {why}"),
        }
    }
    line("all open tasks are given up", ITEMS.map(|count| best(|| failing(count))));
}
