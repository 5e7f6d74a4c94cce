//! What stands in place of parts of an expression: names of functions, in JSONata, that count before they
//! match, in place of regular expressions; calls of a function that counts before it builds, in place of
//! ranges.

use std::fmt::Write as _;
use std::ops::Range;

use super::regexes::Literal;

/// A matcher that is called with this text says which literal it is. No text of JSON that means
/// anything has it.
pub(super) const WHICH: &str = "\u{0}\u{b7}";

/// Where the bounds of a range `[from..to]` stand.
pub(super) type Bounds = [Range<usize>; 2];

/// The expression rewritten, and what binds the names in it.
pub(super) fn rewrite(
    expression: &str,
    literals: &[Literal<'_>],
    ranges: &[Bounds],
) -> (String, String) {
    let mut bindings = String::new();
    if !literals.is_empty() {
        bindings.push_str(
            "$·exists := $exists; $·merge := $merge; $·onward := function($i, $s, $m) {
            $·exists($m) ? $·merge([$m, {'next': function() {
                ($·ahead($i, $s, $m.end); $·onward($i, $s, ($m.next)())) }}]) };",
        );
    }
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (index, (span, ..)) in literals.iter().enumerate() {
        let literal = &expression[span.clone()];
        let _ = write!(
            bindings,
            "$·literal{index} := {literal}; $·regex{index} := function($s, $at) {{
            $s = '\\u0000\\u00b7' ? {index} : ($·ahead({index}, $s, $at);
                $·onward({index}, $s, $·literal{index}($s, $at))) }};"
        );
        edits.push((span.clone(), format!("$·regex{index} ")));
    }
    for [from, to] in ranges {
        edits.push((from.start..from.start, "$·span(".to_owned()));
        edits.push((from.end..to.start, ", ".to_owned()));
        edits.push((to.end..to.end, ")".to_owned()));
    }
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    let mut rewritten = String::with_capacity(expression.len());
    let mut end = 0;
    for (span, text) in edits {
        rewritten.push_str(&expression[end..span.start]);
        rewritten.push_str(&text);
        end = span.end;
    }
    rewritten.push_str(&expression[end..]);
    (rewritten, bindings)
}
