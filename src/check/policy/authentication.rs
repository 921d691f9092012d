//! How and how recently the person behind a token must have authenticated (RFC 9470).

use std::time::Duration;

use crate::jose::{Claims, UnixTime};

/// What a rule asks of the authentication. At least one of the two is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Accepted values of `acr`; empty means any.
    pub acr: Vec<String>,
    /// How long ago `auth_time` may be.
    pub max_age: Option<Duration>,
}

/// Clocks differ, but a person who will have authenticated later has not yet.
const FUTURE: Duration = Duration::from_secs(60);

impl Authentication {
    /// What is not met, in words; none when all is. A claim that is missing meets nothing (RFC 9470 §6).
    #[must_use]
    pub fn unmet(&self, claims: &Claims, now: UnixTime) -> Option<String> {
        self.wrong_class(claims).or_else(|| self.too_old(claims, now))
    }

    fn wrong_class(&self, claims: &Claims) -> Option<String> {
        let found = claims.string("acr").ok().flatten();
        let met = self.acr.is_empty() || found.is_some_and(|found| self.acr.iter().any(|acr| acr == found));
        (!met).then(|| format!("acr must be one of {:?}; it is {}", self.acr, found.unwrap_or("missing")))
    }

    fn too_old(&self, claims: &Claims, now: UnixTime) -> Option<String> {
        let max_age = self.max_age?;
        let Some(time) = claims.time("auth_time").ok().flatten() else {
            return Some(format!("auth_time must be at most {max_age:?} ago; it is missing"));
        };
        let met = now <= time.plus(max_age) && time <= now.plus(FUTURE);
        (!met).then(|| format!("auth_time must be at most {max_age:?} ago; it is {time}"))
    }

    /// The attributes for the challenge (RFC 9470 §3).
    #[must_use]
    pub fn challenge(&self) -> String {
        let acr = (!self.acr.is_empty()).then(|| format!("acr_values=\"{}\"", self.acr.join(" ")));
        let max_age = self.max_age.map(|age| format!("max_age=\"{}\"", age.as_secs()));
        acr.into_iter().chain(max_age).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn unmet(claims: Value) -> Option<String> {
        let Value::Object(members) = claims else { panic!("an object") };
        let asked =
            Authentication { acr: vec!["mfa".into(), "phr".into()], max_age: Some(Duration::from_secs(300)) };
        asked.unmet(&Claims::new(members), UnixTime::from_millis(1_000_000_000))
    }

    #[test]
    fn both_must_be_met() {
        assert_eq!(unmet(json!({"acr": "phr", "auth_time": 999_700})), None);
        assert_eq!(unmet(json!({"acr": "mfa", "auth_time": 1_000_060})), None);
        for claims in [
            json!({}),
            json!({"acr": "mfa"}),
            json!({"auth_time": 999_999}),
            json!({"acr": "pwd", "auth_time": 999_999}),
            json!({"acr": ["mfa"], "auth_time": 999_999}),
            json!({"acr": "mfa", "auth_time": 999_699}),
            json!({"acr": "mfa", "auth_time": 1_000_061}),
            json!({"acr": "mfa", "auth_time": "999999"}),
        ] {
            assert!(unmet(claims.clone()).is_some(), "{claims}");
        }
    }

    #[test]
    fn the_challenge_says_what_would_be_enough() {
        let asked = |acr: &[&str], age: Option<u64>| Authentication {
            acr: acr.iter().map(|text| (*text).to_owned()).collect(),
            max_age: age.map(Duration::from_secs),
        };
        assert_eq!(asked(&["a", "b"], Some(5)).challenge(), r#"acr_values="a b", max_age="5""#);
        assert_eq!(asked(&[], Some(0)).challenge(), r#"max_age="0""#);
    }
}
