//! The fields of a distributed Map: where items come from, how they are batched, where results
//! go. They are checked, and no such Map is run yet.

use crate::diagnostic::Code;
use crate::jsonata::Sees;
use crate::object::{Field, Object};

/// Fields that only a distributed Map has.
pub(crate) const FIELDS: &[Field] = &[
    Field::both("ItemReader"),
    Field::both("ItemBatcher"),
    Field::both("ResultWriter"),
    Field::both("Label"),
];

/// Fields that mean something for a distributed Map only; as recorded, AWS takes them in any.
pub(crate) const TOLERANCE: &[Field] = &[
    Field::both("ToleratedFailurePercentage"),
    Field::path("ToleratedFailurePercentagePath"),
    Field::both("ToleratedFailureCount"),
    Field::path("ToleratedFailureCountPath"),
];

const READER_FIELDS: &[Field] = &[
    Field::both("Resource").required(),
    Field::path("Parameters"),
    Field::jsonata("Arguments"),
    Field::both("ReaderConfig"),
];

const READER_CONFIG_FIELDS: &[Field] = &[
    Field::both("InputType"),
    Field::both("CSVHeaderLocation"),
    Field::both("CSVHeaders"),
    Field::both("CSVDelimiter"),
    Field::both("MaxItems"),
    Field::path("MaxItemsPath"),
    Field::both("ItemsPointer"),
    Field::both("Transformation"),
    Field::both("ManifestType"),
];

const BATCHER_FIELDS: &[Field] = &[
    Field::both("MaxItemsPerBatch"),
    Field::path("MaxItemsPerBatchPath"),
    Field::both("MaxInputBytesPerBatch"),
    Field::path("MaxInputBytesPerBatchPath"),
    Field::both("BatchInput"),
];

const WRITER_FIELDS: &[Field] = &[
    Field::both("Resource"),
    Field::path("Parameters"),
    Field::jsonata("Arguments"),
    Field::both("WriterConfig"),
];

const WRITER_CONFIG_FIELDS: &[Field] = &[Field::both("Transformation"), Field::both("OutputType")];

const MAX_ITEMS: u64 = 100_000_000;
const MAX_BATCH_BYTES: u64 = 262_144;

/// What to do instead.
const REMEDY: &str =
    "distributed Maps are not served yet; use an inline Map over an array in the input";

/// Checks the fields of the distributed form. `None` if there is any, or the `Mode` asks for it: such a
/// Map is refused as a whole, once.
pub(crate) fn check(state: &Object<'_>, asked: bool) -> Option<()> {
    reader(state);
    batcher(state);
    writer(state);
    label(state);
    tolerated_failures(state);
    if asked || FIELDS.iter().any(|field| state.has(field.name())) {
        state.report().add(Code::UnsupportedFeature, state.place(), REMEDY);
        return None;
    }
    Some(())
}

