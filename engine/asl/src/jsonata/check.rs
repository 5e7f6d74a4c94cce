//! What an expression mentions, and what of it a state may not say.

use std::collections::BTreeSet;

use jlens_core::ast::{BinaryOp, FallbackOp, Stage};
use jlens_core::{Ast, Node, NodeKind};

use super::Sees;
use super::regexes::Literal;
use super::rewrite::Bounds;
use crate::diagnostic::Code;

/// What is found in an expression.
#[derive(Debug, Default)]
pub(super) struct Findings<'e> {
    /// Codes and messages.
    pub(super) refusals: Vec<(Code, String)>,
    /// Names of the variables and functions that the expression mentions and does not bind
    /// itself, without `$`, in the order of the text.
    pub(super) free: Vec<&'e str>,
    /// What it reads of `$states`: the names on the way, none where all of it is read.
    pub(super) paths: Vec<Vec<&'e str>>,
    /// How many nodes it has.
    pub(super) nodes: u64,
    /// Whether it calculates with numbers.
    pub(super) calculates: bool,
    /// Whether it sorts by keys, `^(key)`.
    pub(super) orders: bool,
    /// Whether it searches lists with `in`.
    pub(super) searches: bool,
    /// Its regular expressions.
    pub(super) literals: Vec<Literal<'e>>,
    /// Its ranges, but for those that are short as anybody can see.
    pub(super) ranges: Vec<Bounds>,
}

/// Reads the whole expression.
pub(super) fn check(ast: &Ast, sees: Sees) -> Findings<'_> {
    let mut reader =
        Reader { sees, findings: Findings::default(), known: BTreeSet::new(), bound: Vec::new() };
    reader.read(&ast.root, Context::Top);
    reader.findings.literals.sort_by_key(|(span, ..)| span.start);
    reader.findings.literals.dedup();
    reader.findings.ranges.sort_by_key(|[from, to]| (from.start, to.end));
    reader.findings.ranges.dedup();
    reader.findings
}

/// What `$` and field names refer to at a place of the expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Context {
    /// The document, of which a state has none.
    Top,
    /// A value inside a path, a predicate or the like.
    Value,
}

struct Reader<'e> {
    sees: Sees,
    findings: Findings<'e>,
    known: BTreeSet<&'e str>,
    /// Variables bound around the current place, innermost last.
    bound: Vec<&'e str>,
}

impl<'e> Reader<'e> {
    fn read(&mut self, node: &'e Node, context: Context) {
        jlens_core::stack::grow(|| self.read_node(node, context));
    }

    fn read_node(&mut self, node: &'e Node, context: Context) {
        self.findings.nodes += 1;
        match &node.kind {
            NodeKind::Path { steps, .. } => return self.path(node, steps, context),
            NodeKind::Block { exprs, .. } => {
                let outside = self.bound.len();
                self.read_all(exprs, context);
                self.bound.truncate(outside);
            }
            NodeKind::Bind { lhs, rhs } => {
                // A function may call itself by the name it is given.
                let name =
                    if let NodeKind::Variable { name } = &lhs.kind { Some(&**name) } else { None };
                if matches!(rhs.kind, NodeKind::Lambda(_)) {
                    self.bound.extend(name);
                }
                self.read(rhs, context);
                self.bound.extend(name);
            }
            NodeKind::Lambda(definition) => {
                let outside = self.bound.len();
                self.bound.extend(definition.params.iter().map(|name| &**name));
                self.read(&definition.body, context);
                self.bound.truncate(outside);
            }
            NodeKind::Transform(definition) => {
                self.read(&definition.pattern, Context::Value);
                self.read(&definition.update, Context::Value);
                self.read_all(&definition.delete, Context::Value);
            }
            NodeKind::Regex { pattern, flags } => {
                self.findings.literals.push((node.span.start..node.span.end, pattern, flags));
            }
            NodeKind::Sort { terms } => {
                self.findings.orders = true;
                self.read_all(terms.iter().map(|term| &term.expr), Context::Value);
            }
            NodeKind::Fallback { op, lhs, rhs } => {
                self.newer_operator(*op);
                self.read(lhs, context);
                self.read(rhs, context);
            }
            NodeKind::Variable { name } => self.variable(name, context),
            NodeKind::Name { name } => self.at_top(name, context),
            NodeKind::Wildcard => self.at_top("*", context),
            NodeKind::Descendant => self.at_top("**", context),
            NodeKind::Parent { .. } => self.at_top("%", context),
            NodeKind::Binary { .. }
            | NodeKind::Negate { .. }
            | NodeKind::Array { .. }
            | NodeKind::Object { .. }
            | NodeKind::String { .. }
            | NodeKind::Number { .. }
            | NodeKind::Bool { .. }
            | NodeKind::Null
            | NodeKind::Condition { .. }
            | NodeKind::Apply { .. }
            | NodeKind::Function { .. }
            | NodeKind::Partial { .. }
            | NodeKind::Placeholder
            | NodeKind::Error { .. } => self.operands(node, context),
        }
        self.attributes(node);
    }

    fn read_all(&mut self, nodes: impl IntoIterator<Item = &'e Node>, context: Context) {
        for node in nodes {
            self.read(node, context);
        }
    }

