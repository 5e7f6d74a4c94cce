//! The scope around an expression, so that it reads borrowed values under the names AWS gives
//! them, and sees nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use jlens_core::function_catalog;

use super::functions;
use super::guards::GUARDS;

/// Members of the document that the enclosed expression is evaluated on.
pub(super) const STATES: &str = "states";
pub(super) const VARIABLES: &str = "variables";
pub(super) const NOTHING: &str = "nothing";

/// This expression as the body of a function that is called at once. Its `$` is `null` and its
/// `$$` is undefined; `$states` and each name that it mentions are bound to parts of the document.
///
/// A variable hides the function of the same name, so such a name means the function only where
/// no variable has it.
/// What is bound `before` comes first of all.
pub(super) fn enclose(expression: &str, before: &str, mentioned: &[&str]) -> String {
    let mut text = format!("($states := $.{STATES}; $$ := $.undefined;{before}");
    for (_, guard, _) in GUARDS.iter().filter(|(name, ..)| mentioned.contains(name)) {
        text.push_str(guard);
    }
    for name in mentioned.iter().filter(|name| may_be_assigned(name)) {
        let _ = write!(text, "${name} := $.{VARIABLES}.`{name}`");
        if is_function(name) {
            let _ = write!(text, " ?? ${name}");
        }
        text.push(';');
    }
    // The line ends before the parenthesis, as a comment does not.
    let _ = write!(text, "($.{NOTHING}.(function() {{ ({expression}\n) }}))())");
    text
}

/// Whether a name is that of a function, JSONata's own or one that AWS added. AWS has no `$eval`.
pub(super) fn is_function(name: &str) -> bool {
    static NAMES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let own = function_catalog().into_iter().map(|function| function.name);
        own.filter(|name| *name != "eval").chain(functions::ADDED).collect()
    });
    NAMES.contains(name)
}

/// Whether a variable of a state machine can have this name; others are nobody's.
fn may_be_assigned(name: &str) -> bool {
    name.chars().all(|letter| letter == '_' || letter.is_alphanumeric())
}
