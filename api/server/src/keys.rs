//! `statewright keys`: access keys are made, listed and revoked; sealing keys are made and changed.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use store::{AccessKey, ListedAccessKey, NewAccessKey, Scope, SealingKeys, Store};

mod place;

use crate::configuration::{check_account, scope};
use crate::exit::Exit;
use crate::sealing;

pub use place::PlaceArgs;

use place::Place;

/// Longest note.
const NOTE_BYTES: usize = 256;
/// Access keys read at once.
const PAGE: i64 = 500;

/// What is to be done with keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeysCommand {
    /// Make an access key; its secret is printed once and cannot be shown again
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List the access keys, without their secrets
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Revoke an access key: every node refuses it from now on
    ///
    /// Exit code 1: there is none of this id.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// The key's id, as `statewright keys list` shows it
        id: String,
    },
    /// Make a sealing key, which the secrets in a database are sealed with
    #[command(after_help = SEALING_KEY_EXAMPLES)]
    NewSealingKey {
        /// A file to write it to, for its owner alone; one that is there already stays as it is
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Seal every secret in the database with the first sealing key; safe while nodes run
    #[command(after_help = RESEAL_STEPS)]
    Reseal,
}

const CREATE_EXAMPLES: &str = "\
Examples:
  statewright keys create --note 'deploys from CI' --expires 90d
  statewright keys create --account 210987654321 --scope read
  statewright keys create --scope run --format json | jq -r .bearer

Whoever has the key acts for its account: with the AWS CLI and SDKs by id and secret, over REST by
`Authorization: Bearer ID.SECRET`.";

const LIST_EXAMPLES: &str = "\
Examples:
  statewright keys list --database-url postgres://user@host/db
  statewright keys list --account 210987654321 --format json";

const REVOKE_EXAMPLES: &str = "\
Examples:
  statewright keys revoke SWKAAAAAAAAAAAAAAAAA
  statewright keys revoke SWKAAAAAAAAAAAAAAAAA --data-dir ./data";

const SEALING_KEY_EXAMPLES: &str = "\
Examples:
  statewright keys new-sealing-key --out /etc/statewright/sealing-key
  export STATEWRIGHT_SEALING_KEY=$(statewright keys new-sealing-key)

Any 32 random bytes do, as base64 or hexadecimal digits: `openssl rand -base64 32`. Without the key
the secrets in the database are lost: keep a copy of it elsewhere.";

const RESEAL_STEPS: &str = "\
Examples:
  statewright keys reseal --sealing-key-file /etc/statewright/sealing-key

To change the sealing key of a database, nodes may be restarted one by one at each step:
  1. every node gets the new key as its second (a further line of the file)
  2. every node gets the new key as its first
  3. statewright keys reseal
  4. every node loses the old key";

/// The access key to be made.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The account it is for: twelve digits [default: the configured account]
    #[arg(long)]
    account: Option<String>,
    /// What it allows: `read`, `run` (also start and stop executions, answer for tasks) or `admin`
    /// (everything)
    #[arg(long, default_value = "admin", value_parser = scope)]
    scope: Scope,
    /// When it ends: after `90d` (or `w`, `h`, `m`), or at `2027-01-31T09:00:00Z`; never by default
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// What to remember it by
    #[arg(long, default_value = "")]
    note: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Which access keys are to be listed.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only those of this account
    #[arg(long)]
    account: Option<String>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How something is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// For a person.
    Text,
    /// For a script.
    Json,
}

/// Does what was asked at this time.
///
/// # Errors
/// The database is away or has another sealing key; an argument is not one.
pub async fn obey(
    command: KeysCommand,
    place: PlaceArgs,
    now: DateTime<Utc>,
) -> anyhow::Result<Exit> {
    if let KeysCommand::NewSealingKey { out } = command {
        return new_sealing_key(out);
    }
    let place = place.open().await?;
    let done = on(&command, &place, now).await;
    place.close().await;
    done
}

async fn on(command: &KeysCommand, place: &Place, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    match command {
        KeysCommand::Create(args) => create(args, place, now).await,
        KeysCommand::List(args) => list(args, &place.store, now).await,
        KeysCommand::Revoke { id } => revoke(id, &place.store).await,
        KeysCommand::Reseal => reseal(place).await,
        KeysCommand::NewSealingKey { .. } => Ok(Exit::Usage),
    }
}

