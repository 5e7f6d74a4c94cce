//! One expression of a field, and AWS's texts for how it fails.

use std::sync::Arc;

use jlens_core::ast::{BinaryOp, Stage};
use jlens_core::{Ast, Error, Expression, Node, NodeKind};
use serde_json::Value;

use super::check::check;
use super::copy::Reads;
use super::direct::Direct;
use super::enclose::{enclose, is_function};
use super::evaluate::{Failure, Program};
use super::functions;
use super::regexes::Regexes;
use super::rewrite::rewrite;
use super::{Refusal, Sees, inside};
use crate::diagnostic::{Code, bounded};
use crate::expression::{EvaluationError, Raised, Scope};

/// An expression of a state, parsed and checked.
#[derive(Debug)]
pub struct Query {
    /// As written, without marks and the blanks around it.
    text: Box<str>,
    /// The same with names for its regular expressions, and what binds the names.
    named: (String, String),
    /// Which field of the state.
    location: Arc<str>,
    program: Program,
    /// If it only names a value.
    direct: Option<Direct>,
    /// Free names, in the order of the text.
    mentioned: Box<[Box<str>]>,
    /// Whether a number may come out that JSON does not have.
    calculates: bool,
    /// Whether it gives one value where a list of one is thought of.
    collapses: bool,
    /// The operands, if all of it is one operation on numbers.
    operation: Option<(BinaryOp, [Box<str>; 2])>,
}

impl Query {
    /// The expression in this text, which [`super::is_expression`], of the field at this
    /// location; or everything that is wrong with it.
    pub fn parse(text: &str, location: &str, sees: Sees) -> Result<Self, Vec<Refusal>> {
        let location: Arc<str> = location.into();
        let refused =
            |code, message: String| Refusal { code, message, location: Arc::clone(&location) };
        let text = inside(text).unwrap_or(text);
        let invalid = |error: &Error| {
            let message = format!("{}: {}", error.code(), error.message());
            vec![refused(Code::InvalidJsonataExpression, bounded(&message))]
        };
        let ast = jlens_core::parse(text).map_err(|error| invalid(&error))?;
        let found = check(&ast, sees);
        if !found.refusals.is_empty() {
            let refusals = found.refusals.iter();
            return Err(refusals.map(|(code, message)| refused(*code, bounded(message))).collect());
        }
        let (regexes, literals) = Regexes::compile(&found.literals);
        let named = rewrite(text, &literals, &found.ranges);
        let enclosed = enclose(&named.0, &named.1, &found.free);
        let program = Program {
            expression: Expression::compile(&enclosed).map_err(|error| invalid(&error))?,
            needs: functions::needed(&found.free, !literals.is_empty(), !found.ranges.is_empty()),
            regexes,
            sorts: found.orders || found.free.contains(&"sort"),
            searches: found.searches,
            reads: Reads::new(&found.paths, &found.free),
            // The scope around it has a few for each name.
            nodes: found.nodes + 16 + 8 * found.free.len() as u64,
        };
        Ok(Self {
            direct: Direct::of(text),
            text: text.into(),
            program,
            calculates: found.calculates,
            named,
            operation: operation(&ast).filter(|_| found.literals.is_empty()),
            collapses: collapses(&ast.root),
            mentioned: found.free.iter().map(|name| (*name).into()).collect(),
            location: Arc::clone(&location),
        })
    }

