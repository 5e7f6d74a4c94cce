//! Guards around functions of JSONata that take more than in proportion to what they are given:
//! `$distinct` and `$keys` compare everything with everything, `$replace` may build a string of
//! any length, `$sort` compares long texts, regular expressions search. A guard is JSONata itself;
//! it calls the function last, so that what the function gives comes out untouched.

/// Guarded names, what comes first, and which of the functions below the guard calls.
pub(super) const GUARDS: [(&str, &str, &str); 7] = [
    (
        "distinct",
        "$·count := $count; $·distinct := $distinct; $distinct := function($a)<x:x> {
            $·count($a) > 1000 ? $·unique($a) : $·distinct($a) };",
        "·unique",
    ),
    (
        "keys",
        "$·exists := $exists; $·keys := $keys; $keys := function($x)<x-:a<s>> {
            ($n := $·names($x); $·exists($n) ? $n : $·keys($x)) };",
        "·names",
    ),
    (
        "replace",
        "$·type := $type; $·exists := $exists; $·length := $length; $·replace := $replace;
        $replace := function($s, $p, $r, $l)<s-(sf)(sf)n?:s> {
            $·type($r) = 'function' ? $·replace($s, $p, function($m) {
                ($t := $r($m); $·type($t) = 'string' ? $·spend($·length($t)); $t) }, $l)
            : ($·replaced($s, $·type($p) = 'string' ? $p : null, $r);
                $f := $·type($p) = 'function' ? $·search('replace', $s, $p, $l, $r);
                $·exists($f) ? $f : $·replace($s, $p, $r, $l)) };",
        "·replaced",
    ),
    (
        "match",
        "$·exists := $exists; $·match := $match; $match := function($s, $p, $l)<s-f<s:o>n?:a<o>> {
            ($f := $·search('match', $s, $p, $l); $·exists($f) ? $f.found.$ : $·match($s, $p, $l)) };",
        SEARCH,
    ),
    (
        "contains",
        "$·type := $type; $·exists := $exists; $·contains := $contains;
        $contains := function($s, $p)<s-(sf):b> {
            ($f := $·type($p) = 'function' ? $·search('contains', $s, $p);
            $·exists($f) ? $f : $·contains($s, $p)) };",
        SEARCH,
    ),
    (
        "split",
        "$·type := $type; $·exists := $exists; $·split := $split;
        $split := function($s, $p, $l)<s-(sf)n?:a<s>> {
            ($f := $·type($p) = 'function' ? $·search('split', $s, $p, $l);
            $·exists($f) ? $f : $·split($s, $p, $l)) };",
        SEARCH,
    ),
    (
        "sort",
        "$·type := $type; $·sort := $sort; $sort := function($a, $f)<af?:a> {
            $·type($f) = 'function' ? $·sort($a, $f) : ($·sorting($a); $·sort($a)) };",
        "·sorting",
    ),
];

/// Of the guard of `$replace`.
pub(super) const SPEND: &str = "·spend";

/// Of the guards of functions that take regular expressions.
pub(super) const SEARCH: &str = "·search";

/// What literals of regular expressions call.
pub(super) const AHEAD: &str = "·ahead";

/// Makes a range.
pub(super) const SPAN: &str = "·span";
