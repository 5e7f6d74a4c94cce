//! `statewright help`: examples that can be typed, and every variable beside its flag.

use std::collections::BTreeSet;

use tests::server::workspace;

use super::{Folder, run, statewright, stderr, stdout};

/// Every command, as its parents' help lists it; the program itself first.
fn commands() -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut at = 0;
    while let Some(parent) = commands.get(at).cloned() {
        at += 1;
        let text = help(&words(&parent));
        let Some((_, listed)) = text.split_once("\nCommands:\n") else { continue };
        for line in listed.lines().take_while(|line| !line.is_empty()) {
            // What is said of a command goes on further to the right.
            let name = line.strip_prefix("  ").filter(|name| !name.starts_with(' '));
            let name = name.and_then(|name| name.split(' ').next());
            if let Some(name) = name.filter(|name| *name != "help") {
                commands.push([&parent[..], &[name.to_owned()]].concat());
            }
        }
    }
    commands
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

/// The help of a command, on one line for each flag.
fn help(command: &[&str]) -> String {
    let output = run(&[command, &["--help"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

/// The names of the variables that a help tells of.
fn variables(help: &str) -> BTreeSet<String> {
    let beside_flags = help.split("[env: ").skip(1).filter_map(|it| it.split(']').next());
    let below = help.split_once("Environment:").map(|(_, below)| below);
    let text: Vec<&str> = beside_flags.chain(below).collect();
    names_in(&text.join(" "))
}

/// What may be the name of a variable in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_name = |word: &&str| {
        word.len() > 4
            && word.contains('_')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_examples_that_can_be_typed() {
    let folder = Folder::new();
    let mut examples = 0;
    let commands = commands();
    for expected in ["serve", "keys reseal", "schedule preview"] {
        assert!(commands.iter().any(|command| command.join(" ") == expected), "{commands:?}");
    }
    for command in &commands {
        let command = &words(command)[..];
        let text = help(command);
        let (_, after) = text.split_once("Examples:\n").unwrap_or_else(|| panic!("{text}"));
        for line in after.lines().take_while(|line| !line.is_empty()) {
            let (_, arguments) = line.split_once("statewright ").expect("a call of the program");
            let ends = ["   ", " < ", " > ", " | "];
            let end = ends.iter().filter_map(|end| arguments.find(end)).min();
            let mut arguments = &arguments[..end.unwrap_or(arguments.len())];
            if line.contains("$(") {
                arguments = arguments.trim_end_matches(')');
            }
            // Read by a shell, as it would be typed; `--help` at the end has it read and not done.
            let script = format!("printf '%s\\n' {arguments}");
            let words = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            let words = stdout(&words);
            let words: Vec<&str> = words.lines().collect();
            assert!(words.starts_with(command), "{line}");
            let named = words.iter().filter(|word| word.starts_with("--")).copied();
            let flags = help(&words[..usize::min(words.len(), command.len().max(1))]);
            for flag in named {
                assert!(flags.contains(flag), "`{flag}` of `{line}`");
            }
            let asked = statewright(&[&words[..], &["--help"]].concat())
                .current_dir(folder.path(""))
                .output()
                .unwrap();
            assert_eq!(asked.status.code(), Some(0), "{line}: {}", stderr(&asked));
            examples += 1;
        }
    }
    assert!(examples >= 15, "{examples} examples");
}

#[test]
fn every_setting_is_shown_with_its_variables_where_they_are_heard() {
    for command in ["dev", "serve", "migrate"] {
        let text = help(&[command]).split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "[env: STATEWRIGHT_CONFIG]",
            "[env: STATEWRIGHT_LISTEN]",
            "[env: STATEWRIGHT_DATABASE_URL, or DATABASE_URL]",
            "[env: STATEWRIGHT_LAMBDA_ENDPOINT, or AWS_ENDPOINT_URL_LAMBDA]",
            "[env: STATEWRIGHT_LOG_LEVEL]",
        ] {
            assert!(text.contains(said), "`{said}` of `{command}`: {text}");
        }
        // Every flag that a file can set, the variable can set too.
        let flags = text.split(" --").skip(1).filter_map(|it| it.split([' ', ',', '[']).next());
        let without = [
            "help",
            "version",
            "no-migrate",
            "data-dir",
            "function",
            "substitution",
            "substitution`",
            "substitutions",
        ];
        for flag in flags.filter(|flag| !without.contains(flag)) {
            let name = format!("STATEWRIGHT_{}", flag.replace('-', "_").to_uppercase());
            assert!(text.contains(&name), "`{name}` of `{command}`: {text}");
        }
    }
    let text = help(&["keys", "list"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["CONFIG", "DATABASE_URL, or DATABASE_URL", "SEALING_KEY_FILE"] {
        assert!(text.contains(&format!("[env: STATEWRIGHT_{name}]")), "`{name}` of `keys`: {text}");
    }
    // `run` hears none of them but the keys of the database that it is given.
    let heard = ["PG_BIN_DIR", "STATEWRIGHT_SEALING_KEY", "STATEWRIGHT_SEALING_KEY_FILE"];
    assert_eq!(variables(&help(&["run"])), heard.map(str::to_owned).into());
}

#[test]
fn a_shown_variable_is_heard_and_its_value_is_not_shown() {
    let asked = statewright(&["serve", "--help"])
        .env("STATEWRIGHT_DATABASE_URL", "postgres://me:hush-hush@db/x")
        .env("STATEWRIGHT_LISTEN", "hush-hush")
        .output()
        .unwrap();
    assert!(!stdout(&asked).contains("hush-hush"), "{}", stdout(&asked));
    let heard = statewright(&["serve"]).env("STATEWRIGHT_LANES", "many").output().unwrap();
    let said = stderr(&heard);
    assert!(said.contains("`STATEWRIGHT_LANES` is `many`, expected a whole number"), "{said}");
}

#[test]
fn every_variable_of_the_help_is_in_the_readme() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    for command in commands() {
        for name in variables(&help(&words(&command))) {
            assert!(readme.contains(&format!("`{name}`")), "`{name}` of {command:?}");
        }
    }
}

#[test]
fn every_variable_of_the_readmes_settings_is_in_the_help_of_who_hears_it() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, settings) = readme.split_once("\n### Configuration\n").unwrap();
    let (settings, _) = settings.split_once("\n### ").unwrap();
    let named: BTreeSet<String> =
        settings.split('`').skip(1).step_by(2).flat_map(names_in).collect();
    assert!(named.len() > 30 && named.contains("STATEWRIGHT_ACCESS_KEYS"), "{named:?}");
    let (dev, serve) = (help(&["dev"]), help(&["serve"]));
    for name in named {
        let is_of_dev = ["PG_BIN_DIR", "XDG_DATA_HOME"].contains(&&*name);
        assert!(names_in(&dev).contains(&name), "`{name}` of `dev`");
        assert!(is_of_dev || names_in(&serve).contains(&name), "`{name}` of `serve`");
    }
}

#[test]
fn a_level_that_is_none_is_refused_with_the_names_of_all() {
    let refused = run(&["serve", "--log-level", "warning"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    let text = help(&["serve"]).split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["off", "error", "warn", "info", "debug", "trace"] {
        assert!(
            said.contains(&format!("`{name}`")) && text.contains(&format!("`{name}`")),
            "{said}"
        );
    }
}
