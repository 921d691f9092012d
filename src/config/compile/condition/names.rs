//! What a condition names: only `token`, `request` and `now`, only functions that every request can afford, and
//! headers one by one, so that a repeated one can't slip past.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};

use super::super::findings::quoted;
use super::Fault;

/// More nodes, or deeper ones, are more than a reader of the policy can check.
const MAX_NODES: usize = 300;
const MAX_DEPTH: usize = 40;

/// What a condition reads.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The headers, in lower case.
    pub(super) headers: BTreeSet<String>,
    /// The claims that it names.
    pub(super) claims: BTreeSet<String>,
    /// Whether it may read claims that it does not name.
    pub(super) reads_all_claims: bool,
    /// Whether it reads anything at all.
    pub(super) reads_anything: bool,
    /// What it must not do.
    pub(super) faults: Vec<Fault>,
    bound: Vec<String>,
    loops: usize,
    nodes: usize,
}

pub(super) fn read(expression: &IdedExpr) -> Names {
    let mut names = Names::default();
    names.visit(expression, 0);
    if names.nodes > MAX_NODES {
        names.fault("is too long to be understood", "split it into `claims` and a shorter condition");
    }
    names
}

/// Without regular expressions, whose cost a token could choose, and without functions that make values grow.
const FUNCTIONS: [&str; 9] =
    ["size", "contains", "startsWith", "endsWith", "int", "uint", "double", "string", "bool"];

const OPERATORS: [&str; 18] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
];

/// What carries a credential is not for policy to compare, nor for the trail and the audit log to show.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "dpop", "proxy-authorization"];

fn is_secret(name: &str) -> bool {
    let ends = ["-key", "-token", "-secret", "-password", "-signature"];
    SECRET_HEADERS.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}

const HEADERS_HINT: &str =
    "read headers one by one: `request.headers[\"x-name\"]`, or `\"x-name\" in request.headers`";

impl Names {
    fn fault(&mut self, what: impl Into<String>, hint: &'static str) {
        self.faults.push((what.into(), hint));
    }

    fn visit(&mut self, expression: &IdedExpr, depth: usize) {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            self.nodes = MAX_NODES + 1;
            return;
        }
        let depth = depth + 1;
        match &expression.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select, depth),
            Expr::Call(call) => self.call(call, depth),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, depth),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element, depth)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth);
                    self.visit(&entry.value, depth);
                }
                EntryExpr::StructField(field) => self.visit(&field.value, depth),
            }),
            Expr::Literal(_) => {}
            Expr::Struct(_) | Expr::Unspecified => {
                self.fault("makes a message, which conditions can't", "compare single values");
            }
        }
    }

    fn ident(&mut self, name: &str) {
        match name {
            "now" => self.reads_anything = true,
            "token" => {
                self.reads_anything = true;
                self.reads_all_claims = true;
            }
            "request" => self.fault(
                "reads `request` as a whole",
                "write `request.method`, `request.host`, `request.path` or `request.headers[\"x-name\"]`",
            ),
            name if name.starts_with('@') || self.bound.iter().any(|bound| bound == name) => {}
            name => {
                let what = format!("names {}, which is not there", quoted(name));
                self.fault(what, "a condition can read `token`, `request` and `now`");
            }
        }
    }

    fn select(&mut self, select: &SelectExpr, depth: usize) {
        if is_request(&select.operand) {
            self.reads_anything = true;
            match select.field.as_str() {
                "method" | "host" | "path" => {}
                "headers" => self.fault("reads all headers at once", HEADERS_HINT),
                field => {
                    let what = format!("reads {} of the request, which is not there", quoted(field));
                    self.fault(what, "the request has `method`, `host`, `path` and `headers`");
                }
            }
        } else if is_headers(&select.operand) {
            self.header(&select.field);
        } else if is_token(&select.operand) {
            self.claim(&select.field);
        } else {
            self.visit(&select.operand, depth);
        }
    }

    fn call(&mut self, call: &CallExpr, depth: usize) {
        let name = call.func_name.as_str();
        if !OPERATORS.contains(&name) && !FUNCTIONS.contains(&name) && !name.starts_with('@') {
            let what = format!("calls {}, which conditions don't have", quoted(name));
            let hint = "there are has, size, contains, startsWith, endsWith, all, exists, exists_one, map, filter, int, uint, double, string, bool";
            self.fault(what, hint);
        }
        self.refuse_traps(call);
        match (name, call.args.as_slice()) {
            (operators::INDEX, [headers, name]) | (operators::IN, [name, headers]) if is_headers(headers) => {
                match literal(name) {
                    Some(name) => self.header(name),
                    None => self.fault("computes the name of a header", HEADERS_HINT),
                }
            }
            (operators::INDEX, [of, name]) | (operators::IN, [name, of])
                if is_token(of) && literal(name).is_some() =>
            {
                literal(name).into_iter().for_each(|name| self.claim(name));
            }
            _ => {
                call.target.iter().for_each(|target| self.visit(target, depth));
                call.args.iter().for_each(|argument| self.visit(argument, depth));
            }
        }
    }

    fn refuse_traps(&mut self, call: &CallExpr) {
        let name = call.func_name.as_str();
        // `filter` and `map` add to a list of their own, whose name no condition can write.
        let collects =
            matches!(call.args.first().map(|it| &it.expr), Some(Expr::Ident(it)) if it.starts_with('@'));
        let by_literal = call.args.iter().any(|it| matches!(it.expr, Expr::Literal(_)));
        if self.loops > 0 && name == operators::ADD && !collects && !by_literal {
            self.fault("adds two values in a loop, which could take any size", "compare instead of adding");
        }
        let searches = ["contains", "startsWith", "endsWith"].contains(&name);
        if searches && call.target.as_deref().is_some_and(is_scope) {
            let what = format!(
                "looks for text in the scopes with {}, which finds one scope in another",
                quoted(name)
            );
            self.fault(what, "write `\"orders:read\" in token.scopes`");
        }
    }

    /// A loop in a loop could make a large token cost millions of steps.
    fn comprehension(&mut self, comprehension: &ComprehensionExpr, depth: usize) {
        self.visit(&comprehension.iter_range, depth);
        if self.loops > 0 {
            self.fault("has a loop inside a loop", "use one `exists`, `all`, `map` or `filter` at a time");
            return;
        }
        self.loops += 1;
        let outer = self.bound.len();
        self.bound.push(comprehension.iter_var.clone());
        self.bound.extend(comprehension.iter_var2.clone());
        self.bound.push(comprehension.accu_var.clone());
        for part in [
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ] {
            self.visit(part, depth);
        }
        self.bound.truncate(outer);
        self.loops -= 1;
    }

    fn claim(&mut self, name: &str) {
        self.reads_anything = true;
        self.claims.insert(name.to_owned());
    }

    fn header(&mut self, name: &str) {
        self.reads_anything = true;
        let quoted = quoted(name);
        if name != name.to_ascii_lowercase() {
            self.fault(format!("reads header {quoted}"), "names of headers are in lower case here");
        } else if is_secret(name) {
            self.fault(
                format!("reads header {quoted}"),
                "it carries a credential, which conditions never see",
            );
        } else {
            self.headers.insert(name.to_owned());
        }
    }
}

fn is_request(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "request")
}

fn is_scope(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Select(select) if select.field == "scope" && is_token(&select.operand))
}

fn is_token(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "token")
}

pub(super) fn is_headers(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Select(select) if select.field == "headers" && is_request(&select.operand))
}

fn literal(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
