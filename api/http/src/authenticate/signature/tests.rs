//! Signatures: AWS's published examples, requests that botocore signed, and every refusal.

use axum::http::Request;

use super::*;

/// Key, secret and moment of AWS's examples.
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const MOMENT: &str = "20150830T123600Z";

const LIST: &str = "AWSStepFunctions.ListStateMachines";
const LIST_SIGNATURE: &str = "759461a505fc3d6f6a40c7f21f4f40d15972ad704497c342b262399e8bae96b3";

fn at(text: &str) -> DateTime<Utc> {
    NaiveDateTime::parse_from_str(text, BASIC).unwrap().and_utc()
}

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// What becomes of a request that is received at this moment.
fn judged(parts: &Parts, service: &str, body: &[u8], now: &str) -> Result<String, OperationError> {
    let expected = Expected { region: "us-east-1", service };
    let signature = Signature::of(parts, expected, at(now))?;
    signature.verify(parts, &canonical::hash(body), SECRET)?;
    Ok(signature.key_id)
}

fn authorization(service: &str, signed_headers: &str, hex: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={KEY}/20150830/us-east-1/{service}/aws4_request, \
         SignedHeaders={signed_headers}, Signature={hex}"
    )
}

/// A request of AWS's published examples, to `example.amazonaws.com`.
fn check_example(method: &str, target: &str, headers: &[(&str, &str)], signed: &str, hex: &str) {
    let authorization = authorization("service", signed, hex);
    let mut all =
        vec![("host", "example.amazonaws.com"), ("authorization", authorization.as_str())];
    all.extend(headers);
    let parts = parts(method, target, &all);
    let judged = judged(&parts, "service", b"", MOMENT);
    assert_eq!(judged.unwrap(), KEY, "{method} {target} {headers:?}");
}

