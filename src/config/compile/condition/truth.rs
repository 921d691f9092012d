//! Finds conditions that are always true or always false, whatever the request, as far as their form shows it.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

pub(super) fn of(expression: &IdedExpr) -> Option<bool> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Some(*value.inner()),
        Expr::Call(call) => of_call(call),
        _ => None,
    }
}

fn of_call(call: &CallExpr) -> Option<bool> {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_NOT, [operand]) => of(operand).map(|value| !value),
        (operators::LOGICAL_AND, [one, other]) => match (of(one), of(other)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        (operators::LOGICAL_OR, [one, other]) => match (of(one), of(other)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ if are_opposites(one, other) => Some(true),
            _ => None,
        },
        (operators::EQUALS | operators::LESS_EQUALS | operators::GREATER_EQUALS, [one, other]) => {
            same(one, other).then_some(true)
        }
        (operators::NOT_EQUALS | operators::LESS | operators::GREATER, [one, other]) => {
            same(one, other).then_some(false)
        }
        _ => None,
    }
}

/// `a == b || a != b`.
fn are_opposites(one: &IdedExpr, other: &IdedExpr) -> bool {
    let (Expr::Call(one), Expr::Call(other)) = (&one.expr, &other.expr) else { return false };
    let pair = (one.func_name.as_str(), other.func_name.as_str());
    let opposite = matches!(
        pair,
        (operators::EQUALS, operators::NOT_EQUALS) | (operators::NOT_EQUALS, operators::EQUALS)
    );
    opposite
        && one.args.len() == other.args.len()
        && one.args.iter().zip(&other.args).all(|(a, b)| same(a, b))
}

/// Whether two expressions are written alike. Their ids differ, so `==` on them does not say it.
fn same(one: &IdedExpr, other: &IdedExpr) -> bool {
    match (&one.expr, &other.expr) {
        (Expr::Ident(one), Expr::Ident(other)) => one == other,
        (Expr::Literal(one), Expr::Literal(other)) => one == other,
        (Expr::Select(one), Expr::Select(other)) => {
            one.field == other.field && one.test == other.test && same(&one.operand, &other.operand)
        }
        (Expr::Call(one), Expr::Call(other)) => {
            let targets = match (&one.target, &other.target) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                _ => false,
            };
            targets
                && one.func_name == other.func_name
                && one.args.len() == other.args.len()
                && one.args.iter().zip(&other.args).all(|(one, other)| same(one, other))
        }
        _ => false,
    }
}
