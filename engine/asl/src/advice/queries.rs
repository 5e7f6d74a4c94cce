//! JSONata that gives one value where its author thinks of a list of one.

use super::Site;
use crate::diagnostic::{Code, Report};
use crate::expression::Expression;
use crate::program::{Items, StateKind};

pub(super) fn check(site: Site<'_>, report: &Report) {
    let StateKind::Map(map) = site.kind else { return };
    let Items::Query(Some(Expression::Query(template))) = &map.items else { return };
    let Some(query) = template.query().filter(|query| query.collapses()) else { return };
    let message = format!(
        "Where only one item matches, this is the item and no array, and the Map fails; put it in \
         brackets: `[{}]`",
        query.text()
    );
    site.say_at("Items", report, Code::SingletonCollapse, message);
}
