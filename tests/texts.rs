//! Every text that tells a user what went wrong is shown by a test of this repository. The texts are
//! read from the sources, so that none is forgotten: whoever writes a new one shows it in a test,
//! and that is all there is to do.

mod literals;

use std::fs;
use std::path::Path;

use tests::server::workspace;

use crate::tidy::files;
use literals::Literals;

/// Where errors, causes, diagnostics and refusals are worded.
const ROOMS: [&str; 6] = [
    "engine/asl/src/",
    "engine/machine/src/",
    "engine/runtime/src/perform.rs",
    "engine/runtime/src/perform/",
    "engine/runtime/src/fire/",
    "api/http/src/",
];

/// Where errors and diagnostics have their names: every word of these files is told.
const NAMES: [&str; 2] = ["engine/asl/src/diagnostic.rs", "api/http/src/error.rs"];

/// Where sentences are for logs alone.
const LOGS: [&str; 2] =
    ["api/http/src/connections/presence.rs", "engine/runtime/src/perform/lack.rs"];
/// What describes the API stands word for word in `api/openapi.json`, which a test holds up to date.
const DESCRIPTIONS: [&str; 2] = ["api/http/src/rest/document.rs", "api/http/src/rest/security.rs"];

/// Tests that need data from outside, or make up texts, show nothing.
const NO_SHOW: [&str; 3] = ["tests/conformance/", "tests/texts.rs", "tests/texts/"];

/// JSONata and regular expressions of our own: nobody reads them as texts.
const PROGRAMS: [&str; 4] = [
    "engine/asl/src/jsonata/enclose.rs",
    "engine/asl/src/jsonata/guards.rs",
    "engine/asl/src/jsonata/rewrite.rs",
    "engine/asl/src/path/pattern.rs",
];

/// Texts that no test shows, each with the reason why. Keep it short.
const UNSHOWN: [(&str, &str); 13] = [
    ("`{other}` is not an action", "the router has no other"),
    ("the query cannot be read: {}", "pairs of texts are read from any query"),
    ("the request body was cut off", "who cut it off hears no answer"),
    ("no text", "of a panic, for the log"),
    ("Schedule group {name} is being deleted.", "it takes a group of ten thousands of schedules"),
    ("a thousand firings of this schedule wait already", "the engine is faster than a test asks"),
    ("The value of 'Result' is nested too deeply", "a definition is no deeper than data"),
    ("the state is not under way", "nothing happens to a frame that is gone"),
    ("the engine did not answer; it is tried again", "the next attempt has another reason"),
    ("the engine has too much to do; it is tried again", "the next attempt has another reason"),
    ("ServiceQuotaExceededException", "nothing has a quota of AWS's yet"),
    ("the port of the call is not known", "every call says its port"),
    ("no call can be made from this node: {why}", "a client without certificates can be made"),
];

/// A text, and the file that has it.
struct Text {
    path: String,
    text: String,
}

/// The texts of the rooms, and what the tests say: a line each.
fn read_all() -> (Vec<Text>, Vec<String>) {
    let root = workspace();
    let (mut texts, mut shown) = (Vec::new(), Vec::new());
    for file in files(&root, ".rs") {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        if NO_SHOW.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let literals = if is_of_tests(Path::new(&path)) {
            Literals::of_tests(&text)
        } else {
            Literals::of_code(&text)
        };
        shown.extend(literals.of_tests.iter().flat_map(|text| text.lines()).map(spaced));
        let describes =
            [&DESCRIPTIONS[..], &LOGS, &PROGRAMS].iter().any(|list| list.contains(&path.as_str()));
        if !describes && ROOMS.iter().any(|room| path.starts_with(room)) {
            let lines = literals.of_code.iter().flat_map(|text| text.lines());
            let has_names = NAMES.contains(&path.as_str());
            let told = lines.map(spaced).filter(|text| is_told(text, has_names));
            texts.extend(told.map(|text| Text { path: path.clone(), text }));
        }
    }
    // Transcripts and snapshots, and the tests that are scripts.
    for ending in [".txt", ".json", ".py", ".sh"] {
        for file in files(&root.join("tests"), ending) {
            let path = file.strip_prefix(&root).unwrap();
            if !NO_SHOW.iter().any(|start| path.starts_with(start)) {
                let text = fs::read_to_string(&file).unwrap().replace('\\', "");
                shown.extend(text.lines().map(spaced));
            }
        }
    }
    (texts, shown)
}

/// Whether a file has nothing but tests.
fn is_of_tests(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// With one space where there is any.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether it is a sentence or a part of one, or the name of an error; not a word of the program.
fn is_told(text: &str, is_name: bool) -> bool {
    let names = ["States.", "Statewright.", "Lambda."];
    let letters = pieces(text).concat().chars().filter(|it| it.is_alphabetic()).count();
    letters > 2
        && (is_name || text.contains(' ') || names.iter().any(|start| text.starts_with(start)))
}

/// What stands between the places of a text that are filled in.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut depth = 0;
    for character in text.replace("{{", "\u{1}").replace("}}", "\u{2}").chars() {
        match (character, depth) {
            ('{', _) => depth += 1,
            ('}', 1) => {
                depth = 0;
                pieces.push(String::new());
            }
            ('}', _) => {}
            (_, 0) => pieces.last_mut().expect("there is one").push(match character {
                '\u{1}' => '{',
                '\u{2}' => '}',
                other => other,
            }),
            _ => {}
        }
    }
    pieces.iter().map(|piece| piece.trim().to_owned()).collect()
}

/// Whether the line has all the pieces, in their order.
fn shows(line: &str, pieces: &[String]) -> bool {
    let mut rest = line;
    pieces.iter().all(|piece| {
        let found = rest.find(piece.as_str());
        rest = found.map_or("", |at| &rest[at + piece.len()..]);
        found.is_some()
    })
}

#[test]
fn every_text_is_shown_by_a_test() {
    let (texts, shown) = read_all();
    assert!(texts.len() > 400, "only {} texts were found", texts.len());
    let mut wrong = Vec::new();
    for Text { path, text } in &texts {
        let pieces = pieces(text);
        let is_shown = shown.iter().any(|line| shows(line, &pieces));
        let is_excused = UNSHOWN.iter().any(|(unshown, _)| unshown == text);
        match (is_shown, is_excused) {
            (false, false) => wrong.push(format!("{path}: no test shows `{text}`")),
            (true, true) => wrong.push(format!("{path}: a test shows `{text}`; strike it off")),
            _ => {}
        }
    }
    for (unshown, _) in UNSHOWN {
        if !texts.iter().any(|it| it.text == unshown) {
            wrong.push(format!("UNSHOWN: nothing says `{unshown}`; strike it off"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} texts:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}

#[test]
fn a_text_is_found_with_its_places_filled_in() {
    let shown = |text: &str, line: &str| shows(line, &pieces(text));
    assert!(shown("`{name}` is {} of {{1}}", "there: `x` is none of {1}"));
    assert!(!shown("`{name}` is {} of {{1}}", "`x` is {1}"));
    assert!(shown("{why:?}: no", "\"a\": no"));
}
