//! What conditions read, what they are refused for, and what they come to when a token does not fit.

use serde_json::{Value, json};

use super::super::super::Path;
use super::super::super::problem::Severity;
use super::super::super::read::read;
use super::super::findings::Findings;
use super::compile;
use crate::check::Headers;
use crate::check::access_token::VerifiedToken;
use crate::check::policy::{Condition, ConditionFault, RequestFacts};
use crate::check::target::{Target, TargetRules};
use crate::jose::UnixTime;

struct Compiled {
    condition: Option<std::sync::Arc<Condition>>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn compiled(text: &str) -> Compiled {
    let source = read::<Value>("policy.yaml", "condition: x").source;
    let mut problems = Vec::new();
    let condition = compile(text, &Path::root().key("condition"), &mut Findings::new(&source, &mut problems));
    let of = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .map(|problem| problem.what.clone())
            .collect()
    };
    Compiled { condition, errors: of(Severity::Error), warnings: of(Severity::Warning) }
}

fn holds(text: &str, claims: Value, headers: &[(&str, &str)]) -> Result<bool, ConditionFault> {
    let compiled = compiled(text);
    assert_eq!(compiled.errors, Vec::<String>::new(), "{text}");
    let headers: Headers = headers.iter().map(|(name, value)| (*name, *value)).collect();
    let target = Target::read("/orders/caf%C3%A9/?q=1", TargetRules::default()).unwrap();
    let request =
        RequestFacts { method: "POST", host: "orders.example.com", target: &target, headers: &headers };
    let token = VerifiedToken::of_claims(claims);
    compiled.condition.unwrap().holds(&token, request, UnixTime::from_millis(1_700_000_000_500))
}

#[test]
fn reads_token_request_and_now() {
    let claims = || json!({"sub": "alice", "tenant": {"id": "t1", "level": 3}, "auth_time": 1_699_999_900, "groups": ["a", "b"]});
    let headers = [("x-tenant", "t1")];
    for text in [
        "token.tenant.id == request.headers[\"x-tenant\"]",
        "request.method == \"POST\" && request.host == \"orders.example.com\"",
        "request.path == \"/orders/café/\"",
        "now - token.auth_time < 300",
        "\"b\" in token.groups && !(\"c\" in token.groups)",
        "token.groups.exists(g, g.startsWith(\"a\"))",
        "token.groups.all(g, size(g) == 1)",
        "has(token.tenant.level) && token.tenant.level >= 3",
        "has(token.nothing) ? false : true",
        "\"x-tenant\" in request.headers && !(\"x-other\" in request.headers)",
        "token[\"sub\"] == \"alice\"",
        "token.scope == \"\"",
        "size(token.scopes) == 0 && !(\"a\" in token.scopes)",
        "token.sub in [\"alice\", \"bob\"]",
        "token.groups.filter(g, g != \"a\").size() == 1",
        "token.groups.map(g, g + \"!\") == [\"a!\", \"b!\"]",
        "token.groups.exists_one(g, g == \"a\")",
        "string(token.tenant.level) == \"3\" && int(\"3\") == token.tenant.level && double(\"3\") == 3.0",
        "bool(\"true\") && uint(\"3\") == 3u",
        "token.sub.contains(\"lic\") && token.sub.endsWith(\"e\")",
    ] {
        assert_eq!(holds(text, claims(), &headers), Ok(true), "{text}");
    }
    assert_eq!(
        holds("token.tenant.id == request.headers[\"x-tenant\"]", claims(), &[("x-tenant", "t2")]),
        Ok(false)
    );
}

#[test]
fn what_goes_wrong_is_a_fault_and_never_true() {
    use ConditionFault as F;
    let fault = |text, claims, headers: &[(&str, &str)]| holds(text, claims, headers).unwrap_err();
    assert_eq!(fault("token.tenant == \"a\"", json!({}), &[]), F::Missing("tenant".into()));
    let reads = "request.headers[\"x-a\"] != \"b\"";
    assert_eq!(fault(reads, json!({}), &[]), F::Missing("x-a".into()));
    assert_eq!(fault(reads, json!({}), &[("x-a", "a"), ("X-A", "b")]), F::RepeatedHeader("x-a".into()));
    assert_eq!(fault("token.flag", json!({"flag": "true"}), &[]), F::NotABoolean);
    for (text, claims) in [
        ("token.a < token.b", json!({"a": 1, "b": "x"})),
        ("token.a / token.b == 1", json!({"a": 1, "b": 0})),
        ("token.a * token.a > 0", json!({"a": i64::MAX})),
        ("token.list[5] == 1", json!({"list": [1]})),
        ("token.a && token.b", json!({"a": 1, "b": true})),
        ("token.a.exists(x, x == 1)", json!({"a": 7})),
    ] {
        assert!(matches!(fault(text, claims, &[]), F::Failed(_)), "{text}");
    }
}

#[test]
fn one_side_can_decide_where_the_other_can_not_be_computed() {
    let holds = |text| holds(text, json!({"a": 1}), &[]);
    for text in ["token.nothing == 1 || token.a == 1", "token.a == 1 || token.nothing == 1"] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    for text in ["token.nothing == 1 && token.a == 2", "token.a == 2 && token.nothing == 1"] {
        assert_eq!(holds(text), Ok(false), "{text}");
    }
    for text in ["token.nothing == 1 || token.a == 2", "!(token.nothing == 1)"] {
        assert_eq!(holds(text), Err(ConditionFault::Missing("nothing".into())), "{text}");
    }
}