fn reader(state: &Object<'_>) {
    let Some(reader) = state.object("ItemReader") else { return };
    reader.allow(&[READER_FIELDS]);
    reader.string("Resource");
    reader.expression("Parameters", Sees::default());
    reader.expression("Arguments", Sees::default());
    let Some(config) = reader.object("ReaderConfig") else { return };
    config.allow(&[READER_CONFIG_FIELDS]);
    config.at_most_one(&["MaxItems", "MaxItemsPath"]);
    let format = config.word("InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]);
    let header = config.word("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
    config.some_elements("CSVHeaders");
    suits_its_format(&config, format, header);
    config.word("CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
    // AWS accepts 0 here and fails the execution.
    config.count("MaxItems", 0, MAX_ITEMS);
    config.single_path("MaxItemsPath");
    if let Some(pointer) = config.string("ItemsPointer").filter(|it| !it.starts_with('/')) {
        let message = "Invalid input: JSON Pointer expression must start with '/'";
        config.wrong_at::<()>("ItemsPointer", format!("{message}: \"{pointer}\""));
    }
    let transformation = config.word("Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
    if transformation == Some("LOAD_AND_FLATTEN") && !config.has("InputType") {
        config.wrong("The field 'InputType' is required".to_owned());
    }
    config.word("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
}

/// Fields that only some formats have, and those that they need, as measured on AWS.
fn suits_its_format(config: &Object<'_>, format: Option<&str>, header: Option<&str>) {
    let unsupported = |name: &str| {
        if config.has(name) {
            config.wrong(format!("Field '{name}' is not supported"));
        }
    };
    match format {
        Some("CSV") => {
            if !config.has("CSVHeaderLocation") {
                config.wrong("The field 'CSVHeaderLocation' is required".to_owned());
            }
            if header == Some("GIVEN") && !config.has("CSVHeaders") {
                config.wrong("These fields are required: [CSVHeaders]".to_owned());
            }
        }
        Some("JSON" | "JSONL") => {
            unsupported("CSVHeaderLocation");
            unsupported("CSVHeaders");
        }
        Some(_) | None => {}
    }
    if format == Some("JSON") {
        unsupported("ManifestType");
    }
}

fn batcher(state: &Object<'_>) {
    let Some(batcher) = state.object("ItemBatcher") else { return };
    batcher.allow(&[BATCHER_FIELDS]);
    batcher.at_most_one(&["MaxItemsPerBatch", "MaxItemsPerBatchPath"]);
    batcher.at_most_one(&["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"]);
    batcher.count("MaxItemsPerBatch", 1, MAX_ITEMS);
    batcher.single_path("MaxItemsPerBatchPath");
    batcher.count("MaxInputBytesPerBatch", 1, MAX_BATCH_BYTES);
    batcher.single_path("MaxInputBytesPerBatchPath");
    batcher.expression("BatchInput", Sees::default());
    if !BATCHER_FIELDS
        .iter()
        .any(|field| field.name().starts_with("Max") && batcher.has(field.name()))
    {
        batcher.wrong("MaxItemsPerBatch or MaxInputBytesPerBatch is required".to_owned());
    }
}

fn writer(state: &Object<'_>) {
    let Some(writer) = state.object("ResultWriter") else { return };
    writer.allow(&[WRITER_FIELDS]);
    writer.string("Resource");
    writer.expression("Parameters", Sees::default());
    writer.expression("Arguments", Sees::default());
    if writer.entries().next().is_none() {
        state.wrong_at::<()>("ResultWriter", "Value cannot be empty".to_owned());
    }
    let Some(config) = writer.object("WriterConfig") else { return };
    config.allow(&[WRITER_CONFIG_FIELDS]);
    config.word("Transformation", &["NONE", "COMPACT", "FLATTEN"]);
    config.word("OutputType", &["JSON", "JSONL"]);
}

fn tolerated_failures(state: &Object<'_>) {
    state.at_most_one(&["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"]);
    state.at_most_one(&["ToleratedFailureCount", "ToleratedFailureCountPath"]);
    state.quantity("ToleratedFailurePercentage", 0.0, 100.0);
    state.single_path("ToleratedFailurePercentagePath");
    state.count("ToleratedFailureCount", 0, u64::MAX);
    state.single_path("ToleratedFailureCountPath");
}

/// A `Label` becomes part of ARNs.
fn label(state: &Object<'_>) {
    if let Some(mistake) = state.string("Label").and_then(label_mistake) {
        state.report().add(Code::InvalidLabelName, &state.at("Label"), mistake);
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

#[cfg(test)]
mod tests {
    use crate::tests::{check_express, check_state as check, machine_of};

    const DISTRIBUTED: &str = r#""Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;

    const REFUSED: &str = "UNSUPPORTED_FEATURE: distributed Maps are not served yet; use an inline Map over an array in the input at /States/S";

    #[test]
    fn a_map_is_refused_once() {
        check(DISTRIBUTED, REFUSED);
        check(
            &format!(r#"{DISTRIBUTED}, "Label": "l", "ToleratedFailurePercentage": 5.5"#),
            REFUSED,
        );
    }

    #[test]
    fn mistakes_are_found_all_the_same() {
        check(
            &format!(
                r#"{DISTRIBUTED}, "ItemReader": {{"Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {{"InputType": "XML", "MaxItems": -1}}}}"#
            ),
            &format!(
                "{REFUSED}
                 SCHEMA_VALIDATION_FAILED: Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST] at /States/S/ItemReader/ReaderConfig/InputType
                 SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/S/ItemReader/ReaderConfig/MaxItems"
            ),
        );
        check(
            &format!(r#"{DISTRIBUTED}, "ItemBatcher": {{}}, "ResultWriter": {{}}"#),
            &format!(
                "{REFUSED}
                 SCHEMA_VALIDATION_FAILED: MaxItemsPerBatch or MaxInputBytesPerBatch is required at /States/S/ItemBatcher
                 SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/ResultWriter"
            ),
        );
    }

    #[test]
    fn a_reader_has_the_fields_of_its_format() {
        let with = |config: &str, mistakes: &[&str]| {
            let reader = format!(
                r#"{DISTRIBUTED}, "ItemReader": {{"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {{{config}}}}}"#
            );
            let expected = mistakes.iter().fold(REFUSED.to_owned(), |all, mistake| {
                format!(
                    "{all}\nSCHEMA_VALIDATION_FAILED: {mistake} at /States/S/ItemReader/ReaderConfig"
                )
            });
            check(&reader, &expected);
        };
        with(r#""InputType": "CSV""#, &["The field 'CSVHeaderLocation' is required"]);
        with(
            r#""InputType": "CSV", "CSVHeaderLocation": "GIVEN""#,
            &["These fields are required: [CSVHeaders]"],
        );
        with(
            r#""InputType": "JSONL", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["id"]"#,
            &["Field 'CSVHeaderLocation' is not supported", "Field 'CSVHeaders' is not supported"],
        );
        with(
            r#""InputType": "JSON", "ManifestType": "ATHENA_DATA""#,
            &["Field 'ManifestType' is not supported"],
        );
        with(r#""Transformation": "LOAD_AND_FLATTEN""#, &["The field 'InputType' is required"]);
        check(
            &format!(
                r#"{DISTRIBUTED}, "ItemReader": {{"Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {{"InputType": "JSON", "ItemsPointer": "data/items"}}}}"#
            ),
            &format!(
                "{REFUSED}
                 SCHEMA_VALIDATION_FAILED: Invalid input: JSON Pointer expression must start with '/': \"data/items\" at /States/S/ItemReader/ReaderConfig/ItemsPointer"
            ),
        );
    }

    #[test]
    fn a_label_is_short_and_plain() {
        let long = "l".repeat(41);
        for (label, mistake) in [
            ("a b", "A label cannot contain ' '"),
            ("a/b", "A label cannot contain '/'"),
            ("", "A label cannot be empty"),
            (&long, "A label cannot be longer than 40 characters"),
        ] {
            check(
                &format!(r#"{DISTRIBUTED}, "Label": "{label}""#),
                &format!("{REFUSED}\nINVALID_LABEL_NAME: {mistake} at /States/S/Label"),
            );
        }
    }

    #[test]
    fn labels_are_unique_in_the_whole_machine() {
        let map =
            |next: &str| DISTRIBUTED.replace(r#""End": true"#, &format!(r#""Label": "l", {next}"#));
        let first = map(r#""Next": "T""#);
        let second = map(r#""End": true"#).replace(r#""A""#, r#""B""#);
        let text = machine_of(&first)
            .replace(r#""T": {"Type": "Succeed"}"#, &format!(r#""T": {{{second}}}"#));
        let found = crate::check(&text, crate::MachineKind::Standard);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["DUPLICATE_LABEL_NAME: Duplicate label name: l at /States/T/Label"]);
    }

    #[test]
    fn a_distributed_map_says_what_its_executions_are() {
        let text = DISTRIBUTED.replace(r#", "ExecutionType": "EXPRESS""#, "");
        check(
            &text,
            &format!(
                "{REFUSED}
                 SCHEMA_VALIDATION_FAILED: These fields are required: [ExecutionType] at /States/S/ItemProcessor/ProcessorConfig"
            ),
        );
    }

    #[test]
    fn express_machines_are_not_distributed() {
        check_express(
            &machine_of(DISTRIBUTED),
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support Map states in DISTRIBUTED mode at /States/S/ItemProcessor/ProcessorConfig/Mode",
        );
    }
}