    /// The value.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        if let Some(found) = self.direct.as_ref().and_then(|direct| direct.evaluate(scope)) {
            return found;
        }
        self.calculate(scope)
    }

    /// The value as the library has it.
    pub(super) fn calculate(&self, scope: &Scope<'_>) -> Result<Value, EvaluationError> {
        match self.program.evaluate(scope) {
            Ok(Some(Value::Null)) if self.calculates => Ok(self.no_json_number(scope)),
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.nothing(scope)),
            Err(Failure::Expression(error)) if error.code() == "D1001" => {
                self.infinity(scope).ok_or_else(|| self.failed(Failure::Expression(error)))
            }
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// The names of variables that the expression mentions and does not bind itself, without
    /// `$`, in the order of the text; not those of functions.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.mentioned.iter().map(|name| &**name).filter(|name| !is_function(name))
    }

    /// Whether it is a filter, of which one value may be left that is then no array.
    pub(crate) fn collapses(&self) -> bool {
        self.collapses
    }

    /// As written, without marks and the blanks around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which field of the state it stands in: `Output/total`.
    pub fn location(&self) -> &Arc<str> {
        &self.location
    }

    /// `States.QueryEvaluationError` with this cause, in this field.
    pub fn error(&self, cause: impl Into<String>) -> EvaluationError {
        EvaluationError::query(cause, &self.location)
    }

    /// The same, of the expression itself.
    pub(super) fn error_of_expression(&self, what: &str) -> EvaluationError {
        let Self { text, location, .. } = self;
        self.error(format!(
            "The JSONata expression '{text}' specified for the field '{location}' {what}"
        ))
    }

    fn failed(&self, failure: Failure) -> EvaluationError {
        let error = match failure {
            Failure::Budget(error) if error.raised == Raised::Runtime => return self.error_of_expression(
                "threw an error during evaluation. Expression evaluation timeout: Check for infinite loop",
            ),
            Failure::Budget(error) => return error,
            Failure::Expression(error) => error,
        };
        let thrown = match error.code() {
            "U1001" => "Expression evaluation memory limit exceeded".to_owned(),
            "U1003" | "U1006" | "D1012" => {
                "Expression evaluation timeout: Check for infinite loop".to_owned()
            }
            "D1011" => "Stack overflow error: Check for non-terminating recursive function. \
                 Consider rewriting as tail-recursive."
                .to_owned(),
            code => format!("{code}: {}", error.message()),
        };
        self.error_of_expression(&format!("threw an error during evaluation. {}", bounded(&thrown)))
    }

    fn nothing(&self, scope: &Scope<'_>) -> EvaluationError {
        let kind = self.ask(scope, |expression| format!("$type(({expression}\n))"));
        if kind.is_some_and(|kind| kind == "function") {
            return self.error_of_expression("returned an unsupported result type.");
        }
        self.error_of_expression("returned nothing (undefined).")
    }

    /// AWS writes a number that JSON does not have as a text.
    fn no_json_number(&self, scope: &Scope<'_>) -> Value {
        // A null cannot be compared; a number can, even one that is none.
        match self.ask(scope, |expression| format!("({expression}\n) > 0")) {
            Some(_) => "NaN".into(),
            None => Value::Null,
        }
    }

    /// The library fails where the last operation gives an infinity; AWS writes it as a text.
    fn infinity(&self, scope: &Scope<'_>) -> Option<Value> {
        let (operator, operands) = self.operation.as_ref()?;
        let operand = |text: &str| self.ask(scope, |_| format!("({text}\n)"))?.as_f64();
        let (left, right) = (operand(&operands[0])?, operand(&operands[1])?);
        let number = match operator {
            BinaryOp::Add => left + right,
            BinaryOp::Sub => left - right,
            BinaryOp::Mul => left * right,
            BinaryOp::Div => left / right,
            _ => return None,
        };
        let text = if number > 0.0 { "Infinity" } else { "-Infinity" };
        number.is_infinite().then(|| text.into())
    }

    /// Something about the value that the value itself does not tell. Seldom needed.
    fn ask(&self, scope: &Scope<'_>, question: impl Fn(&str) -> String) -> Option<Value> {
        let mentioned: Vec<&str> = self.mentioned.iter().map(|name| &**name).collect();
        let enclosed = enclose(&question(&self.named.0), &self.named.1, &mentioned);
        let expression = Expression::compile(&enclosed).ok()?;
        Program { expression, ..self.program.clone() }.evaluate(scope).ok().flatten()
    }
}

/// Whether the library gives the item where one is left: it is a filter, and `[]` does not keep the array.
fn collapses(root: &Node) -> bool {
    let by_condition = |stage: &Stage| match stage {
        Stage::Filter { expr, .. } => {
            !matches!(expr.kind, NodeKind::Number { .. } | NodeKind::Negate { .. })
        }
        Stage::Index { .. } => false,
    };
    let filters = |node: &Node| {
        let kept = node.attrs.keep_array;
        !kept && node.attrs.stages.iter().chain(&node.attrs.predicate).any(by_condition)
    };
    match &root.kind {
        NodeKind::Path { steps, keep_singleton_array } => {
            !keep_singleton_array && (filters(root) || steps.iter().any(filters))
        }
        NodeKind::Function { procedure, .. } => {
            matches!(&procedure.kind, NodeKind::Variable { name } if name == "filter")
        }
        _ => false,
    }
}

fn operation(ast: &Ast) -> Option<(BinaryOp, [Box<str>; 2])> {
    let NodeKind::Binary { op, lhs, rhs } = &ast.root.kind else { return None };
    let operand = |node: &Node| ast.source.get(node.span.start..node.span.end).map(Box::from);
    Some((*op, [operand(lhs)?, operand(rhs)?]))
}
