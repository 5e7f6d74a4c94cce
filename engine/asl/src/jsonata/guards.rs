//! Guards around functions of JSONata that take more than in proportion to what they are given:
//! `$distinct` and `$keys` compare everything with everything, `$replace` may build a string of
//! any length. A guard is JSONata itself; it calls the function last, so that what the function
//! gives comes out untouched.

/// Guarded names, what comes first, and which of the functions below the guard calls.
pub(super) const GUARDS: [(&str, &str, &str); 3] = [
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
        "$·type := $type; $·length := $length; $·replace := $replace;
        $replace := function($s, $p, $r, $l)<s-(sf)(sf)n?:s> {
            $·type($r) = 'function' ? $·replace($s, $p, function($m) {
                ($t := $r($m); $·type($t) = 'string' ? $·spend($·length($t)); $t) }, $l)
            : ($·replaced($s, $·type($p) = 'string' ? $p : null, $r); $·replace($s, $p, $r, $l)) };",
        "·replaced",
    ),
];

/// Of the last guard.
pub(super) const SPEND: &str = "·spend";
