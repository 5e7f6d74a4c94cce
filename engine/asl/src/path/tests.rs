//! What paths mean.

use std::borrow::Cow;

use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::{QueryRef, js_path_process};
use serde_json::{Value, json};
use serde_json_path::JsonPath;

use super::{Path, ReferencePath};
use crate::context::Part;
use crate::payload::Payload;
use crate::tests::Outside;
use crate::{Budget, Made, Raised};

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
        Ok(path) => match path.evaluate(&Outside::default().scope(input, &context)) {
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
        $..['t','price'] → [{"t":"one","price":8},{"t":"two","price":12},{"t":"three","price":9.5}]
        $..['p','q','r'] → []
        $.obj['p','q','r'].x → []
        $['a','obj']['b','q'] → [{"b":[1,2,3]},{"q":2}]
        $..[0] → [1,{"t":"one","price":8,"tags":["x"]},"x"]
        $.a.b[-2:] → [2,3]
        $.a.b[-9:-1] → [1,2]
        $.a.b[2:1] → []
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
        $.books[?(!@.isbn)].t → ["one","three"]
        $.books[?(!(@.isbn == null))].t → ["one","two"]
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
        $.books[?(@.tags[*] == 'x')].t → []
        $.books[?(@.tags[*] contains 'x')].t → ["one"]
        $.books[?(@.tags[*])].t → ["one"]
        $.books[?(@.t in $.books[1:].t)].t → ["two","three"]
        $.books[?(@.isbn === 5)].t → []
        $.books[?(@.isbn === '5')].t → ["two"]
        $.books[?(@.price !== '8')].t → ["one","two","three"]
        $.books[?(@.t =~ /T.*/i)].t → ["two","three"]
        $.books[?(@.price =~ /\d+/)].t → ["one","two"]
        $.books[?(@.tags =~ /[xy]/)].t → ["one"]
        $.books[?(/t.o/ =~ @.t)].t → ["two"]
        $.books[?(@.tags subsetof ['x','y'])].t → ["one","three"]
        $.books[?(@.tags anyof ['x','y'])].t → ["one"]
        $.books[?(@.tags noneof ['x','y'])].t → ["two","three"]
        $.books[?(@.tags ALL ['x'])].t → ["one"]
        $.books[?(@.tags == ['x'])].t → ["one"]
        $.books[?(@ == {'t': 'one', "tags": ["x"], 'price': 8})].t → ["one"]
        $.books[?(@.tags in [['x'], []])].t → ["one","three"]
        $.books[?(@.price == '8')].t → ["one"]
        $.books[?(@.t size 3)].t → ["one","two"]
        $.books[?(@.price > $.books.length())].t → ["one","two","three"]
        $.books[?(@.price == $.books[*].price.max())].t → []
        $.books[?($.limit > @.price && !(@.t == 'three') || @.t == 'two')].t → ["one","two"]
        $..[?(@.t == 'two')].price → [12]
        "#,
    );
}

#[test]
fn a_path_may_end_in_a_function() {
    check(
        r#"
        $.a.b.sum() → 6.0
        $.a.b.min() → 1.0
        $.a.b.max() → 3.0
        $.a.b.avg() → 2.0
        $.a.b.stddev() → 0.816496580927726
        $..price.sum() → 29.5
        $.sum($.n, $.limit, 2) → 12.0
        $.a.b.sum($.n) → 7.0
        $.s.sum() → Invalid path '$.s.sum()' : Missing property in path $['s']
        $.n.sum() → Invalid path '$.n.sum()' : Aggregation function attempted to calculate value using empty array
        $.books[*].tags.length() → [1,0]
        $.books[*].price.sum() → Invalid path '$.books[*].price.sum()' : Aggregation function attempted to calculate value using empty array
        $.obj.length() → 2
        $.obj.size() → 2
        $..tags.length() → 1
        $.obj.keys() → ["p","q"]
        $.n.keys() → null
        $.books[0].tags.concat('-', $.n, $.a.b) → "x-1123"
        $.a.b.append(4, $.obj) → [1,2,3,4,{"p":1,"q":2}]
        $.n.append(4) → 1
        $.a.b.first() → 1
        $.a.b.last() → 3
        $.a.b.index(1) → 2
        $.a.b.index(-2) → 2
        $.a.b.index(7) → Invalid path '$.a.b.index(7)' : Target index:7 larger than object count:3
        $$.Execution.Id.length() → null
        "#,
    );
}

