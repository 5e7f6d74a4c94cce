//! Map: runs its processor once for each item. The distributed form is checked and not run yet.

use crate::MachineKind;
use crate::diagnostic::Code;
use crate::object::{Field, Object};
use crate::parse::{Parser, Transitions};
use crate::path::Path;
use crate::program::{Map, MaxConcurrency, StateId};
use crate::retry;

mod distributed;

const FIELDS: &[Field] = &[
    Field::both("ItemProcessor"),
    Field::both("Iterator"),
    Field::path("ItemsPath"),
    Field::jsonata("Items"),
    Field::both("ItemSelector"),
    Field::both("MaxConcurrency"),
    Field::path("MaxConcurrencyPath"),
];

const PROCESSOR_FIELDS: &[Field] = &[
    Field::both("StartAt").required(),
    Field::both("States").required(),
    Field::both("ProcessorConfig"),
    Field::both("Comment"),
];

const CONFIG_FIELDS: &[Field] = &[Field::both("Mode"), Field::both("ExecutionType")];

pub(super) fn read(
    state: &Object<'_>,
    transitions: &Transitions<'_>,
    parser: &mut Parser,
) -> Option<Map> {
    state.allow(&[
        super::COMMON,
        super::FLOW,
        super::DATA,
        super::RESULT,
        super::ERRORS,
        FIELDS,
        distributed::FIELDS,
    ]);
    let input_path = state.filter("InputPath");
    let items_path = items_path(state);
    let item_selector = item_selector(state);
    let max_concurrency = max_concurrency(state);
    let processor = processor(state, parser);
    let inline = distributed::check(state, parser);
    let result_selector = state.template("ResultSelector");
    let result_path = state.result_path();
    let output_path = state.filter("OutputPath");
    let retry = retry::retriers(state);
    let catch = retry::catchers(state, transitions);
    let next = transitions.next(state);
    inline?;
    Some(Map {
        input_path: input_path?,
        items_path: items_path?,
        item_selector: item_selector?,
        max_concurrency: max_concurrency?,
        processor: processor?,
        result_selector: result_selector?,
        result_path: result_path?,
        output_path: output_path?,
        retry: retry?,
        catch: catch?,
        next: next?,
    })
}

fn items_path(state: &Object<'_>) -> Option<Path> {
    if state.has("ItemsPath") {
        return state.single_path("ItemsPath");
    }
    Some(Path::parse("$").expect("`$` is a path"))
}

#[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
fn item_selector(state: &Object<'_>) -> Option<Option<crate::template::Template>> {
    state.at_most_one(&["ItemSelector", "Parameters"]);
    if state.has("ItemSelector") {
        state.template("ItemSelector")
    } else {
        state.template("Parameters")
    }
}

fn max_concurrency(state: &Object<'_>) -> Option<MaxConcurrency> {
    state.at_most_one(&["MaxConcurrency", "MaxConcurrencyPath"]);
    if state.has("MaxConcurrencyPath") {
        return state.single_path("MaxConcurrencyPath").map(MaxConcurrency::Path);
    }
    if !state.has("MaxConcurrency") {
        return Some(MaxConcurrency::Fixed(0));
    }
    state.whole("MaxConcurrency", 0, u64::MAX).map(MaxConcurrency::Fixed)
}

fn processor(state: &Object<'_>, parser: &mut Parser) -> Option<StateId> {
    state.exactly_one(&["ItemProcessor", "Iterator"]);
    let name = if state.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
    let processor = state.object(name)?;
    processor.allow(&[PROCESSOR_FIELDS]);
    processor.string("Comment");
    let inline = config(&processor, parser.kind);
    let start = parser.scope(&processor);
    inline?;
    start
}

/// `ProcessorConfig`, if it asks for an inline Map.
fn config(processor: &Object<'_>, kind: MachineKind) -> Option<()> {
    if !processor.has("ProcessorConfig") {
        return Some(());
    }
    let config = processor.object("ProcessorConfig")?;
    config.allow(&[CONFIG_FIELDS]);
    let mode = config.word("Mode", &["INLINE", "DISTRIBUTED"]);
    config.word("ExecutionType", &["STANDARD", "EXPRESS"]);
    if mode == Some("DISTRIBUTED") {
        if kind == MachineKind::Express {
            let message = "Express state machine does not support Map states in DISTRIBUTED mode";
            config.wrong_at::<()>("Mode", message.to_owned());
        }
        if !config.has("ExecutionType") {
            config.wrong("These fields are required: [ExecutionType]".to_owned());
        }
        return config.unsupported("Mode", distributed::REMEDY);
    }
    Some(())
}

/// A `Label` becomes part of ARNs.
fn label(state: &Object<'_>, parser: &mut Parser) {
    let Some(label) = state.string("Label") else { return };
    let place = state.at("Label");
    let report = state.report();
    if let Some(mistake) = label_mistake(label) {
        report.add(Code::InvalidLabelName, &place, mistake);
    } else if !parser.labels.insert(label.to_owned()) {
        report.add(Code::DuplicateLabelName, &place, format!("Duplicate label name: {label}"));
    }
}

fn label_mistake(label: &str) -> Option<String> {
    const MAX_CHARS: usize = 40;
    const FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"/";
    if label.is_empty() {
        return Some("A label cannot be empty".to_owned());
    }
    if label.chars().count() > MAX_CHARS {
        return Some(format!("A label cannot be longer than {MAX_CHARS} characters"));
    }
    label
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || FORBIDDEN.contains(*c))
        .map(|c| format!("A label cannot contain {c:?}"))
}
