//! The document an expression is evaluated on: the values of a scope, handed out level by level
//! as the evaluation reaches them, never copied.

use std::cell::Cell;

use jlens_core::input::{Sink, Source};
use serde_json::{Map, Value};

use super::enclose::{NOTHING, STATES, VARIABLES};
use super::meter;
use crate::context::Part;
use crate::expression::Scope;

/// How many bytes of a string are handed out in a step.
const BYTES_PER_STEP: u64 = 256;

type Read = Result<(), String>;

/// The whole document, and how many values of it were handed out.
pub(super) struct Document<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    pub(super) count: &'s Count,
}

/// How many steps it took to hand values out, and how many it may take.
pub(super) struct Count {
    taken: Cell<u64>,
    largest: Cell<u64>,
    longest: usize,
    most: u64,
}

impl Count {
    /// Up to so many steps, and strings up to so many bytes.
    pub(super) fn up_to(most: u64, longest: usize) -> Self {
        Self { taken: Cell::new(0), largest: Cell::new(0), longest, most }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// How large the largest value was, as steps to handle it.
    pub(super) fn largest(&self) -> u64 {
        self.largest.get()
    }

    fn hands(&self, steps: usize) {
        self.largest.set(self.largest.get().max(steps as u64));
    }

    fn take(&self, steps: u64) -> Read {
        self.taken.set(self.taken.get() + steps);
        if self.taken.get() > self.most { Err(String::new()) } else { Ok(()) }
    }
}

impl<'s, 'a: 's> Source<'s> for Document<'s, 'a> {
    fn read(&self, sink: &mut Sink<'_, 's>) -> Read {
        sink.object(Names { scope: self.scope, count: self.count, of: Names::ROOT });
        Ok(())
    }
}

/// A level whose members are known by name.
struct Names<'s, 'a> {
    scope: &'s Scope<'a>,
    count: &'s Count,
    of: &'static [&'static str],
}

impl Names<'_, '_> {
    const ROOT: &'static [&'static str] = &[STATES, VARIABLES, NOTHING];
    /// The members of `$states`, in AWS's order.
    const STATES: &'static [&'static str] = &["input", "context", "result", "errorOutput"];
}

impl<'s, 'a: 's> Source<'s> for Names<'s, 'a> {
    fn read(&self, sink: &mut Sink<'_, 's>) -> Read {
        for name in self.of {
            sink.key(name);
            self.read_field(name, sink)?;
        }
        Ok(())
    }

    fn read_field(&self, name: &str, sink: &mut Sink<'_, 's>) -> Result<bool, String> {
        let (scope, count) = (self.scope, self.count);
        match name {
            NOTHING => sink.null(),
            STATES => sink.object(Names { scope, count, of: Self::STATES }),
            VARIABLES => sink.object(Variables { scope, count }),
            "context" => hand_out_part((scope.context)(), count, sink)?,
            "input" => hand_out(scope.input, count, sink)?,
            "result" => scope.result.iter().try_for_each(|it| hand_out(it, count, sink))?,
            "errorOutput" => {
                scope.error_output.iter().try_for_each(|it| hand_out(it, count, sink))?;
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The variables, asked one by one.
struct Variables<'s, 'a> {
    scope: &'s Scope<'a>,
    count: &'s Count,
}

impl<'s, 'a: 's> Source<'s> for Variables<'s, 'a> {
    fn read(&self, _: &mut Sink<'_, 's>) -> Read {
        Ok(())
    }

    fn read_field(&self, name: &str, sink: &mut Sink<'_, 's>) -> Result<bool, String> {
        if let Some(variable) = self.scope.variables.get(name) {
            hand_out(variable.value(), self.count, sink)?;
        }
        Ok(true)
    }
}

/// An object of the context's own.
struct Own<'a> {
    members: Vec<(&'static str, Part<'a>)>,
    count: &'a Count,
}

impl<'a> Source<'a> for Own<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        for (name, part) in &self.members {
            sink.key(name);
            hand_out_part(part.clone(), self.count, sink)?;
        }
        Ok(())
    }
}

struct Members<'a> {
    of: &'a Map<String, Value>,
    count: &'a Count,
}

impl<'a> Source<'a> for Members<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        sink.reserve(self.of.len());
        for (name, value) in self.of {
            sink.key(name);
            hand_out(value, self.count, sink)?;
        }
        Ok(())
    }

    fn read_field(&self, name: &str, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(value) = self.of.get(name) {
            hand_out(value, self.count, sink)?;
        }
        Ok(true)
    }
}

struct Items<'a> {
    of: &'a [Value],
    count: &'a Count,
}

impl<'a> Source<'a> for Items<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        sink.reserve(self.of.len());
        self.of.iter().try_for_each(|item| hand_out(item, self.count, sink))
    }

    fn length(&self) -> Option<usize> {
        Some(self.of.len())
    }

    fn read_item(&self, index: usize, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(item) = self.of.get(index) {
            hand_out(item, self.count, sink)?;
        }
        Ok(true)
    }
}

pub(super) fn hand_out<'a>(value: &'a Value, count: &'a Count, sink: &mut Sink<'_, 'a>) -> Read {
    match value {
        Value::Null => sink.null(),
        Value::Bool(value) => sink.bool(*value),
        // JSON numbers that serde_json reads are finite.
        Value::Number(number) => sink.number(number.as_f64().unwrap_or_default()),
        Value::String(text) => {
            if text.len() > count.longest {
                return Err(String::new());
            }
            count.hands(text.len() / meter::BYTES_PER_STEP);
            count.take(text.len() as u64 / BYTES_PER_STEP)?;
            sink.string(text);
        }
        Value::Array(of) => {
            count.hands(of.len() / meter::ITEMS_PER_STEP);
            sink.array(Items { of, count });
        }
        Value::Object(of) => sink.object(Members { of, count }),
    }
    count.take(1)
}

fn hand_out_part<'a>(part: Part<'a>, count: &'a Count, sink: &mut Sink<'_, 'a>) -> Read {
    match part {
        Part::Data(value) => return hand_out(value, count, sink),
        Part::Text(text) => sink.string(&text),
        Part::Number(number) => sink.number(f64::from(number)),
        Part::Object(members) => sink.object(Own { members, count }),
    }
    Ok(())
}
