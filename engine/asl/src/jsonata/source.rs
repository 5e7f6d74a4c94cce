//! The document an expression is evaluated on: the values of a scope, handed out level by level
//! as the evaluation reaches them, never copied.

use std::cell::Cell;

use jlens_core::input::{Sink, Source};
use serde_json::{Map, Value};

use super::enclose::{NOTHING, STATES, VARIABLES};
use crate::context::Part;
use crate::expression::Scope;

type Read = Result<(), String>;

/// The whole document, and how many values of it were handed out.
pub(super) struct Document<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    pub(super) handed_out: &'s Cell<u64>,
}

impl<'s, 'a: 's> Source<'s> for Document<'s, 'a> {
    fn read(&self, sink: &mut Sink<'_, 's>) -> Read {
        sink.object(Names { scope: self.scope, handed_out: self.handed_out, of: Names::ROOT });
        Ok(())
    }
}

/// A level whose members are known by name.
struct Names<'s, 'a> {
    scope: &'s Scope<'a>,
    handed_out: &'s Cell<u64>,
    of: &'static [&'static str],
}

impl Names<'_, '_> {
    const ROOT: &'static [&'static str] = &[STATES, VARIABLES, NOTHING];
    /// The members of `$states`, in AWS's order.
    const STATES: &'static [&'static str] = &["context", "input", "result", "errorOutput"];
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
        let (scope, handed_out) = (self.scope, self.handed_out);
        match name {
            NOTHING => sink.null(),
            STATES => sink.object(Names { scope, handed_out, of: Self::STATES }),
            VARIABLES => sink.object(Variables { scope, handed_out }),
            "context" => hand_out_part((scope.context)(), handed_out, sink),
            "input" => hand_out(scope.input, handed_out, sink),
            "result" => scope.result.iter().for_each(|it| hand_out(it, handed_out, sink)),
            "errorOutput" => {
                scope.error_output.iter().for_each(|it| hand_out(it, handed_out, sink));
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The variables, asked one by one.
struct Variables<'s, 'a> {
    scope: &'s Scope<'a>,
    handed_out: &'s Cell<u64>,
}

impl<'s, 'a: 's> Source<'s> for Variables<'s, 'a> {
    fn read(&self, _: &mut Sink<'_, 's>) -> Read {
        Ok(())
    }

    fn read_field(&self, name: &str, sink: &mut Sink<'_, 's>) -> Result<bool, String> {
        if let Some(variable) = self.scope.variables.get(name) {
            hand_out(variable.value(), self.handed_out, sink);
        }
        Ok(true)
    }
}

/// An object of the context's own.
struct Own<'a> {
    members: Vec<(&'static str, Part<'a>)>,
    handed_out: &'a Cell<u64>,
}

impl<'a> Source<'a> for Own<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        for (name, part) in &self.members {
            sink.key(name);
            hand_out_part(part.clone(), self.handed_out, sink);
        }
        Ok(())
    }
}

struct Members<'a> {
    of: &'a Map<String, Value>,
    handed_out: &'a Cell<u64>,
}

impl<'a> Source<'a> for Members<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        sink.reserve(self.of.len());
        for (name, value) in self.of {
            sink.key(name);
            hand_out(value, self.handed_out, sink);
        }
        Ok(())
    }

    fn read_field(&self, name: &str, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(value) = self.of.get(name) {
            hand_out(value, self.handed_out, sink);
        }
        Ok(true)
    }
}

struct Items<'a> {
    of: &'a [Value],
    handed_out: &'a Cell<u64>,
}

impl<'a> Source<'a> for Items<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Read {
        sink.reserve(self.of.len());
        self.of.iter().for_each(|item| hand_out(item, self.handed_out, sink));
        Ok(())
    }

    fn length(&self) -> Option<usize> {
        Some(self.of.len())
    }

    fn read_item(&self, index: usize, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(item) = self.of.get(index) {
            hand_out(item, self.handed_out, sink);
        }
        Ok(true)
    }
}

fn hand_out<'a>(value: &'a Value, handed_out: &'a Cell<u64>, sink: &mut Sink<'_, 'a>) {
    handed_out.set(handed_out.get() + 1);
    match value {
        Value::Null => sink.null(),
        Value::Bool(value) => sink.bool(*value),
        // JSON numbers that serde_json reads are finite.
        Value::Number(number) => sink.number(number.as_f64().unwrap_or_default()),
        Value::String(text) => sink.string(text),
        Value::Array(of) => sink.array(Items { of, handed_out }),
        Value::Object(of) => sink.object(Members { of, handed_out }),
    }
}

fn hand_out_part<'a>(part: Part<'a>, handed_out: &'a Cell<u64>, sink: &mut Sink<'_, 'a>) {
    match part {
        Part::Data(value) => hand_out(value, handed_out, sink),
        Part::Text(text) => sink.string(&text),
        Part::Number(number) => sink.number(f64::from(number)),
        Part::Object(members) => sink.object(Own { members, handed_out }),
    }
}
