//! The names that take the place of an expression's literals: functions, in JSONata, that count
//! before they match.

use std::fmt::Write as _;

use super::Literal;

/// A matcher that is called with this text says which literal it is. No text of JSON that means
/// anything has it.
pub(super) const WHICH: &str = "\u{0}\u{b7}";

/// The expression with a name in place of each literal, and what binds the names.
pub(in crate::jsonata) fn name(expression: &str, literals: &[Literal<'_>]) -> (String, String) {
    let mut bindings = String::new();
    if !literals.is_empty() {
        bindings.push_str(
            "$·exists := $exists; $·merge := $merge; $·onward := function($i, $s, $m) {
            $·exists($m) ? $·merge([$m, {'next': function() {
                ($·ahead($i, $s, $m.end); $·onward($i, $s, ($m.next)())) }}]) };",
        );
    }
    let mut named = String::with_capacity(expression.len());
    let mut end = 0;
    for (index, (span, ..)) in literals.iter().enumerate() {
        let literal = &expression[span.clone()];
        let _ = write!(
            bindings,
            "$·literal{index} := {literal}; $·regex{index} := function($s, $at) {{
            $s = '\\u0000\\u00b7' ? {index} : ($·ahead({index}, $s, $at);
                $·onward({index}, $s, $·literal{index}($s, $at))) }};"
        );
        let _ = write!(named, "{}$·regex{index} ", &expression[end..span.start]);
        end = span.end;
    }
    named.push_str(&expression[end..]);
    (named, bindings)
}