fn new_sealing_key(out: Option<PathBuf>) -> anyhow::Result<Exit> {
    let Some(file) = out else {
        println!("{}", SealingKeys::generate().reveal());
        return Ok(Exit::Done);
    };
    if sealing::make(&file)? {
        println!("made `{}`; keep a copy of it elsewhere", file.display());
    } else {
        println!("`{}` is there already, and stays as it is", file.display());
    }
    Ok(Exit::Done)
}

async fn create(args: &CreateArgs, place: &Place, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    let account = args.account.clone().unwrap_or_else(|| place.account.clone());
    check_account(&account)?;
    ensure!(args.note.len() <= NOTE_BYTES, "`--note` is to be {NOTE_BYTES} bytes at most");
    let expires_at = args.expires.as_deref().map(|text| expiry(text, now)).transpose()?;
    let store = place.unlocked().await?;
    let note = args.note.clone();
    let new = NewAccessKey { account, scope: args.scope, note, created_at: now, expires_at };
    let key = store.create_access_key(&new).await.map_err(sealing::told)?;
    match args.format {
        Format::Text => print!("{}", made_as_text(&key)),
        Format::Json => println!("{}", made_as_json(&key, &new)),
    }
    Ok(Exit::Done)
}

fn made_as_text(key: &AccessKey) -> String {
    let AccessKey { id, account, scope, secret, expires_at, .. } = key;
    let (scope, secret) = (scope.as_str(), secret.reveal());
    let end = expires_at
        .map_or_else(|| "never ends by itself".to_owned(), |at| format!("ends at {}", spelled(at)));
    format!(
        "Access key of account {account}; its scope is `{scope}`; it {end}.\n\
         \n  id      {id}\n  secret  {secret}\n\
         \nThe secret is not shown again. To use it with the AWS CLI, boto3 and every AWS SDK:\n  \
         export AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}\n\
         \nand over REST:\n  \
         curl -H 'authorization: Bearer {id}.{secret}' http://127.0.0.1:8083/v1/state-machines\n"
    )
}

fn made_as_json(key: &AccessKey, new: &NewAccessKey) -> Value {
    json!({
        "id": key.id,
        "secret": key.secret.reveal(),
        "bearer": format!("{}.{}", key.id, key.secret.reveal()),
        "account": key.account,
        "scope": key.scope.as_str(),
        "note": new.note,
        "created_at": spelled(new.created_at),
        "expires_at": key.expires_at.map(spelled),
    })
}

async fn list(args: &ListArgs, store: &Store, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    let account = args.account.as_deref();
    account.map_or(Ok(()), check_account)?;
    let mut keys: Vec<ListedAccessKey> = Vec::new();
    // Each page begins after the last key of the one before, so that there is an end.
    loop {
        let after = keys.last().map(|key| (key.account.as_str(), key.id.as_str()));
        let page = store.access_keys(account, after, PAGE).await.map_err(sealing::told)?;
        let is_last = page.is_empty();
        keys.extend(page);
        if is_last {
            break;
        }
    }
    match args.format {
        Format::Text => print!("{}", list_as_text(&keys, now)),
        Format::Json => println!("{}", list_as_json(&keys, now)),
    }
    Ok(Exit::Done)
}

fn list_as_text(keys: &[ListedAccessKey], now: DateTime<Utc>) -> String {
    if keys.is_empty() {
        return "there are no access keys; `statewright keys create` makes one\n".to_owned();
    }
    let mut text =
        format!("{:<20}  {:<12}  {:<5}  {:<20}  STATE\n", "ID", "ACCOUNT", "SCOPE", "CREATED");
    for key in keys {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {}", spelled(at)),
            (None, Some(at)) if at <= now => format!("expired {}", spelled(at)),
            (None, Some(at)) => format!("good until {}", spelled(at)),
            (None, None) => "good".to_owned(),
        };
        // A note is its maker's: what is no character of a line must not move the cursor.
        let note: String = key.note.chars().filter(|c| !c.is_control()).collect();
        let (scope, created) = (key.scope.as_str(), spelled(key.created_at));
        let line = format!("{}  {}  {scope:<5}  {created}  {state}  {note}", key.id, key.account);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn list_as_json(keys: &[ListedAccessKey], now: DateTime<Utc>) -> Value {
    let shown = |key: &ListedAccessKey| {
        let is_good = key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end);
        json!({
            "id": key.id,
            "account": key.account,
            "scope": key.scope.as_str(),
            "note": key.note,
            "created_at": spelled(key.created_at),
            "expires_at": key.expires_at.map(spelled),
            "revoked_at": key.revoked_at.map(spelled),
            "is_good": is_good,
        })
    };
    keys.iter().map(shown).collect()
}