#[test]
fn escapes_stand_for_characters() {
    let input = json!({"é": {"a\nb": 1, "it's": 2, "\u{1F680}": 3, "日本": 4}});
    for (path, expected) in [
        (r"$['\u00e9']['a\nb']", "1"),
        (r"$.é['it\'s']", "2"),
        (r"$.é['\ud83d\ude80']", "3"),
        ("$.é.日本", "4"),
        (r#"$.é["it's"]"#, "2"),
    ] {
        assert_eq!(value_of(path, &input), expected, "{path}");
    }
}

#[test]
fn a_path_says_the_variables_it_mentions() {
    let path = Path::parse("$list[?(@.a == $x.b && @.c[?(@ == $y)])].concat($z)").unwrap();
    assert_eq!(path.variable(), Some("list"));
    assert_eq!(path.variables(), ["list", "x", "y", "z"]);
    let mut outside = Outside::default();
    let list = Payload::from_text(r#"[{"id": 1}, {"id": 2}]"#).unwrap();
    outside.variables.assign([("list", list), ("id", Payload::from_text("2").unwrap())]);
    let item = json!({"id": 1});
    let context = || Part::Object(vec![("Item", Part::Data(&item))]);
    let found = |path: &str| {
        let path = Path::parse(path).unwrap();
        path.evaluate(&outside.scope(&Value::Null, &context)).unwrap().to_string()
    };
    assert_eq!(found("$list[?(@.id == $id)]"), r#"[{"id":2}]"#);
    assert_eq!(found("$list[?(@.id == $$.Item.id)]"), r#"[{"id":1}]"#);
    assert_eq!(found("$list[?(@.id == $[1].id)]"), r#"[{"id":2}]"#);
    assert_eq!(found("$$.Item[?(@.id == $.Item.id)]"), r#"[{"id":1}]"#);
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
        $name.x → Invalid path '$name.x' : the variable `name` has not been assigned
        $. → expected a name, `*` or `[`, found the end at byte 2 of `$.`
        $.a b → expected `.` or `[`, found ` ` at byte 3 of `$.a b`
        $.a[ → expected an index, a slice, a quoted name, `*` or `?(`, found the end at byte 4 of `$.a[`
        $.a[::2] → a slice is `[from:to]`, with no step at byte 7 of `$.a[::2]`
        $.a[1:-1] → a slice counts both its bounds from the same end at byte 8 of `$.a[1:-1]`
        $.a.twist() → the function `twist()` is not supported at byte 9 of `$.a.twist()`
        $.a.length(1 → expected `,` or `)`, found the end at byte 12 of `$.a.length(1`
        $..length() → a function right after `..` is not supported at byte 11 of `$..length()`
        $..a.keys() → `.keys()` after `..` is not supported at byte 11 of `$..a.keys()`
        $.a.length().b → nothing can follow a function at byte 12 of `$.a.length().b`
        $.a[?@.x] → expected `(` after `?`, found `@` at byte 5 of `$.a[?@.x]`
        $.a[(@.size-1)] → the only script is `(@.length-N)` at byte 14 of `$.a[(@.size-1)]`
        $.a[:] → a slice needs a bound at byte 5 of `$.a[:]`
        $.a[?(@.x == 1 ; @.y)] → expected an operator or `)`, found `;` at byte 15 of `$.a[?(@.x == 1 ; @.y)]`
        $.a[9007199254740993,1] → expected an index, a slice, a quoted name, `*` or `?(`, found `]` at byte 22 of `$.a[9007199254740993,1]`
        $.a[?(1)] → expected an operator, found `)` at byte 7 of `$.a[?(1)]`
        $.a[?(@.x like 1)] → expected an operator or `)`, found ` ` at byte 14 of `$.a[?(@.x like 1)]`
        $.a[?(@.x =~ 'a')] → expected `/`, found `'` at byte 13 of `$.a[?(@.x =~ 'a')]`
        $.a[?(/a/ == @.x)] → expected `=~`, found `=` at byte 10 of `$.a[?(/a/ == @.x)]`
        $.a[?(@.x =~ /(?=a)/)] → in a regular expression, look-around is not supported at byte 20 of `$.a[?(@.x =~ /(?=a)/)]`
        $.a[?(@.x in [1 2])] → expected `,` or `]`, found `2` at byte 16 of `$.a[?(@.x in [1 2])]`
        $.a[?(@.x in {'a' 1})] → expected `:`, found `1` at byte 18 of `$.a[?(@.x in {'a' 1})]`
        $.a[?(@.x == %)] → expected `@`, `$` or a literal, found `%` at byte 13 of `$.a[?(@.x == %)]`
        $.books[?(@.t == one)].price → [8]
        $.a['b → expected the closing quote, found the end at byte 6 of `$.a['b`
        $.a['b' → expected `]`, found the end at byte 7 of `$.a['b'`
        $.a['b', 3] → expected a quoted text, found `]` at byte 10 of `$.a['b', 3]`
        $.a['b\\ → expected the closing quote, found the end at byte 7 of `$.a['b\\`
        $.a['\\u00g0'] → expected four hex digits, found `g` at byte 9 of `$.a['\\u00g0']`
        $.a['\\ud800'] → half a character at byte 12 of `$.a['\\ud800']`
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
    let deep = format!("${}", ".a".repeat(121));
    let error = ReferencePath::parse(&deep).unwrap_err();
    assert_eq!(error.message, "a place is at most 120 levels deep");
}

#[test]
fn a_path_that_visits_without_end_is_cut_short() {
    let row: Vec<u32> = (0..50).collect();
    let input = (0..60).fold(json!(row), |inner, _| json!({"a": inner, "b": row}));
    for path in [
        "$..*..*..*",
        "$..b[?(@ in $..b[*])]",
        "$..[?($..[?($..b)])]",
        "$..b[?($..b[?(@ =~ /(a|b|ab)*c/)] == @)]",
    ] {
        let (outside, context) = (Outside::default(), || Part::Data(&Value::Null));
        let scope = outside.scope(&input, &context);
        let error = Path::parse(path).unwrap().evaluate(&scope).unwrap_err();
        assert_eq!(error.cause, "The evaluation takes more than 4000000 steps", "{path}");
        assert_eq!(Path::parse(path).unwrap().lookup(&scope), Err(error));
    }
}

#[test]
fn what_a_path_gathers_is_weighed_before_it_is_copied() {
    let input = json!({"long": "x".repeat(10_000), "list": [1, 2, 3]});
    let outcome = |path: &str, bytes: usize| {
        let (mut outside, context) = (Outside::default(), || Part::Data(&Value::Null));
        outside.budget = Budget::of(bytes, Made::Result);
        let found = Path::parse(path).unwrap().evaluate(&outside.scope(&input, &context)).map(drop);
        found.map_err(|error| error.raised)
    };
    for (path, bytes) in [
        ("$.list[*]", 6),
        ("$..long", 10_000),
        ("$['long','list']", 10_000),
        ("$.long.append(1)", 10_000),
        ("$.list.concat($.long)", 10_000),
    ] {
        assert_eq!(outcome(path, bytes), Err(Raised::DataLimit(Made::Result)), "{path}");
        assert_eq!(outcome(path, 2 * bytes + 40), Ok(()), "{path}");
    }
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
    let outside = Outside::default();
    let scope = outside.scope(&Value::Null, &context);
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
        const STEPS: [&str; 12] = [
            ".a", ".b", "['c']", "[0]", "[-1]", "[*]", ".*", "[1:]", "[:2]", "[0,1]", "..a",
            "..[0]",
        ];
        let mut path = String::from("$");
        for _ in 0..=self.roll(3) {
            path.push_str(STEPS[usize::try_from(self.roll(12)).unwrap()]);
        }
        path
    }
}

fn sorted<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<String> {
    let mut texts: Vec<String> = values.map(Value::to_string).collect();
    texts.sort();
    texts
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
        let outside = Outside::default();
        let found = ours.lookup(&outside.scope(&input, &context)).unwrap();
        let all = JsonPath::parse(&path).unwrap().query(&input).all();
        let second = js_path_process(&parse_json_path(&path).unwrap(), &input).unwrap();
        // It finds the same in another order.
        assert_eq!(sorted(second.into_iter().map(QueryRef::val)), sorted(all.iter().copied()));
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
