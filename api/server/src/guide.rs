//! What `dev` says: what is there and what to do next, or why it does nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use axum::Router;
use serde_json::Value;

use crate::database_url::DatabaseUrl;
use crate::demo::functions_at;
use crate::deploy;
use crate::dev::{Machine, NamedBy};

/// Where the data is.
pub(crate) enum Place {
    /// In an embedded Postgres.
    Own {
        /// The folder of its files.
        folder: PathBuf,
        /// The demo functions that are not provided.
        left: Vec<&'static str>,
    },
    /// In a database of the person's.
    Given(DatabaseUrl),
}

/// Where it is served.
pub(crate) struct Served {
    /// By its address.
    pub(crate) url: String,
    /// By a name for which a prefix of AWS's SDKs resolves, too, if there is one here.
    pub(crate) prefixed: Option<String>,
}

/// A state machine that is there, and its input to try it with.
struct There<'a> {
    name: &'a str,
    arn: String,
    input: &'a str,
}

/// What is there and what to do next, to be pasted. Of these state machines and their schedules it
/// names those that are there.
///
/// # Errors
/// The database is away.
pub(crate) async fn guide(
    router: &Router,
    served: &Served,
    region: &str,
    place: &Place,
    machines: &[Machine],
) -> anyhow::Result<String> {
    let url = &*served.url;
    let (mut there, mut schedules) = (Vec::new(), String::new());
    for Machine { name, input, schedule, .. } in machines {
        let path = format!("/v1/state-machines/{}", deploy::in_path(name));
        let found = deploy::find(router, &path).await?;
        if let Some(machine) = found.filter(|machine| machine["status"] == "ACTIVE") {
            let arn = machine["arn"].as_str().context("a state machine has no `arn`")?.to_owned();
            there.push(There { name, arn, input });
        }
        if schedule.is_some() {
            let path = format!("/v1/schedules/{}", deploy::in_path(name));
            if let Some(schedule) = deploy::find(router, &path).await? {
                schedules += &about_schedule(url, name, &schedule);
            }
        }
    }
    let mut text = heading(served, place, &there, machines);
    if let Some(machine) = there.last() {
        text += &to_start(url, region, machine);
    }
    text += &schedules;
    text += "\nCtrl-C stops it; what was running goes on at the next start.\n";
    Ok(text)
}

