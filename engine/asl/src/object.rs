//! Reads the fields of one JSON object of a definition and reports what is wrong with them.

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use crate::definition::Target;
use crate::diagnostic::{Code, Place, Report};
use crate::expression::Expression;
use crate::flow::{Filter, ResultPath};
use crate::java;
use crate::jsonata::{self, Query, Refusal, Sees};
use crate::path::{Path, ReferencePath};
use crate::program::Next;
use crate::template::{MistakeKind, Template};
use crate::warnings;

/// What `QueryLanguage` may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    JsonPath,
    Jsonata,
}

/// A field that an object may have: a row in the tables that open the files of `states`.
pub(crate) struct Field {
    name: &'static str,
    only: Option<Language>,
    required: bool,
}

impl Field {
    /// A field of both query languages.
    pub(crate) const fn both(name: &'static str) -> Self {
        Self { name, only: None, required: false }
    }

    /// A field of JSONPath states.
    pub(crate) const fn path(name: &'static str) -> Self {
        Self { name, only: Some(Language::JsonPath), required: false }
    }

    /// A field of JSONata states.
    pub(crate) const fn jsonata(name: &'static str) -> Self {
        Self { name, only: Some(Language::Jsonata), required: false }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// One JSON object of a definition, at its place.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    place: Place<'a>,
    report: &'a Report,
    language: Language,
}

impl<'a> Object<'a> {
    /// The object at this place, if it is one.
    pub(crate) fn new(
        value: &'a Value,
        place: Place<'a>,
        report: &'a Report,
        language: Language,
    ) -> Option<Self> {
        if let Value::Object(map) = value {
            return Some(Self { map, place, report, language });
        }
        report.add(Code::SchemaValidationFailed, &place, of_type("Object"));
        None
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    pub(crate) fn in_language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    pub(crate) fn report(&self) -> &'a Report {
        self.report
    }

    pub(crate) fn place(&self) -> &Place<'a> {
        &self.place
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    /// Reports fields that no table lists, fields of the other query language, and the absence
    /// of required ones.
    pub(crate) fn allow(&self, tables: &[&[Field]]) {
        self.allow_beside(&[], tables);
    }

    /// [`Self::allow`], where these fields may be there too.
    pub(crate) fn allow_beside(&self, others: &[&str], tables: &[&[Field]]) {
        for name in self.map.keys().filter(|name| !others.contains(&name.as_str())) {
            match tables.iter().copied().flatten().find(|field| field.name == name) {
                None => self.wrong(format!("Field '{name}' is not supported")),
                Some(field) => self.check_language(field),
            }
        }
        let missing: Vec<&str> = tables
            .iter()
            .copied()
            .flatten()
            .filter(|field| field.required && field.only.is_none_or(|it| it == self.language))
            .map(|field| field.name)
            .filter(|name| !self.has(name))
            .collect();
        if !missing.is_empty() {
            self.wrong(format!("These fields are required: [{}]", listed(&missing)));
        }
    }

    fn check_language(&self, field: &Field) {
        let Some(only) = field.only else { return };
        if only != self.language {
            let (set, other) = match only {
                Language::JsonPath => ("JSONata", "JSONPath"),
                Language::Jsonata => ("JSONPath", "JSONata"),
            };
            self.wrong(format!(
                "The QueryLanguage is set to '{set}', but field '{}' is only supported for the \
                 '{other}' QueryLanguage",
                field.name
            ));
        }
    }

    /// At most one of these.
    pub(crate) fn at_most_one(&self, names: &[&str]) {
        if names.iter().filter(|name| self.has(name)).count() > 1 {
            self.wrong(too_many(names));
        }
    }

    /// One of these, no more.
    pub(crate) fn exactly_one(&self, names: &[&str]) {
        if !names.iter().any(|name| self.has(name)) {
            self.wrong(too_few(names));
        }
        self.at_most_one(names);
    }

