//! The fields of a distributed Map: where items come from, how they are batched, where results go.

use crate::object::{Field, Object};
use crate::parse::Parser;

pub(super) const FIELDS: &[Field] = &[
    Field::both("ItemReader"),
    Field::both("ItemBatcher"),
    Field::both("ResultWriter"),
    Field::both("Label"),
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
pub(super) const REMEDY: &str =
    "distributed Maps are not served yet; use an inline Map over an array in the input";

/// Checks the fields of the distributed form. `None` if there is any.
pub(super) fn check(state: &Object<'_>, parser: &mut Parser) -> Option<()> {
    reader(state);
    batcher(state);
    writer(state);
    super::label(state, parser);
    tolerated_failures(state);
    let mut inline = Some(());
    for field in FIELDS {
        if state.has(field.name()) {
            inline = state.unsupported(field.name(), REMEDY);
        }
    }
    inline
}

fn reader(state: &Object<'_>) {
    let Some(reader) = state.object("ItemReader") else { return };
    reader.allow(&[READER_FIELDS]);
    reader.string("Resource");
    reader.template("Parameters");
    let Some(config) = reader.object("ReaderConfig") else { return };
    config.allow(&[READER_CONFIG_FIELDS]);
    config.at_most_one(&["MaxItems", "MaxItemsPath"]);
    config.word("InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]);
    config.word("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
    config.array("CSVHeaders");
    config.word("CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
    config.whole("MaxItems", 1, MAX_ITEMS);
    config.single_path("MaxItemsPath");
    config.string("ItemsPointer");
    config.word("Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
    config.word("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
}

fn batcher(state: &Object<'_>) {
    let Some(batcher) = state.object("ItemBatcher") else { return };
    batcher.allow(&[BATCHER_FIELDS]);
    batcher.at_most_one(&["MaxItemsPerBatch", "MaxItemsPerBatchPath"]);
    batcher.at_most_one(&["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"]);
    batcher.whole("MaxItemsPerBatch", 1, MAX_ITEMS);
    batcher.single_path("MaxItemsPerBatchPath");
    batcher.whole("MaxInputBytesPerBatch", 1, MAX_BATCH_BYTES);
    batcher.single_path("MaxInputBytesPerBatchPath");
    batcher.template("BatchInput");
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
    writer.template("Parameters");
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
    state.number("ToleratedFailurePercentage", 0.0, 100.0);
    state.single_path("ToleratedFailurePercentagePath");
    state.whole("ToleratedFailureCount", 0, u64::MAX);
    state.single_path("ToleratedFailureCountPath");
}