fn heading(served: &Served, place: &Place, there: &[There<'_>], wanted: &[Machine]) -> String {
    let Served { url, prefixed } = served;
    let database = match place {
        Place::Own { folder, .. } => format!("embedded Postgres in {}", folder.display()),
        Place::Given(url) => url.to_string(),
    };
    let names: Vec<&str> = there.iter().map(|machine| machine.name).collect();
    let machines = if !names.is_empty() {
        names.join(", ")
    } else if wanted.is_empty() {
        "none deployed: `dev FILE` deploys a definition; samples are for the embedded Postgres"
            .to_owned()
    } else {
        "the samples are deleted, and stay so: `dev FILE` deploys a definition".to_owned()
    };
    let mut text = format!(
        "\nstatewright {} serves on {url}\n  \
         database        {database}\n  \
         state machines  {machines}\n",
        env!("CARGO_PKG_VERSION"),
    );
    if let Place::Own { left, .. } = place
        && !left.is_empty()
    {
        let left = left.join(", ");
        let _ = writeln!(text, "  demo functions  but these, which you changed or deleted: {left}");
    }
    let _ = writeln!(text, "  documentation   {url}/openapi.json");
    if let Some(prefixed) = prefixed {
        let _ = writeln!(
            text,
            "  AWS SDKs        {prefixed}, where their `sync-` prefix resolves, too"
        );
    }
    text
}

/// How to start it, in three ways.
fn to_start(url: &str, region: &str, machine: &There<'_>) -> String {
    let arn = quoted(&machine.arn);
    let path = deploy::in_path(machine.name);
    let input = compact(machine.input);
    let body = quoted(&format!(r#"{{"input":{input}}}"#));
    let (input, boto3) = (quoted(&input), quoted(&boto3(url, region)));
    format!(
        "\nStart an execution with curl:\n  \
         curl -sS {url}/v1/state-machines/{path}/executions -H 'content-type: application/json' -d {body}\n\
         \nand list them:\n  \
         curl -sS '{url}/v1/executions?state_machine={path}'\n\
         \nThe same with the AWS CLI:\n  \
         AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws stepfunctions start-execution \
         --endpoint-url {url} --region {region} --state-machine-arn {arn} --input {input}\n\
         \nand with boto3:\n  \
         python3 -c {boto3} {arn} {input}\n"
    )
}

/// When it starts something by itself, and how to have it at once.
fn about_schedule(url: &str, name: &str, schedule: &Value) -> String {
    let path = deploy::in_path(name);
    let mut text = match (schedule["next_due_at"].as_str(), schedule["state"].as_str()) {
        (Some(at), _) => format!("\nSchedule {name} is due next at {at}. "),
        (None, Some("paused")) => format!(
            "\nSchedule {name} is paused. Let it fire again:\n  \
             curl -sS -X POST {url}/v1/schedules/{path}/resume\n"
        ),
        (None, _) => format!("\nSchedule {name} is over. "),
    };
    let _ = write!(
        text,
        "Run it now, and see what became of it:\n  \
         curl -sS -X POST {url}/v1/schedules/{path}/run\n  \
         curl -sS {url}/v1/schedules/{path}/firings\n"
    );
    text
}

/// Why `dev` does nothing to this database, and the two ways on: what it would deploy in this one if
/// it were told to, and what in its own.
pub(crate) fn untold(
    url: &DatabaseUrl,
    named_by: NamedBy,
    deployed_there: &[Machine],
    deployed_in_own: &[Machine],
) -> String {
    let (what, value, without) = match named_by {
        NamedBy::Variable(name) => {
            (format!("`{name}`"), format!("\"${name}\""), format!("unset {name}"))
        }
        NamedBy::File => (
            "`database_url` in the configuration file".to_owned(),
            "URL".to_owned(),
            "take `database_url` out of the configuration file".to_owned(),
        ),
    };
    let (there, in_own) = (listed(deployed_there), listed(deployed_in_own));
    let functions: Vec<&str> = functions_at(0).map(|function| function.name).collect();
    let functions = functions.join(", ");
    format!(
        "error: {what} names a database that `dev` did not make: {url}\n\
         Nothing was done to it. There are two ways on.\n\n\
         To use it: statewright dev --database-url {value}\n  \
         would migrate its schema to this release, run what is in it, and deploy\n\
         {there}    \
         functions       -\n\n\
         To leave it alone, and work on an embedded Postgres: {without}\n  \
         deploys there, samples and demo functions only once,\n\
         {in_own}    \
         functions       {functions}\n"
    )
}

/// The names of these state machines and of their schedules.
fn listed(machines: &[Machine]) -> String {
    let list = |names: Vec<&str>| if names.is_empty() { "-".into() } else { names.join(", ") };
    let with_schedule = machines.iter().filter(|machine| machine.schedule.is_some());
    format!(
        "    state machines  {}\n    schedules       {}\n",
        list(machines.iter().map(|machine| machine.name.as_str()).collect()),
        list(with_schedule.map(|machine| machine.name.as_str()).collect()),
    )
}

fn boto3(url: &str, region: &str) -> String {
    format!(
        "import boto3, sys; \
         sfn = boto3.client(\"stepfunctions\", endpoint_url=\"{url}\", region_name=\"{region}\", \
         aws_access_key_id=\"local\", aws_secret_access_key=\"local\"); \
         print(sfn.start_execution(stateMachineArn=sys.argv[1], input=sys.argv[2])[\"executionArn\"])"
    )
}

/// JSON on one line.
fn compact(json: &str) -> String {
    serde_json::from_str::<Value>(json).map_or_else(|_| "{}".to_owned(), |value| value.to_string())
}

/// One argument for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_name_for_which_the_prefix_resolves_is_printed_where_there_is_one() {
        let place = Place::Given(DatabaseUrl::from("postgres://db/x".to_owned()));
        let url = "http://127.0.0.1:8083".to_owned();
        let mut served = Served { url, prefixed: None };
        assert!(!heading(&served, &place, &[], &[]).contains("AWS SDKs"));
        served.prefixed = Some("http://statewright.localhost:8083".to_owned());
        let text = heading(&served, &place, &[], &[]);
        let line = "  AWS SDKs        http://statewright.localhost:8083, where their `sync-` prefix \
                    resolves, too\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_database_that_was_not_meant_is_left_alone_with_what_would_be_done_and_without_secrets() {
        let url = DatabaseUrl::from("postgres://me:hush@db/x?password=hush".to_owned());
        let text = untold(&url, NamedBy::Variable("DATABASE_URL"), &[], &crate::dev::samples());
        for part in [
            "error: `DATABASE_URL` names a database that `dev` did not make: postgres://me@db/x?…",
            "statewright dev --database-url \"$DATABASE_URL\"",
            "unset DATABASE_URL",
            "migrate its schema",
            "state machines  -\n",
            "trip_saga",
            "schedules       nightly_report\n",
            "charge-card",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.contains("hush"), "{text}");
    }
}