#[test]
fn the_published_examples_are_right() {
    let date = ("x-amz-date", MOMENT);
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    check_example("GET", "/", &[date], "host;x-amz-date", vanilla);
    check_example("GET", "//example//..//./", &[date], "host;x-amz-date", vanilla);
    check_example(
        "GET",
        "/?Param2=value2&Param1=value1",
        &[date],
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check_example(
        "GET",
        "/?Param1=value1",
        &[date],
        "host;x-amz-date",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    );
    check_example(
        "GET",
        "/",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\""), date],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    check_example(
        "POST",
        "/",
        &[date],
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
}

/// `ListStateMachines` with the body `{}`, as botocore signed it.
fn list_request() -> Vec<(&'static str, String)> {
    let signed = "content-type;host;x-amz-date;x-amz-target";
    vec![
        ("host", "localhost:8083".to_owned()),
        ("content-type", "application/x-amz-json-1.0".to_owned()),
        ("x-amz-target", LIST.to_owned()),
        ("x-amz-date", MOMENT.to_owned()),
        ("authorization", authorization("states", signed, LIST_SIGNATURE)),
    ]
}

fn with(headers: &[(&'static str, String)], name: &'static str, value: &str) -> Parts {
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.retain(|(known, _)| *known != name);
    if !value.is_empty() {
        headers.push((name, value));
    }
    parts("POST", "/", &headers)
}

#[test]
fn what_botocore_signs_is_right() {
    let listing = with(&list_request(), "accept", "*/*");
    assert_eq!(judged(&listing, "states", b"{}", MOMENT).unwrap(), KEY);
    for (target, hex) in [
        (
            "/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A123456789012%3Aschedule-group%2Fa",
            "fb18b332f7d09291544c6ab01543704ffcc3c798c98592621ddb929d76fb0dab",
        ),
        (
            "/schedules?ScheduleGroup=a%20b&NamePrefix=x%2By&MaxResults=5",
            "92f5d8a91e4a85bc2e581d856e49fe1fdc1e86c00c62040bd227c27bd8db4aa2",
        ),
    ] {
        let authorization = authorization("scheduler", "host;x-amz-date", hex);
        let parts = parts(
            "GET",
            target,
            &[
                ("host", "localhost:8083"),
                ("x-amz-date", MOMENT),
                ("authorization", &authorization),
            ],
        );
        assert_eq!(judged(&parts, "scheduler", b"", MOMENT).unwrap(), KEY, "{target}");
    }
}

const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&\
    X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fscheduler%2Faws4_request&\
    X-Amz-Date=20150830T123600Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&\
    X-Amz-Signature=c293e99d5968a3416988c26db2901b939de0f85062fd6103576cbfc123d99650";

fn presigned(query: &str) -> Parts {
    let target = format!("/schedules/a?groupName=b&{query}");
    parts("GET", &target, &[("host", "localhost:8083")])
}

#[test]
fn what_botocore_presigns_is_right_until_it_expires() {
    let parts = presigned(PRESIGNED);
    for now in [MOMENT, "20150830T123100Z", "20150906T123600Z"] {
        assert_eq!(judged(&parts, "scheduler", b"", now).unwrap(), KEY, "{now}");
    }
    let late = judged(&parts, "scheduler", b"", "20150906T123601Z").unwrap_err();
    assert_eq!(late.kind, Kind::InvalidSignature);
    assert_eq!(
        late.message,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150906T123601Z - 10080 min.)"
    );
    let early = judged(&parts, "scheduler", b"", "20150830T123059Z").unwrap_err();
    assert!(early.message.starts_with("Signature not yet current: "), "{}", early.message);

    let target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2F\
                  us-east-1%2Fstates%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&\
                  X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-target&X-Amz-Signature=\
                  d7d36019aad058c4bd70e0702b41abfa33abf80cbf349e98df249f10deb169a6";
    let headers = [
        ("host", "localhost:8083"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", LIST),
    ];
    let step_functions = self::parts("POST", target, &headers);
    assert_eq!(judged(&step_functions, "states", b"", MOMENT).unwrap(), KEY);
    let other = judged(&step_functions, "states", b"{}", MOMENT).unwrap_err();
    assert_eq!(other.kind, Kind::InvalidSignature, "the body is signed, too");
}

#[test]
fn a_life_is_a_number_of_seconds_up_to_a_week() {
    for (expires, told) in [
        (
            "604801",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
             must be less than 604800 seconds",
        ),
        ("0", "X-Amz-Expires must be non-negative"),
        ("-5", "X-Amz-Expires must be non-negative"),
        ("soon", "X-Amz-Expires should be a number"),
        ("99999999999999999999", "X-Amz-Expires should be a number"),
    ] {
        let query = PRESIGNED.replace("Expires=604800", &format!("Expires={expires}"));
        let refusal = judged(&presigned(&query), "scheduler", b"", MOMENT).unwrap_err();
        assert_eq!(refusal.kind, Kind::IncompleteSignature, "{expires}");
        assert_eq!(refusal.message, told);
    }
    let query = PRESIGNED.replace("Expires=604800", "Expires=90");
    let late = judged(&presigned(&query), "scheduler", b"", "20150830T123731Z").unwrap_err();
    let told = "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
                (20150830T123731Z - 90 sec.)";
    assert_eq!(late.message, told);
}

#[test]
fn a_date_is_written_as_the_norm_has_it() {
    let query = PRESIGNED.replace("Date=20150830T123600Z", "Date=yesterday");
    let refusal = judged(&presigned(&query), "scheduler", b"", MOMENT).unwrap_err();
    let told = "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See \
                http://en.wikipedia.org/wiki/ISO_8601";
    assert_eq!((refusal.kind, refusal.message.as_str()), (Kind::IncompleteSignature, told));
}

#[test]
fn whatever_was_signed_cannot_be_changed() {
    let headers = list_request();
    let signed = "content-type;host;x-amz-date;x-amz-target";
    let other_hex = LIST_SIGNATURE.replacen('7', "8", 1);
    let changed = [
        with(&headers, "content-type", "application/json"),
        with(&headers, "host", "127.0.0.1:8083"),
        with(&headers, "x-amz-target", "AWSStepFunctions.ListActivities"),
        with(&headers, "x-amz-date", "20150830T123601Z"),
        with(&headers, "authorization", &authorization("states", signed, &other_hex)),
        with(&headers, "authorization", &authorization("states", signed, "00")),
        with(&headers, "authorization", &authorization("states", signed, "not hexadecimal")),
    ];
    let told = "The request signature we calculated does not match the signature you provided. \
                Check your AWS Secret Access Key and signing method. Consult the service \
                documentation for details.";
    for parts in &changed[..6] {
        let refusal = judged(parts, "states", b"{}", MOMENT).unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str()), (Kind::InvalidSignature, told));
    }
    assert!(judged(&changed[6], "states", b"{}", MOMENT).is_err());
    let same = with(&headers, "accept", "*/*");
    assert_eq!(judged(&same, "states", b"{} ", MOMENT).unwrap_err().message, told);
    let expected = Expected { region: "us-east-1", service: "states" };
    let signature = Signature::of(&same, expected, at(MOMENT)).unwrap();
    assert_eq!(
        signature.verify(&same, &canonical::hash(b"{}"), b"other").unwrap_err().message,
        told
    );
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let parts = with(&list_request(), "accept", "*/*");
    for now in ["20150830T124100Z", "20150830T123100Z"] {
        assert!(judged(&parts, "states", b"{}", now).is_ok(), "{now}");
    }
    for (now, told) in [
        (
            "20150830T124101Z",
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
             (20150830T124101Z - 5 min.)",
        ),
        (
            "20150830T123059Z",
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
             (20150830T123059Z + 5 min.)",
        ),
    ] {
        let refusal = judged(&parts, "states", b"{}", now).unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str()), (Kind::InvalidSignature, told));
    }
}

/// What is told of `ListStateMachines` with another header.
fn told(name: &'static str, value: &str) -> (Kind, String) {
    let refusal = judged(&with(&list_request(), name, value), "states", b"{}", MOMENT);
    let refusal = refusal.unwrap_err();
    (refusal.kind, refusal.message)
}

