//! Map: runs its processor once for each item.

use crate::MachineKind;
use crate::definition::Target;
use crate::distributed_map;
use crate::jsonata::Sees;
use crate::object::{Field, Language, Object};
use crate::parse::Parser;
use crate::path::Path;
use crate::program::{Expression, Items, Map, MaxConcurrency};
use crate::retry;

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

pub(super) fn read(state: &Object<'_>, parser: &mut Parser) -> Option<Map<Target>> {
    state.allow(&[
        super::COMMON,
        super::FLOW,
        super::DATA,
        super::RESULT,
        super::ERRORS,
        FIELDS,
        distributed_map::FIELDS,
        distributed_map::TOLERANCE,
    ]);
    let items = items(state);
    let item_selector = item_selector(state);
    let max_concurrency = max_concurrency(state);
    let (processor, distributed) = processor(state, parser);
    let inline = distributed_map::check(state, distributed);
    let retry = retry::retriers(state);
    let catch = retry::catchers(state);
    let next = state.next();
    inline?;
    Some(Map {
        items: items?,
        item_selector: item_selector?,
        max_concurrency: max_concurrency?,
        processor: processor?,
        retry: retry?,
        catch: catch?,
        next: next?,
    })
}

fn items(state: &Object<'_>) -> Option<Items> {
    if state.language() == Language::Jsonata {
        return state.expression("Items", Sees::default()).map(Items::Query);
    }
    if state.has("ItemsPath") {
        return state.single_path("ItemsPath").map(Items::Path);
    }
    Some(Items::Path(Path::parse("$").expect("`$` is a path")))
}

#[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
fn item_selector(state: &Object<'_>) -> Option<Option<Expression>> {
    state.at_most_one(&["ItemSelector", "Parameters"]);
    if state.has("ItemSelector") {
        state.expression("ItemSelector", Sees::default())
    } else {
        state.expression("Parameters", Sees::default())
    }
}

fn max_concurrency(state: &Object<'_>) -> Option<MaxConcurrency> {
    state.at_most_one(&["MaxConcurrency", "MaxConcurrencyPath"]);
    if state.has("MaxConcurrencyPath") {
        return state.single_path("MaxConcurrencyPath").map(MaxConcurrency::Path);
    }
    match state.value("MaxConcurrency") {
        None => return Some(MaxConcurrency::Fixed(0)),
        Some(value) if state.is_expression(value) => {
            return state.query("MaxConcurrency", Sees::default()).map(MaxConcurrency::Query);
        }
        Some(_) => {}
    }
    state.whole("MaxConcurrency", 0, u64::MAX).map(MaxConcurrency::Fixed)
}

/// Where an iteration begins, and whether the Map is to be distributed.
fn processor(state: &Object<'_>, parser: &mut Parser) -> (Option<Target>, bool) {
    state.exactly_one(&["ItemProcessor", "Iterator"]);
    let name = if state.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
    let Some(processor) = state.object(name) else { return (None, false) };
    processor.allow(&[PROCESSOR_FIELDS]);
    processor.string("Comment");
    let distributed = is_distributed(&processor, parser.kind);
    (parser.scope(&processor).map(Target::StartOf), distributed)
}

/// Whether `ProcessorConfig` asks for a distributed Map.
fn is_distributed(processor: &Object<'_>, kind: Option<MachineKind>) -> bool {
    let Some(config) = processor.object("ProcessorConfig") else { return false };
    config.allow(&[CONFIG_FIELDS]);
    let mode = config.word("Mode", &["INLINE", "DISTRIBUTED"]);
    config.word("ExecutionType", &["STANDARD", "EXPRESS"]);
    if mode == Some("DISTRIBUTED") {
        if kind == Some(MachineKind::Express) {
            let message = "Express state machine does not support Map states in DISTRIBUTED mode";
            config.wrong_at::<()>("Mode", message.to_owned());
        }
        if !config.has("ExecutionType") {
            config.wrong("These fields are required: [ExecutionType]".to_owned());
        }
    }
    mode == Some("DISTRIBUTED")
}

#[cfg(test)]
mod tests {
    use crate::program::{Items, MaxConcurrency, StateKind};
    use crate::tests::{check_state as check, program_of};

    const PROCESSOR: &str =
        r#""ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;

    #[test]
    fn a_map_has_its_defaults() {
        let program = program_of(&format!(r#""Type": "Map", "End": true, {PROCESSOR}"#));
        let StateKind::Map(map) = &program.state(program.find("S").unwrap()).kind else {
            panic!("a map");
        };
        assert!(matches!(map.max_concurrency, MaxConcurrency::Fixed(0)));
        assert!(matches!(&map.items, Items::Path(path) if path.is_whole()));
        assert_eq!(Some(map.processor), program.find("A"));
    }

    #[test]
    fn the_older_names_are_read() {
        check(
            r#""Type": "Map", "End": true, "Parameters": {"a.$": "$$.Map.Item.Value"},
               "Iterator": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#,
            "",
        );
    }

    #[test]
    fn one_processor_one_selector_one_limit() {
        check(
            r#""Type": "Map", "End": true"#,
            "SCHEMA_VALIDATION_FAILED: This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/S",
        );
        check(
            &format!(
                r#""Type": "Map", "End": true, {PROCESSOR}, "ItemSelector": {{}}, "Parameters": {{}},
                   "MaxConcurrency": 1, "MaxConcurrencyPath": "$.a""#
            ),
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [Parameters, ItemSelector] at /States/S
             SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath] at /States/S",
        );
    }

    #[test]
    fn a_limit_is_a_number() {
        check(
            &format!(r#""Type": "Map", "End": true, {PROCESSOR}, "MaxConcurrency": -1"#),
            "SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/S/MaxConcurrency",
        );
    }

    #[test]
    fn items_come_from_one_place() {
        check(
            &format!(r#""Type": "Map", "End": true, {PROCESSOR}, "ItemsPath": "$.a[*]""#),
            "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: only names and indexes are allowed at /States/S/ItemsPath",
        );
        check(
            &format!(r#""Type": "Map", "End": true, {PROCESSOR}, "ItemsPath": null"#),
            "SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/S/ItemsPath",
        );
    }
}
