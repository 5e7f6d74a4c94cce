//! What paths mean.

use std::borrow::Cow;

use serde_json::{Value, json};
use serde_json_path::JsonPath;

use super::{Path, ReferencePath};
use crate::context::Part;
use crate::expression::Scope;

fn input() -> Value {
    json!({
        "a": {"b": [1, 2, 3], "s": "x"}, "nil": null, "n": 1, "detail-type": "d",
        "books": [
            {"t": "one", "price": 8, "tags": ["x"]},
            {"t": "two", "price": 12, "isbn": "5"},
            {"t": "three", "price": 9.5, "isbn": null, "tags": []}
        ],
        "limit": 9, "obj": {"p": 1, "q": 2}
    })
}

fn value_of(path: &str, input: &Value) -> String {
    let context =
        || Part::Object(vec![("Execution", Part::Object(vec![("Id", Part::Text("e".into()))]))]);
    match Path::parse(path) {
        Err(error) => error.message,
        Ok(path) => match path.evaluate(&Scope { input, context: &context }) {
            Ok(value) => value.to_string(),
            Err(error) => error.cause,
        },
    }
}

/// Lines of `path → value or text`.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (path, expected) = line.split_once(" → ").unwrap();
        assert_eq!(value_of(path, &input()), expected, "{line}");
    }
}

#[test]
fn a_definite_path_is_one_value() {
    check(
        r#"
        $.a.b[0] → 1
        $.a.b[-1] → 3
        $.a.b[(@.length-1)] → 3
        $['a']['s'] → "x"
        $["a"].s → "x"
        $.a.['b'].[1] → 2
        $.nil → null
        $.detail-type → "d"
        $['n','nil','gone'] → {"n":1,"nil":null}
        $.a.b.length() → 3
        $.n.length() → null
        $$.Execution.Id → "e"
        $$ → {"Execution":{"Id":"e"}}
        "#,
    );
}

#[test]
fn an_indefinite_path_is_the_array_of_all_that_match() {
    check(
        r#"
        $.books[*].t → ["one","two","three"]
        $.books[1:].t → ["two","three"]
        $.books[:-1].t → ["one","two"]
        $.books[0,2].t → ["one","three"]
        $.obj.* → [1,2]
        $..price → [8,12,9.5]
        $.books..tags[0] → ["x"]
        $.books[*]['t','price'] → [{"t":"one","price":8},{"t":"two","price":12},{"t":"three","price":9.5}]
        $.gone[*] → []
        $.gone.deeper[1:] → []
        $.n[*] → []
        $.books[?(@.price > 100)] → []
        "#,
    );
}

#[test]
fn a_filter_tests_elements_and_objects() {
    check(
        r#"
        $.books[?(@.price < 10)].t → ["one","three"]
        $.books[?(@.price <= $.limit)].t → ["one"]
        $.books[?(@.isbn)].t → ["two","three"]
        $.books[?(!@.isbn)].t → ["one"]
        $.books[?(@.isbn == null)].t → ["three"]
        $.books[?(@.isbn == 5)].t → ["two"]
        $.books[?(@.isbn != 5)].t → ["one","three"]
        $.books[?(@.t in ['one','two'] && @.price >= 12)].t → ["two"]
        $.books[?(@.t nin ["one"])].t → ["two","three"]
        $.books[?(@.t=='one'||(@.t=='two'))].t → ["one","two"]
        $.books[?(@.tags contains 'x')].t → ["one"]
        $.books[?(@.tags size 1)].t → ["one"]
        $.books[?(@.tags empty true)].t → ["three"]
        $.books[?(@.tags.length() == 0)].t → ["three"]
        $.a.b[?(@ > 1)] → [2,3]
        $.obj[?(@.p == 1)].q → [2]
        $.obj[?(@ > 1)] → []
        $..[?(@.t == 'two')].price → [12]
        "#,
    );
}

#[test]
fn a_miss_has_the_text_of_aws() {
    check(
        "
        $.NoSuch → Invalid path '$.NoSuch' : No results for path: $['NoSuch']
        $.no.such.path → Invalid path '$.no.such.path' : Missing property in path $['no']
        $.a.no → Invalid path '$.a.no' : No results for path: $['a']['no']
        $.a.b[7] → Invalid path '$.a.b[7]' : No results for path: $['a']['b'][7]
        $.obj[0].x → Invalid path '$.obj[0].x' : Filter: [0]['x'] can only be applied to arrays. Current context is: {p=1, q=2}
        $.nil[0] → Invalid path '$.nil[0]' : The path $['nil'] is null
        $.n.x → Invalid path '$.n.x' : Expected to find an object with property ['x'] in path $['n'] but found 'java.lang.Integer'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.
        ",
    );
}

