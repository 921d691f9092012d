//! Finds operators on values that they are not for, as far as that can be told before there is a token. What a
//! token's claims are is known only then; what is in the request is known now.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};

use super::Fault;
use super::names::is_headers;

/// What kind of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    List,
    Map,
    /// Not known before there is a token.
    Any,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a mapping",
            Self::Any => "anything",
        }
    }

    fn may_be(self, wanted: &[Self]) -> bool {
        self == Self::Any || wanted.contains(&self)
    }
}

pub(super) fn faults(expression: &IdedExpr) -> Vec<Fault> {
    let mut checker = Checker::default();
    let kind = checker.kind(expression);
    if !kind.may_be(&[Kind::Truth]) {
        let what = format!("is {}, and not true or false", kind.name());
        checker.faults.push((what, "compare it with something, as in `token.tenant == \"a\"`"));
    }
    checker.faults
}

#[derive(Default)]
struct Checker {
    faults: Vec<Fault>,
}

impl Checker {
    fn kind(&mut self, expression: &IdedExpr) -> Kind {
        match &expression.expr {
            Expr::Literal(literal) => literal_kind(literal),
            Expr::Ident(name) if name == "now" => Kind::Number,
            Expr::Ident(name) if name == "token" => Kind::Map,
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                for element in &list.elements {
                    self.kind(element);
                }
                Kind::List
            }
            Expr::Map(_) => Kind::Map,
            Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => Kind::Any,
        }
    }

    fn select(&mut self, select: &SelectExpr) -> Kind {
        let of = match &select.operand.expr {
            Expr::Ident(name) if name == "request" => Kind::Map,
            _ => self.kind(&select.operand),
        };
        if !of.may_be(&[Kind::Map]) {
            let what = format!("reads `{}` of {}", select.field, of.name());
            self.faults.push((what, "only mappings have fields"));
        }
        match &select.operand.expr {
            _ if select.test => Kind::Truth,
            Expr::Ident(name) if name == "request" && select.field == "headers" => Kind::Map,
            Expr::Ident(name) if name == "request" => Kind::Text,
            Expr::Ident(name)
                if name == "token" && ["scope", "client_id"].contains(&select.field.as_str()) =>
            {
                Kind::Text
            }
            Expr::Ident(name) if name == "token" && select.field == "scopes" => Kind::List,
            _ if is_headers(&select.operand) => Kind::Text,
            _ => Kind::Any,
        }
    }

    fn call(&mut self, call: &CallExpr) -> Kind {
        let target = call.target.as_deref().map(|target| self.kind(target));
        let kinds: Vec<_> = call.args.iter().map(|argument| self.kind(argument)).collect();
        match (call.func_name.as_str(), kinds.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, operands) => {
                self.all_be(operands, &[Kind::Truth], "joins");
                Kind::Truth
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                self.comparable(*one, *other);
                Kind::Truth
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [one, other],
            ) => {
                self.all_be(&kinds, &[Kind::Number, Kind::Text, Kind::Truth], "orders");
                self.comparable(*one, *other);
                Kind::Truth
            }
            (operators::ADD, [one, other]) => {
                self.all_be(&kinds, &[Kind::Number, Kind::Text, Kind::List], "adds");
                self.sum(*one, *other)
            }
            (
                operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE,
                operands,
            ) => {
                self.all_be(operands, &[Kind::Number], "computes with");
                Kind::Number
            }
            (operators::CONDITIONAL, [test, one, other]) => {
                self.all_be(&[*test], &[Kind::Truth], "chooses by");
                if one == other { *one } else { Kind::Any }
            }
            (operators::IN, [_, within]) => {
                self.all_be(&[*within], &[Kind::List, Kind::Map], "looks into");
                Kind::Truth
            }
            (operators::INDEX, [of, _]) => {
                self.all_be(&[*of], &[Kind::List, Kind::Map], "takes an element of");
                if call.args.first().is_some_and(is_headers) { Kind::Text } else { Kind::Any }
            }
            ("contains" | "startsWith" | "endsWith", _) => {
                self.all_be(&target.into_iter().chain(kinds).collect::<Vec<_>>(), &[Kind::Text], "searches");
                Kind::Truth
            }
            ("size" | "int" | "uint" | "double", _) => Kind::Number,
            ("string", _) => Kind::Text,
            ("bool", _) => Kind::Truth,
            _ => Kind::Any,
        }
    }

    /// What a macro makes: its result is what it collects in, or a comparison of that.
    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Kind {
        let range = self.kind(&comprehension.iter_range);
        self.all_be(&[range], &[Kind::List, Kind::Map], "goes through");
        self.kind(&comprehension.loop_step);
        match &comprehension.result.expr {
            Expr::Ident(name) if *name == comprehension.accu_var => self.kind(&comprehension.accu_init),
            _ => self.kind(&comprehension.result),
        }
    }

    fn all_be(&mut self, kinds: &[Kind], wanted: &[Kind], does: &str) {
        if let Some(other) = kinds.iter().find(|kind| !kind.may_be(wanted)) {
            let names = wanted.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ");
            let what = format!("{does} {}, where {names} belongs", other.name());
            self.faults.push((what, "compare values of one kind, and join comparisons with && and ||"));
        }
    }

    /// What is wrong with a sum is not also wrong with what it is compared with.
    fn sum(&mut self, one: Kind, other: Kind) -> Kind {
        match (one, other) {
            (Kind::Any, known) | (known, Kind::Any) => known,
            (one, other) if one == other => one,
            (one, other) => {
                let what = format!("adds {} to {}", other.name(), one.name());
                self.faults.push((what, "write text in quotes and numbers without"));
                Kind::Any
            }
        }
    }

    fn comparable(&mut self, one: Kind, other: Kind) {
        if one != other && one != Kind::Any && other != Kind::Any {
            let what = format!("compares {} with {}, which are never equal", one.name(), other.name());
            self.faults.push((what, "write text in quotes and numbers without"));
        }
    }
}

fn literal_kind(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Truth,
        LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Kind::Number,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::Null | LiteralValue::Bytes(_) => Kind::Any,
    }
}