async fn revoke(id: &str, store: &Store) -> anyhow::Result<Exit> {
    let known = store.revoke_access_key(id).await.map_err(sealing::told)?;
    ensure!(
        known,
        "there is no access key `{id}` in the database; `statewright keys list` shows them. One of \
         the configuration is revoked by taking it out there"
    );
    println!("revoked `{id}`");
    Ok(Exit::Done)
}

async fn reseal(place: &Place) -> anyhow::Result<Exit> {
    let store = place.unlocked().await?;
    let done = store.reseal().await.map_err(sealing::told)?;
    println!("sealed {} secrets anew", done.secrets);
    for id in done.retired {
        println!("nothing is sealed with the key `{id}` any more: no node needs it");
    }
    Ok(Exit::Done)
}

/// When a key ends: after a time, or at one.
fn expiry(text: &str, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    let expected = || {
        format!(
            "`--expires` is `{text}`, expected a time from now such as `90d`, `12h`, `4w`, or a \
             later time such as `2027-01-31T09:00:00Z`"
        )
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        ensure!(at > now, expected());
        return Ok(at.to_utc());
    }
    let unit = text.char_indices().next_back().with_context(expected)?;
    let seconds = match unit.1 {
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        'w' => 7 * 86400,
        _ => 0,
    };
    let number: i64 = text[..unit.0].parse().ok().with_context(expected)?;
    let delta = number.checked_mul(seconds).and_then(TimeDelta::try_seconds);
    let delta = delta.filter(|delta| delta.num_seconds() > 0).with_context(expected)?;
    // Postgres and RFC 3339 know no later year.
    let end = now.checked_add_signed(delta);
    end.filter(|end| end.timestamp() < LATEST).with_context(expected)
}

/// The beginning of the year 10000.
const LATEST: i64 = 253_402_300_800;

fn spelled(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_key_ends_after_a_time_or_at_one() {
        let now = at(1_800_000_000);
        let ends = |text: &str| expiry(text, now).ok().map(|end| (end - now).num_seconds());
        assert_eq!(ends("90d"), Some(90 * 86400));
        assert_eq!(ends("12h"), Some(12 * 3600));
        assert_eq!(ends("1w"), Some(7 * 86400));
        assert_eq!(ends("30m"), Some(1800));
        assert_eq!(ends("2027-01-15T09:00:00+01:00"), None, "that is now");
        assert_eq!(ends("2027-01-16T08:00:00Z"), Some(86400));
        let wrong =
            ["", "d", "0d", "-1d", "90", "90y", "d90", "9ä", "9999999w", "99999999999999999d"];
        for text in wrong.into_iter().chain(["2020-01-01T00:00:00Z", "+10000-01-01T00:00:00Z"]) {
            assert_eq!(ends(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_says_which_keys_are_good_and_keeps_to_its_lines() {
        let key = |revoked, expires: Option<i64>, note: &str| ListedAccessKey {
            id: "SWKAAAAAAAAAAAAAAAAA".to_owned(),
            account: "123456789012".to_owned(),
            scope: Scope::Run,
            note: note.to_owned(),
            created_at: at(0),
            expires_at: expires.map(at),
            revoked_at: revoked,
        };
        let keys = [
            key(None, None, "a\u{1b}[2J\nb"),
            key(None, Some(5), ""),
            key(None, Some(10), ""),
            key(Some(at(1)), Some(5), ""),
        ];
        let text = list_as_text(&keys, at(5));
        let states: Vec<&str> = text.lines().skip(1).map(|line| &line[65..]).collect();
        assert_eq!(
            states,
            [
                "good  a[2Jb",
                "expired 1970-01-01T00:00:05Z",
                "good until 1970-01-01T00:00:10Z",
                "revoked 1970-01-01T00:00:01Z",
            ]
        );
        let good: Vec<bool> = list_as_json(&keys, at(5))
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["is_good"] == true)
            .collect();
        assert_eq!(good, [true, false, true, false]);
    }
}