    /// Operands see what the operator sees.
    fn operands(&mut self, node: &'e Node, context: Context) {
        match &node.kind {
            NodeKind::Binary { lhs, rhs, .. } | NodeKind::Apply { lhs, rhs } => {
                self.findings.ranges.extend(range(node));
                self.findings.searches |=
                    matches!(node.kind, NodeKind::Binary { op: BinaryOp::In, .. });
                self.findings.calculates |=
                    matches!(node.kind, NodeKind::Binary { op, .. } if is_arithmetic(op));
                self.read(lhs, context);
                self.read(rhs, context);
            }
            NodeKind::Negate { expr } => self.read(expr, context),
            NodeKind::Array { items } => self.read_all(items, context),
            NodeKind::Object { pairs } => self.pairs(pairs, context),
            NodeKind::Condition { condition, then, otherwise } => {
                self.read(condition, context);
                self.read(then, context);
                self.read_all(otherwise.as_deref(), context);
            }
            NodeKind::Function { procedure, args } | NodeKind::Partial { procedure, args } => {
                self.read(procedure, context);
                self.read_all(args, context);
            }
            _ => {}
        }
    }

    /// The first step sees what the path sees, the others the values before them.
    fn path(&mut self, node: &'e Node, steps: &'e [Node], context: Context) {
        let outside = self.bound.len();
        let of_states = !self.bound.contains(&"states")
            && matches!(&steps[0].kind, NodeKind::Variable { name } if name == "states");
        if of_states {
            self.part_of_states(steps);
        }
        for (index, step) in steps.iter().enumerate() {
            // A step's predicates see the names it binds.
            self.bound.extend(step.attrs.focus.as_deref());
            self.bound.extend(step.attrs.index.as_deref());
            match index {
                0 if of_states => self.attributes(step),
                0 => self.read(step, context),
                _ => self.read(step, Context::Value),
            }
        }
        self.attributes(node);
        self.bound.truncate(outside);
    }

    fn part_of_states(&mut self, steps: &'e [Node]) {
        let mut names = Vec::new();
        for pair in steps.windows(2) {
            let [before, step] = pair else { break };
            let NodeKind::Name { name } = &step.kind else { break };
            if !is_plain(before) {
                break;
            }
            names.push(&**name);
        }
        if let Some(member) = names.first() {
            self.member_of_states(member);
        }
        self.findings.paths.push(names);
    }

    /// Predicates and groups see the values of what they stand behind.
    fn attributes(&mut self, node: &'e Node) {
        for stage in node.attrs.stages.iter().chain(&node.attrs.predicate) {
            match stage {
                Stage::Filter { expr, .. } => self.read(expr, Context::Value),
                Stage::Index { var, .. } => self.bound.push(var),
            }
        }
        if let Some(group) = &node.attrs.group {
            self.pairs(&group.pairs, Context::Value);
        }
    }

    fn pairs(&mut self, pairs: &'e [(Node, Node)], context: Context) {
        for (key, value) in pairs {
            self.read(key, context);
            self.read(value, context);
        }
    }

    fn variable(&mut self, name: &'e str, context: Context) {
        match name {
            "" => self.at_top("$", context),
            "$" => self.at_top("$$", context),
            "states" => self.findings.paths.push(Vec::new()),
            _ if self.bound.contains(&name) => {}
            _ => {
                self.findings.calculates |= matches!(name, "power" | "number" | "sum" | "average");
                if self.known.insert(name) {
                    self.findings.free.push(name);
                }
            }
        }
    }

    fn at_top(&mut self, reference: &str, context: Context) {
        if context == Context::Top {
            let message = format!("Reference to '{reference}' at the top level is not supported.");
            self.findings.refusals.push((Code::UnsupportedJsonataExpression, message));
        }
    }

    fn member_of_states(&mut self, name: &str) {
        let exists = match name {
            "input" | "context" => true,
            "result" => self.sees.result,
            "errorOutput" => self.sees.error_output,
            _ => false,
        };
        if !exists {
            let message = format!("Field '$states.{name}' does not exist.");
            self.findings.refusals.push((Code::UnsupportedJsonataExpression, message));
        }
    }

    /// Operators that came after the JSONata of AWS, which takes their second half for a unary
    /// operator.
    fn newer_operator(&mut self, operator: FallbackOp) {
        let second = match operator {
            FallbackOp::Default => ':',
            FallbackOp::Coalesce => '?',
        };
        let message = format!("S0211: The symbol \"{second}\" cannot be used as a unary operator");
        self.findings.refusals.push((Code::InvalidJsonataExpression, message));
    }
}

/// Whether nothing stands behind this step but the next.
fn is_plain(step: &Node) -> bool {
    step.attrs.stages.is_empty() && step.attrs.predicate.is_empty() && step.attrs.group.is_none()
}

/// The bounds of a range whose length has to be seen when it is evaluated.
fn range(node: &Node) -> Option<Bounds> {
    const SHORT: f64 = 1_000.0;
    let NodeKind::Binary { op: BinaryOp::Range, lhs, rhs } = &node.kind else { return None };
    if let (NodeKind::Number { value: from }, NodeKind::Number { value: to }) =
        (&lhs.kind, &rhs.kind)
        && to - from < SHORT
    {
        return None;
    }
    Some([lhs.span.start..lhs.span.end, rhs.span.start..rhs.span.end])
}

fn is_arithmetic(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod)
}