    pub(crate) fn string(&self, name: &str) -> Option<&'a str> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            _ => self.wrong_at(name, of_type("String")),
        }
    }

    /// The state that this field names.
    pub(crate) fn target(&self, name: &str) -> Option<Target> {
        self.string(name).map(|name| Target::Named(name.into()))
    }

    /// Where a state with `Next` or `End` goes. An `End` that is false is as good as none.
    pub(crate) fn next(&self) -> Option<Next<Target>> {
        const NAMES: [&str; 2] = ["Next", "End"];
        let end = self.boolean("End");
        match (self.has("Next"), self.has("End") && end != Some(false)) {
            (true, true) => self.wrong(too_many(&NAMES)),
            (false, false) => self.wrong(too_few(&NAMES)),
            (true, false) | (false, true) => {}
        }
        let target = self.target("Next").map(Next::State);
        if end == Some(true) && !self.has("Next") { Some(Next::End) } else { target }
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            _ => self.wrong_at(name, of_type("Boolean")),
        }
    }

    /// A whole number in this range.
    pub(crate) fn whole(&self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.value(name)?;
        if self.is_expression(value) {
            return None;
        }
        let Some(number) = value.as_number().and_then(whole) else {
            return self.wrong_at(name, of_type("Integer"));
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            Ok(_) | Err(_) if number > most.into() => self.above(name, most),
            Ok(_) | Err(_) => self.below(name, least),
        }
    }

    fn below<T>(&self, name: &str, least: impl Display) -> Option<T> {
        self.wrong_at(name, format!("Minimum value is {least}"))
    }

    fn above<T>(&self, name: &str, most: impl Display) -> Option<T> {
        self.wrong_at(name, format!("Maximum value is {most}"))
    }

    /// A whole number in this range, or JSONata that gives one: checked, and not kept.
    pub(crate) fn count(&self, name: &str, least: u64, most: u64) {
        if self.query(name, Sees::default()).is_none() {
            self.whole(name, least, most);
        }
    }

    /// A number in this range, or JSONata that gives one: checked, and not kept.
    pub(crate) fn quantity(&self, name: &str, least: f64, most: f64) {
        if self.query(name, Sees::default()).is_none() {
            self.number(name, least, most);
        }
    }

    /// A number in this range.
    pub(crate) fn number(&self, name: &str, least: f64, most: f64) -> Option<f64> {
        let value = self.value(name)?;
        if self.is_expression(value) {
            return None;
        }
        match value.as_f64() {
            None => self.wrong_at(name, of_type("Number")),
            Some(number) if number < least => self.below(name, least),
            Some(number) if number > most => self.above(name, most),
            Some(number) => Some(number),
        }
    }

    /// One of these words.
    pub(crate) fn word(&self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let value = self.value(name)?;
        match words.iter().find(|word| value == **word) {
            Some(word) => Some(word),
            None => self.wrong_at(
                name,
                format!("Value should be one of the following: [{}]", words.join(", ")),
            ),
        }
    }

    /// A JSONPath.
    pub(crate) fn path(&self, name: &str) -> Option<Path> {
        let text = self.string(name)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(mistake) if mistake.unsupported => self.unsupported(name, &mistake.message),
            Err(mistake) => {
                self.wrong_at(name, format!("Value is not a valid JSONPath: {}", mistake.message))
            }
        }
    }

    /// A JSONPath that names a single place.
    pub(crate) fn single_path(&self, name: &str) -> Option<Path> {
        let text = self.string(name)?;
        if !text.starts_with('$') {
            return self.no_reference(name, "Reference path didn't start with '$'");
        }
        match Path::parse(text) {
            Ok(path) if path.is_reference() => Some(path),
            Ok(_) => self.no_reference(name, "only names and indexes are allowed"),
            Err(mistake) if mistake.unsupported => self.unsupported(name, &mistake.message),
            Err(mistake) => self.no_reference(name, &mistake.message),
        }
    }

    fn no_reference<T>(&self, name: &str, reason: &str) -> Option<T> {
        self.wrong_at(name, format!("Value is not a Reference Path: {reason}"))
    }

    /// `InputPath` or `OutputPath`.
    pub(crate) fn filter(&self, name: &str) -> Option<Filter> {
        match self.value(name) {
            None => Some(Filter::Whole),
            Some(Value::Null) => Some(Filter::Empty),
            Some(Value::String(text)) if text == "$" => Some(Filter::Whole),
            Some(_) => self.path(name).map(Filter::Path),
        }
    }

    /// `ResultPath`.
    pub(crate) fn result_path(&self) -> Option<ResultPath> {
        const NAME: &str = "ResultPath";
        match self.value(NAME) {
            None => return Some(ResultPath::Replace),
            Some(Value::Null) => return Some(ResultPath::Discard),
            Some(_) => {}
        }
        let text = self.string(NAME)?;
        if text == "$" {
            return Some(ResultPath::Replace);
        }
        match ReferencePath::parse(text) {
            Ok(path) => Some(ResultPath::At(path)),
            Err(_) if !text.starts_with('$') => {
                self.no_reference(NAME, "Reference path didn't start with '$'")
            }
            // Not even AWS puts a result into a variable this way.
            Err(_) => self.no_reference(NAME, "only names and indexes are allowed"),
        }
    }

    /// A payload template, or JSON with JSONata in it. `Some(None)` where the field is absent.
    #[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
    pub(crate) fn expression(&self, name: &str, sees: Sees) -> Option<Option<Expression>> {
        let Some(value) = self.value(name) else {
            return Some(None);
        };
        match self.language {
            Language::JsonPath => self.template(name, value).map(Expression::Template),
            Language::Jsonata => {
                let read = jsonata::Template::parse(value, &self.location(name), sees);
                self.accepted(name, read).map(Expression::Query)
            }
        }
        .map(Some)
    }

    /// The JSONata in this field, if it is one expression.
    pub(crate) fn query(&self, name: &str, sees: Sees) -> Option<Query> {
        let text = self.value(name)?.as_str().filter(|text| jsonata::is_expression(text))?;
        self.accepted(name, Query::parse(text, &self.location(name), sees))
    }

    fn accepted<T>(&self, name: &str, read: Result<T, Vec<Refusal>>) -> Option<T> {
        let refusals = match read {
            Ok(read) => return Some(read),
            Err(refusals) => refusals,
        };
        for refusal in refusals {
            let inner = refusal.location.strip_prefix(&*self.location(name)).unwrap_or_default();
            self.report.add(refusal.code, &format!("{}{inner}", self.at(name)), refusal.message);
        }
        None
    }

    /// Where this field is in its state, as AWS's `EvaluationFailed` events say it.
    fn location(&self, name: &str) -> String {
        self.at(name).within_state()
    }

    fn template(&self, name: &str, value: &Value) -> Option<Template> {
        warnings::no_dollar(value, &self.at(name), self.report);
        match Template::parse(value) {
            Ok(template) => Some(template),
            Err(mistakes) => {
                for mistake in mistakes {
                    let code = match mistake.kind {
                        MistakeKind::Invalid => Code::SchemaValidationFailed,
                        MistakeKind::Unsupported => Code::UnsupportedFeature,
                    };
                    // AWS names the template, however deep the mistake is in it.
                    self.report.add(code, &self.at(name), mistake.message);
                }
                None
            }
        }
    }

    /// The object in this field.
    pub(crate) fn object<'b>(&'b self, name: &'b str) -> Option<Object<'b>> {
        Object::new(self.value(name)?, self.at(name), self.report, self.language)
    }

    /// The place of this field.
    pub(crate) fn at<'b>(&'b self, name: &'b str) -> Place<'b> {
        Place::Field(&self.place, name)
    }

    /// The elements of the array in this field.
    pub(crate) fn array(&self, name: &str) -> Option<&'a [Value]> {
        match self.value(name)? {
            Value::Array(elements) => Some(elements),
            _ => self.wrong_at(name, of_type("Array")),
        }
    }

    /// The elements of the array in this field, which may not be empty.
    pub(crate) fn some_elements(&self, name: &str) -> Option<&'a [Value]> {
        let elements = self.array(name)?;
        if elements.is_empty() {
            return self.wrong_at(name, "Value cannot be empty".to_owned());
        }
        Some(elements)
    }

    /// Reads every element of the array in this field, an object each, of which there must be
    /// some. `None` if one of them, or the array itself, cannot be read.
    pub(crate) fn some_objects<T>(
        &self,
        name: &str,
        read: impl FnMut(&Object<'_>, usize) -> Option<T>,
    ) -> Option<Box<[T]>> {
        self.some_elements(name)?;
        self.objects(name, read)
    }

    /// The same where there may be none.
    pub(crate) fn objects<T>(
        &self,
        name: &str,
        mut read: impl FnMut(&Object<'_>, usize) -> Option<T>,
    ) -> Option<Box<[T]>> {
        let elements = self.array(name)?;
        let place = self.at(name);
        let mut all = Some(Vec::with_capacity(elements.len()));
        for (index, element) in elements.iter().enumerate() {
            let at = Place::Element(&place, index);
            let item = Object::new(element, at, self.report, self.language)
                .and_then(|object| read(&object, index));
            match (&mut all, item) {
                (Some(items), Some(item)) => items.push(item),
                _ => all = None,
            }
        }
        all.map(Vec::into_boxed_slice)
    }

    /// Reports a mistake of the object.
    pub(crate) fn wrong(&self, message: String) {
        self.report.add(Code::SchemaValidationFailed, &self.place, message);
    }

    /// Reports a mistake of a field.
    pub(crate) fn wrong_at<T>(&self, name: &str, message: String) -> Option<T> {
        self.report.add(Code::SchemaValidationFailed, &self.at(name), message);
        None
    }

    /// Reports that this field is part of the language and not of this engine.
    pub(crate) fn unsupported<T>(&self, name: &str, remedy: &str) -> Option<T> {
        self.report.add(Code::UnsupportedFeature, &self.at(name), format!("`{name}`: {remedy}"));
        None
    }

    /// In a JSONata state any value may be an expression.
    pub(crate) fn is_expression(&self, value: &Value) -> bool {
        self.language == Language::Jsonata && value.as_str().is_some_and(jsonata::is_expression)
    }
}

/// AWS's sentence on a field whose value is of another JSON type.
pub(crate) fn of_type(name: &str) -> String {
    format!("Expected value of type {name}")
}

/// The number, if it is an integer; `1.0` is none. What no 64 bits hold is as good as the nearest that they
/// do.
fn whole(number: &Number) -> Option<i128> {
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    match number.as_f64()? {
        large if large >= BEYOND => Some(i128::MAX),
        low if low <= -BEYOND => Some(i128::MIN),
        _ => None,
    }
}

/// AWS's sentence where none of these fields is there, and one should be.
pub(crate) fn too_few(names: &[&str]) -> String {
    format!("This object should have only one of the following fields: [{}]", listed(names))
}

/// AWS's sentence where more than one of these fields is there.
pub(crate) fn too_many(names: &[&str]) -> String {
    format!("There should only be one of the following fields: [{}]", listed(names))
}

/// These names in the order in which AWS lists them.
fn listed(names: &[&str]) -> String {
    let mut names = names.to_vec();
    java::names_in_hash_order(&mut names, |name| name);
    names.join(", ")
}
