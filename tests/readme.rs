//! What the READMEs tell a reader to type: commands, flags and paths that are really there.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::server::{server_path, workspace};

const FILES: [&str; 2] = ["README.md", "definitions/README.md"];

/// Where `statewright dev` serves the REST API.
const SERVER: &str = "localhost:8083";

/// The lines of the shell blocks, continued ones joined, without comments.
fn shell_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut block = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            block += line.split(" # ").next().expect("split gives one part").trim_end();
            block.push('\n');
        }
    }
    block.replace("\\\n", " ").lines().map(str::to_owned).collect()
}

/// What stands between backticks in the text around the blocks.
fn code_in_prose(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    prose.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The words after `statewright`, or after the `cargo run --` that stands for it.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after_cargo = words.windows(3).position(|three| three == ["cargo", "run", "--"]);
    let start = match after_cargo {
        Some(at) => at + 3,
        None => words.iter().position(|word| *word == "statewright")? + 1,
    };
    Some(words[start..].to_vec())
}

fn help(commands: &[&str]) -> String {
    let output = Command::new(server_path().unwrap())
        .args(commands)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help text lists; empty for a command that takes arguments instead.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.is_empty());
    listed.filter_map(|line| line.split_whitespace().next()).collect()
}

/// The first of these words that the program does not know.
fn unknown_word(words: &[&str]) -> Option<String> {
    let mut path = Vec::new();
    let mut text = help(&path);
    for word in words {
        if word.starts_with("--") {
            let flag = word.split('=').next().expect("split gives one part");
            let mut flags = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
            if !flags.any(|known| known == flag) {
                return Some((*word).to_owned());
            }
        } else if !commands(&text).is_empty() {
            if !commands(&text).contains(word) {
                return Some((*word).to_owned());
            }
            path.push(word);
            text = help(&path);
        }
    }
    None
}

/// The method and path that a line's curl asks the server for.
fn asked_by_curl(line: &str) -> Option<(String, String)> {
    let words: Vec<&str> =
        line.split_whitespace().skip_while(|word| !word.ends_with("curl")).collect();
    let url = words.iter().find_map(|word| word.trim_matches(['\'', '"']).strip_prefix(SERVER))?;
    let named = words.iter().position(|word| *word == "-X").map(|at| words[at + 1]);
    let method = named.unwrap_or(if words.contains(&"-d") { "POST" } else { "GET" });
    Some((method.to_owned(), url.to_owned()))
}

/// `METHOD /path`, where `…` may stand for the path's beginning.
fn asked_in_prose(code: &str) -> Option<(String, String)> {
    let (method, path) = code.split_once(' ')?;
    let is_method = ["GET", "POST", "PUT", "DELETE"].contains(&method);
    (is_method && path.starts_with(['/', '…'])).then(|| (method.to_owned(), path.to_owned()))
}

fn is_served(openapi: &Value, method: &str, path: &str) -> bool {
    let path = path.split('?').next().expect("split gives one part");
    let asked: Vec<&str> = path.split('/').collect();
    openapi["paths"].as_object().unwrap().iter().any(|(template, methods)| {
        let known: Vec<&str> = template.split('/').collect();
        // Compared from the end, so that `…` may stand for any number of segments.
        let abridged = asked[0] == "…";
        let compared = if abridged { asked.len() - 1 } else { known.len() };
        let mut pairs = known.iter().rev().zip(asked.iter().rev()).take(compared);
        (abridged || known.len() == asked.len())
            && methods.get(method.to_lowercase()).is_some()
            && pairs.all(|(known, asked)| known == asked || (!abridged && known.starts_with('{')))
    })
}

#[test]
fn what_the_readmes_say_to_type_is_there() {
    let openapi = serde_json::from_str(include_str!("api/openapi.json")).unwrap();
    let (mut complaints, mut commands, mut requests) = (Vec::new(), 0, 0);
    for file in FILES {
        let text = fs::read_to_string(workspace().join(file)).unwrap();
        let (lines, prose) = (shell_lines(&text), code_in_prose(&text));
        for words in lines.iter().chain(&prose).filter_map(|line| arguments(line)) {
            commands += 1;
            if let Some(word) = unknown_word(&words) {
                complaints.push(format!("{file}: `{word}` of `{}`", words.join(" ")));
            }
        }
        let typed = lines.iter().filter_map(|line| asked_by_curl(line));
        for (method, path) in typed.chain(prose.iter().filter_map(|code| asked_in_prose(code))) {
            requests += 1;
            if !is_served(&openapi, &method, &path) {
                complaints.push(format!("{file}: `{method} {path}`"));
            }
        }
    }
    assert!(complaints.is_empty(), "not there:\n{}", complaints.join("\n"));
    // Whoever finds nothing complains of nothing.
    assert!(commands >= 6 && requests >= 15, "found {commands} commands, {requests} requests");
}
