//! What one evaluation costs: a Map whose every item evaluates one expression, beside one whose items
//! give a literal; and the same JSONata by its reference implementation on node.

use crate::node::{self, Node};
use crate::run::Language::{self, JsonPath, Jsonata};
use crate::run::{program, seconds};

const ITEMS: u32 = 10_000;

/// What an item is like.
const ITEM: &str = r#"{"id":7,"customer":"C-7","lines":[{"sku":"BOOK-1","quantity":2,"price":1250},{"sku":"PEN-3","quantity":10,"price":99},{"sku":"LAMP-2","quantity":1,"price":4900}]}"#;

const SMALL: &str = "$states.input.id + 1";

/// Filter, functions, sort, reduce, a string of all lines.
const LARGE: &str = "( \
    $total := function($line) { $line.quantity * $line.price }; \
    $discount := function($sum) { $sum > 5000 ? $round($sum * 0.1) : 0 }; \
    $lines := $states.input.lines[price > 50]; \
    $sum := $reduce($map($lines, $total), function($a, $b) { $a + $b }); \
    $sorted := $sort($lines, function($a, $b) { $total($a) < $total($b) }); \
    { \
      'customer': $uppercase($states.input.customer), \
      'sum': $sum, 'toPay': $sum - $discount($sum), \
      'text': $join($sorted.(sku & ' x' & $string(quantity)), ', '), \
      'most': $max($lines.(quantity * price)), \
      'skus': $lines.{'sku': sku, 'is': $contains(sku, /^[A-Z]+-[0-9]$/)} \
    } \
)";

/// What is measured, as the state inside the Map says it; a text that node evaluates, too.
fn cases() -> [(Language, &'static str, String, Option<&'static str>); 5] {
    let path = |text: &str| format!("\"v.$\": \"{text}\"");
    let jsonata = |text: &str| format!("\"v\": \"{{% {text} %}}\"");
    [
        (JsonPath, "a reference path", path("$.lines[1].price"), None),
        (JsonPath, "a filter path", path("$.lines[?(@.price > 100)].sku"), None),
        (JsonPath, "an intrinsic", path("States.Format('order {} of {}', $.id, $.customer)"), None),
        (Jsonata, "a small JSONata expression", jsonata(SMALL), Some(SMALL)),
        (Jsonata, "a large JSONata expression", jsonata(LARGE), Some(LARGE)),
    ]
}

/// Microseconds an item, with a literal and with this member; or what keeps it from being measured.
/// Both take turns, so that what else the machine does falls on both.
fn each(language: Language, member: &str) -> Result<(f64, f64), String> {
    let (map, field) = match language {
        JsonPath => (r#""ItemsPath": "$","#, "Parameters"),
        Jsonata => (r#""Items": "{% $states.input %}","#, "Output"),
    };
    let pass = |member: &str| format!(r#""Type": "Pass", "{field}": {{{member}}}"#);
    let without = program(language, map, &pass(r#""v": 1"#))?;
    let with = program(language, map, &pass(member))?;
    let items = vec![ITEM; usize::try_from(ITEMS).unwrap_or_default()];
    let input = format!("[{}]", items.join(","));
    let mut least = (f64::INFINITY, f64::INFINITY);
    for _ in 0..9 {
        least.0 = least.0.min(seconds(&without, &input));
        least.1 = least.1.min(seconds(&with, &input));
    }
    let microseconds = |seconds: f64| seconds * 1e6 / f64::from(ITEMS);
    Ok((microseconds(least.0), microseconds(least.1)))
}

pub(crate) fn print() {
    println!("\nOne evaluation, in microseconds: an item of a Map over {ITEMS}");
    println!("{:<38}{:>10}{:>14}{:>10}", "", "an item", "of it", "node");
    let node = node::find(node::JSONATA);
    for (language, what, member, text) in cases() {
        let measured = each(language, &member)
            .map(|(without, with)| format!("{with:>10.2}{:>14.2}", with - without));
        let beside = match (text, &node) {
            (Some(text), Ok(node)) => by_node(node, text),
            _ => String::new(),
        };
        match measured {
            Ok(figures) => println!("{what:<38}{figures}{beside}"),
            Err(why) if beside.is_empty() => println!("{what:<38}skipped: {why}"),
            Err(why) => println!("{what:<38}{:>24}{beside}   skipped: {why}", ""),
        }
    }
    if let Err(why) = node {
        println!("node's `jsonata` is skipped: {why}");
    }
}

fn by_node(node: &Node, text: &str) -> String {
    match node.each(text, ITEM, ITEMS) {
        Ok(microseconds) => format!("{microseconds:>10.2}"),
        Err(why) => format!("   node: {why}"),
    }
}