#[test]
fn faults_never_show_values() {
    for (text, claims) in [
        ("token.secret < 5", json!({"secret": "hunter2"})),
        ("token.secret + 5 == 1", json!({"secret": "hunter2"})),
        ("token.secret.nothing == 1", json!({"secret": "hunter2"})),
        ("token.map[token.secret] == 1", json!({"secret": ["hunter2"], "map": {}})),
    ] {
        let fault = holds(text, claims, &[]).unwrap_err().to_string();
        assert!(!fault.contains("hunter2"), "{text}: {fault}");
    }
}

#[test]
fn refuses_what_could_never_work() {
    for (text, expected) in [
        ("token.tenant ==", "is no condition: it ends too early"),
        (" ", "is no condition: it is empty"),
        ("token.a = 1", "is no condition: it can't be read from `= 1` on"),
        ("token.a == 1 &&\ntoken.b = 2", "is no condition: it can't be read from `= 2` on"),
        ("token.é = 1", "is no condition: it can't be read from `é = 1` on"),
        ("tokn.tenant == \"a\"", "names `tokn`, which is not there"),
        ("request.body == \"a\"", "reads `body` of the request, which is not there"),
        ("request == token", "reads `request` as a whole"),
        ("request.headers == {}", "reads all headers at once"),
        ("request.headers[token.name] == \"a\"", "computes the name of a header"),
        ("request.headers.exists(h, h == \"x\")", "reads all headers at once"),
        ("request.headers[\"X-Tenant\"] == \"a\"", "reads header `X-Tenant`"),
        ("request.headers.authorization == \"a\"", "reads header `authorization`"),
        ("token.a.matches(\"(a+)+\")", "calls `matches`, which conditions don't have"),
        ("min(token.a, 1) == 1", "calls `min`, which conditions don't have"),
        ("token.a.map(x, x.map(y, y)).size() > 0", "has a loop inside a loop"),
        ("token.a.map(x, x + token.b).size() > 0", "adds two values in a loop, which could take any size"),
        ("token.scope.contains(\"admin\")", "looks for text in the scopes with `contains`"),
        ("request.headers[\"x-api-key\"] == \"a\"", "reads header `x-api-key`"),
        ("token.scope", "is text, and not true or false"),
        ("now - 5", "is a number, and not true or false"),
        ("request.method == 5", "compares text with a number, which are never equal"),
        ("token.a == 1 && now", "joins a number, where true or false belongs"),
        ("request.path + 1 == 2", "adds a number to text"),
        ("request.path - 1 > 0", "computes with text, where a number belongs"),
        ("now.startsWith(\"1\")", "searches a number, where text belongs"),
        ("now in request.path", "looks into text, where a list or a mapping belongs"),
        ("now.year == 1", "reads `year` of a number"),
        ("Message{a: 1} == token", "makes a message, which conditions can't"),
    ] {
        let compiled = compiled(text);
        assert!(compiled.condition.is_none(), "{text}");
        assert!(
            compiled.errors.iter().any(|error| error.starts_with(expected)),
            "{text}: {:?}",
            compiled.errors
        );
    }
}

#[test]
fn bounds_length_depth_and_work() {
    let deep = format!("{}true{}", "(".repeat(500), ")".repeat(500));
    let nested = format!("{}token.a{} == []", "[".repeat(80), "]".repeat(80));
    let wide = vec!["token.a"; 200].join("||");
    let chain = format!("token{} == 1", ".a".repeat(100));
    for text in [deep, nested, wide, chain, "token.a == \"x\" ".repeat(200)] {
        let compiled = compiled(&text);
        assert!(compiled.condition.is_none() && !compiled.errors.is_empty(), "{text}");
    }
}

#[test]
fn warns_of_conditions_that_decide_nothing() {
    for (text, always) in [
        ("true", true),
        ("1 + 1 == 3", false),
        ("token.a == token.a", true),
        ("token.a == 1 || true", true),
        ("token.a == 1 && false", false),
        ("token.a == 1 || token.a != 1", true),
        ("!(token.b != token.b)", true),
        ("size(\"abc\") > 2", true),
    ] {
        assert_eq!(compiled(text).warnings, [format!("is always {always}")], "{text}");
    }
    for text in ["token.a == token.b", "token.a == 1 || token.b != 1", "token.flag"] {
        assert!(compiled(text).warnings.is_empty(), "{text}");
    }
}

#[test]
fn knows_which_headers_it_reads() {
    let condition =
        compiled("\"x-b\" in request.headers || request.headers.origin == token.a").condition.unwrap();
    assert_eq!(condition.headers(), ["origin", "x-b"]);
    assert_eq!(condition.claims(), Some(["a".to_owned()].as_slice()));
    let condition = compiled("token[\"b\"] == 1 && \"c\" in token && token.d.e == 2").condition.unwrap();
    assert_eq!(condition.claims(), Some(["b", "c", "d"].map(str::to_owned).as_slice()));
    assert_eq!(compiled("token[token.a] == 1").condition.unwrap().claims(), None);
}