#[test]
fn what_is_not_read_is_refused() {
    check(
        "
        a.b → expected `$`, found `a` at byte 0 of `a.b`
        $name.x → variables are not supported yet: `$name.x`
        $. → expected a name, `*` or `[`, found the end at byte 2 of `$.`
        $.a b → expected `.` or `[`, found ` ` at byte 3 of `$.a b`
        $.a[ → expected an index, a slice, a quoted name, `*` or `?(`, found the end at byte 4 of `$.a[`
        $.a[::2] → a slice is `[from:to]`, with no step at byte 7 of `$.a[::2]`
        $.a[1:-1] → a slice counts both its bounds from the same end at byte 8 of `$.a[1:-1]`
        $.a.sum() → the function `sum()` is not supported at byte 7 of `$.a.sum()`
        $.a[?(@.x =~ /r/)] → the operator `=~` is not supported at byte 12 of `$.a[?(@.x =~ /r/)]`
        $..['a','b'] → several names after `..` are not supported at byte 12 of `$..['a','b']`
        $..length() → a function after `..` is not supported at byte 11 of `$..length()`
        $.a.length().b → nothing can follow `.length()` at byte 12 of `$.a.length().b`
        $.a[*].length() → `.length()` needs a path to one place before it at byte 15 of `$.a[*].length()`
        $.a[?@.x] → expected `(` after `?`, found `@` at byte 5 of `$.a[?@.x]`
        $.a[(@.size-1)] → the only script is `(@.length-N)` at byte 14 of `$.a[(@.size-1)]`
        $.a[:] → a slice needs a bound at byte 5 of `$.a[:]`
        $.a[?(@.x == 1 ; @.y)] → expected an operator or `)`, found `;` at byte 15 of `$.a[?(@.x == 1 ; @.y)]`
        $.a[9007199254740993,1] → expected an index, a slice, a quoted name, `*` or `?(`, found `]` at byte 22 of `$.a[9007199254740993,1]`
        $.a[?(1)] → expected an operator, found `)` at byte 7 of `$.a[?(1)]`
        $.a[?(@.x[*] == 1)] → a path inside a filter leads to one place at byte 12 of `$.a[?(@.x[*] == 1)]`
        $.a[?(@.x in [1 2])] → expected `,` or `]`, found `2` at byte 16 of `$.a[?(@.x in [1 2])]`
        $.a[?(@.x in [[1]])] → an array in an array is not supported at byte 14 of `$.a[?(@.x in [[1]])]`
        $.a[?(@.x == yes)] → expected `@`, `$` or a literal, found `)` at byte 16 of `$.a[?(@.x == yes)]`
        $.a['b → expected the closing quote, found the end at byte 6 of `$.a['b`
        $.a['b' → expected `]`, found the end at byte 7 of `$.a['b'`
        $.a['b', 3] → expected a quoted text, found `]` at byte 10 of `$.a['b', 3]`
        $.a['b\\ → expected the closing quote, found the end at byte 7 of `$.a['b\\`
        $.a['\\u0041'] → this escape is not supported at byte 7 of `$.a['\\u0041']`
        ",
    );
    let deep = format!("$[?({}@.x{})]", "(".repeat(9000), ")".repeat(9000));
    assert!(Path::parse(&deep).is_err());
    let nested = format!("$[?({}@.x{})]", "(".repeat(100), ")".repeat(100));
    let mistake = Path::parse(&nested).unwrap_err().message;
    assert!(mistake.starts_with("nested more than 64 levels deep at byte 68 of "), "{mistake}");
    let long = format!("$.{}", "a".repeat(8_191));
    let mistake = Path::parse(&long).unwrap_err().message;
    assert_eq!(mistake, "a path is at most 8192 bytes long, this has 8193");
    let squares = format!("$[?(@{}.x{})]", "[?(@".repeat(100), ")]".repeat(100));
    assert!(Path::parse(&squares).is_err());
}

#[test]
fn a_reference_path_puts_a_value_in_its_place() {
    let base = json!({"a": {"b": 1}, "l": [1, {"x": 2}], "s": "t"});
    let unable = |path: &str| format!("Unable to apply ReferencePath {path} to input {base}");
    for (path, expected) in [
        ("$", "9".to_owned()),
        ("$.a.b", r#"{"a":{"b":9},"l":[1,{"x":2}],"s":"t"}"#.to_owned()),
        ("$.c.d", r#"{"a":{"b":1},"l":[1,{"x":2}],"s":"t","c":{"d":9}}"#.to_owned()),
        ("$.l[1].x", r#"{"a":{"b":1},"l":[1,{"x":9}],"s":"t"}"#.to_owned()),
        ("$.l[2]", unable("$.l[2]")),
        ("$.s.x", unable("$.s.x")),
        ("$.l.x", unable("$.l.x")),
        ("$.new[0]", unable("$.new[0]")),
    ] {
        let found = match ReferencePath::parse(path).unwrap().insert(&base, &json!(9)) {
            Ok(value) => value.to_string(),
            Err(error) => error.cause,
        };
        assert_eq!(found, expected, "{path}");
    }
    for path in ["$$.a", "$.a[*]", "$.a[-1]", "$.a.length()"] {
        let mistake = ReferencePath::parse(path).unwrap_err().message;
        let expected = format!("`{path}` is not a reference path: `$`, names and indexes only");
        assert_eq!(mistake, expected);
    }
    for path in ["a", "$x"] {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
}

#[test]
fn a_path_that_finds_without_end_is_cut_short() {
    let row: Vec<u32> = (0..500).collect();
    let input = json!(vec![row; 500]);
    let context = || Part::Data(&Value::Null);
    let scope = Scope { input: &input, context: &context };
    let error = Path::parse("$[*][*]").unwrap().evaluate(&scope).unwrap_err();
    assert_eq!(error.cause, "Invalid path '$[*][*]' : more than 200000 nodes match");
    let error = Path::parse("$..*").unwrap().evaluate(&scope).unwrap_err();
    assert_eq!(error.cause, "Invalid path '$..*' : more than 200000 nodes match");
}

#[test]
fn what_a_path_finds_in_the_context_is_borrowed_where_it_is_data() {
    let (input, item) = (json!({"n": 1}), json!({"deep": [1, 2]}));
    let context = || {
        let of_item = vec![("Index", Part::Number(0)), ("Value", Part::Data(&item))];
        let of_execution = vec![("Id", Part::Text("e".into())), ("Input", Part::Data(&input))];
        Part::Object(vec![
            ("Execution", Part::Object(of_execution)),
            ("Map", Part::Object(vec![("Item", Part::Object(of_item))])),
        ])
    };
    let scope = Scope { input: &Value::Null, context: &context };
    let found = |path: &str| Path::parse(path).unwrap().evaluate(&scope);
    for path in ["$$.Execution.Input", "$$.Map.Item.Value", "$$.Map.Item.Value.deep[1]"] {
        assert!(matches!(found(path), Ok(Cow::Borrowed(_))), "{path}");
    }
    let shown = |path: &str| found(path).map_or_else(|error| error.cause, |it| it.to_string());
    assert_eq!(shown("$$.Map.Item"), r#"{"Index":0,"Value":{"deep":[1,2]}}"#);
    assert_eq!(shown("$$.Map.length()"), "1");
    assert_eq!(shown("$$['Execution']['Id']"), r#""e""#);
    assert_eq!(shown("$$.Map.Item['Index','x']"), r#"{"Index":0}"#);
    assert_eq!(shown("$$..deep[*]"), "[1,2]");
    assert_eq!(
        shown("$$.Map.no"),
        "Invalid path '$$.Map.no' : No results for path: $['Map']['no']"
    );
    assert_eq!(
        shown("$$.Task.Token"),
        "Invalid path '$$.Task.Token' : Missing property in path $['Task']"
    );
    assert_eq!(
        shown("$$.Execution.Id.x"),
        "Invalid path '$$.Execution.Id.x' : Expected to find an object with property ['x'] in path \
         $['Execution']['Id'] but found 'java.lang.String'. This is not a json object according to the \
         JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
    );
    assert_eq!(
        shown("$$.Map.Item[0]"),
        "Invalid path '$$.Map.Item[0]' : Filter: [0] can only be applied to arrays. Current context is: \
         {Index=0, Value={deep=[1, 2]}}"
    );
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.roll(if depth == 0 { 3 } else { 6 }) {
            0 => json!(self.roll(4)),
            1 => Value::from(["x", "y"][usize::try_from(self.roll(2)).unwrap()]),
            2 => Value::Null,
            3 => (0..self.roll(4)).map(|_| self.value(depth - 1)).collect(),
            _ => ["a", "b", "c"]
                .iter()
                .map(|name| ((*name).to_owned(), self.value(depth - 1)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        }
    }

    fn path(&mut self) -> String {
        const STEPS: [&str; 20] = [
            ".a",
            ".b",
            "['c']",
            "[0]",
            "[-1]",
            "[*]",
            ".*",
            "[1:]",
            "[:2]",
            "[1:2]",
            "[-2:]",
            "[-3:-1]",
            "[2:1]",
            "[0,1]",
            "['a','c'][*]",
            "..a",
            "..[0]",
            "..*",
            "..[1,0]",
            "..[:-1]",
        ];
        let mut path = String::from("$");
        for _ in 0..=self.roll(3) {
            path.push_str(STEPS[usize::try_from(self.roll(20)).unwrap()]);
        }
        path
    }
}

/// RFC 9535 and the dialect agree on these steps, but for what a definite path gives.
#[test]
fn the_common_part_means_what_rfc_9535_says() {
    let mut dice = Dice(0x5EED);
    let mut compared = 0;
    for _ in 0..20_000 {
        let (path, input) = (dice.path(), dice.value(4));
        let ours = Path::parse(&path).unwrap();
        let context = || Part::Data(&Value::Null);
        let found = ours.find(&Scope { input: &input, context: &context });
        let all = JsonPath::parse(&path).unwrap().query(&input).all();
        let expected = if ours.is_definite() {
            all.first().map(|value| (*value).clone())
        } else {
            Some(all.into_iter().cloned().collect())
        };
        compared += usize::from(expected.as_ref().is_some_and(|value| *value != json!([])));
        assert_eq!(found.map(Cow::into_owned), expected, "{path} of {input}");
    }
    assert!(compared > 1000, "only {compared} cases found something");
}