#[test]
fn what_is_missing_is_named() {
    let missing = (Kind::MissingAuthenticationToken, "Missing Authentication Token".to_owned());
    assert_eq!(told("authorization", ""), missing);
    assert_eq!(told("authorization", "Bearer AKIDEXAMPLE.secret"), missing);
    assert_eq!(
        told("authorization", "AWS4-HMAC-SHA256 Signature=b"),
        (
            Kind::IncompleteSignature,
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256 Signature=b"
                .to_owned()
        )
    );
    assert_eq!(
        told("authorization", "AWS4-HMAC-SHA256 Credential, Signature=b"),
        (
            Kind::IncompleteSignature,
            "'Credential' not a valid key=value pair (missing equal-sign) in Authorization \
             header: 'AWS4-HMAC-SHA256 Credential, Signature=b'."
                .to_owned()
        )
    );
    let (kind, message) = told("x-amz-date", "");
    assert_eq!(kind, Kind::IncompleteSignature);
    let undated = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                   header. Authorization=AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
    assert!(message.starts_with(undated), "{message}");
    let (kind, message) = told("x-amz-date", "2015-08-30");
    assert_eq!(kind, Kind::IncompleteSignature);
    assert!(message.starts_with("Date must be in ISO-8601 'basic format'. Got '2015-08-30'."));
    let refusal = judged(&presigned("X-Amz-Algorithm=AWS4-HMAC-SHA256"), "scheduler", b"", MOMENT);
    assert_eq!(
        refusal.unwrap_err().message,
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters \
         must include 'X-Amz-Signature'. AWS query-string parameters must include \
         'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine \
         the query-string parameters."
    );
}

#[test]
fn host_and_what_names_the_operation_are_to_be_signed() {
    let told =
        |signed: &str| told("authorization", &authorization("states", signed, LIST_SIGNATURE));
    assert_eq!(
        told("x-amz-date;x-amz-target"),
        (
            Kind::InvalidSignature,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned()
        )
    );
    assert_eq!(
        told("host;x-amz-date"),
        (
            Kind::InvalidSignature,
            "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.".to_owned()
        )
    );
    for again in ["host;x-amz-date;x-amz-date;x-amz-target", "x-amz-target;host;x-amz-date"] {
        let sorted = "'SignedHeaders' must be sorted, and name each header once.";
        assert_eq!(told(again), (Kind::InvalidSignature, sorted.to_owned()), "{again}");
    }
    assert_eq!(
        told("accept;host;x-amz-date;x-amz-target"),
        (
            Kind::IncompleteSignature,
            "'accept' is named as a SignedHeader, but it does not exist in the HTTP request."
                .to_owned()
        )
    );
}

#[test]
fn a_credential_is_for_one_date_region_and_service() {
    let told = |credential: &str, algorithm: &str| {
        let (kind, message) = told(
            "authorization",
            &format!(
                "{algorithm} Credential={credential}, SignedHeaders=host;x-amz-date;x-amz-target, \
                 Signature=00"
            ),
        );
        assert!(matches!(kind, Kind::InvalidSignature | Kind::IncompleteSignature));
        message
    };
    assert_eq!(
        told("k/20150830/us-east-1/states/aws4_request", "AWS4-HMAC-SHA25"),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). "
    );
    assert_eq!(
        told("a/b/c/d", "AWS4-HMAC-SHA256"),
        "Credential must have exactly 5 slash-delimited elements, e.g. \
         keyid/date/region/service/term, got 'a/b/c/d'"
    );
    assert_eq!(
        told("k/20150829/eu-west-1/dynamodb/aws5", "AWS4-HMAC-SHA256"),
        "Credential should be scoped to a valid region, not 'eu-west-1'. Credential should be \
         scoped to correct service: 'states'. Credential should be scoped with a valid \
         terminator: 'aws4_request', not 'aws5'. Date in Credential scope does not match YYYYMMDD \
         from ISO-8601 version of date from HTTP: '20150829' != '20150830', from \
         '20150830T123600Z'. "
    );
}

#[test]
fn two_signatures_are_none() {
    let mut headers = list_request();
    headers.retain(|(name, _)| *name != "x-amz-target");
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let parts = parts("POST", &format!("/?{PRESIGNED}"), &headers);
    let refusal = judged(&parts, "states", b"{}", MOMENT).unwrap_err();
    assert_eq!(refusal.kind, Kind::InvalidSignature);
    let told = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
                header.";
    assert_eq!(refusal.message, told);
}

#[test]
fn the_header_date_will_do() {
    let expected = Expected { region: "us-east-1", service: "states" };
    let mut headers = list_request();
    headers.retain(|(name, _)| *name != "x-amz-date");
    let parts = with(&headers, "date", "Sun, 30 Aug 2015 12:36:00 GMT");
    let signature = Signature::of(&parts, expected, at(MOMENT)).unwrap();
    assert_eq!(signature.timestamp, MOMENT);
}
