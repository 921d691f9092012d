//! A strict reading of the OpenMetrics text format, and of the conventions for names and units.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Family {
    pub name: String,
    pub kind: String,
    pub help: String,
    pub unit: Option<String>,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
pub struct Sample {
    /// What follows the family's name.
    pub suffix: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Family {
    /// The value with these labels and no others, in a family that has one for each.
    pub fn value(&self, labels: &[(&str, &str)]) -> Option<f64> {
        let suffix = if self.kind == "counter" { "_total" } else { "" };
        self.sample(suffix, labels)
    }

    /// The value of the sample with this suffix and these labels and no others.
    pub fn sample(&self, suffix: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut fitting = self.samples.iter().filter(|its| its.suffix == suffix && its.labels == labels);
        fitting.next().map(|sample| sample.value)
    }

    pub fn labels(&self) -> BTreeSet<String> {
        self.samples.iter().flat_map(|sample| sample.labels.keys().cloned()).collect()
    }

    /// What is against the conventions.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{}: {what}", self.name));
            }
        };
        let words: Vec<_> = self.name.split('_').collect();
        check(["gatepost", "process"].contains(&words[0]), "is nobody's");
        check(words.iter().all(|word| is_word(word)), "is not snake_case");
        let reserved = ["total", "count", "sum", "bucket", "info", "created"];
        check(!words.last().is_some_and(|word| reserved.contains(word)), "ends with a reserved suffix");
        let other_units = [
            "ms",
            "millis",
            "milliseconds",
            "micros",
            "microseconds",
            "nanos",
            "minutes",
            "hours",
            "days",
            "kb",
            "kib",
            "mb",
            "kilobytes",
            "megabytes",
            "bits",
            "percent",
            "percentage",
        ];
        check(!words.iter().any(|word| other_units.contains(word)), "is not in a base unit");
        let units: Vec<_> =
            words.iter().filter(|word| ["seconds", "bytes", "ratio"].contains(*word)).collect();
        check(units.len() <= 1, "names more than one unit");
        check(units.first().map(|unit| **unit) == self.unit.as_deref(), "does not name the unit that it has");
        check(self.unit.as_deref().is_none_or(|unit| words.last() == Some(&unit)), "has its unit within");
        check(self.kind != "histogram" || self.unit.is_some(), "is a histogram of no unit");
        let times = ["duration", "timestamp", "lag", "propagation", "silent", "age", "time", "up"];
        let is_time = words.iter().any(|word| times.contains(word));
        check(!is_time || self.unit.as_deref() == Some("seconds"), "is a time, but not in seconds");
        check(self.help.ends_with('.') && !self.help.ends_with(".."), "has help that is no sentence");
        check(
            self.help.starts_with(|first: char| !first.is_lowercase()),
            "has help that begins in lower case",
        );
        check(self.labels().iter().all(|name| name.split('_').all(is_word)), "has a label not in snake_case");
        check(!self.samples.is_empty(), "has no sample");
        check(self.has_fitting_samples(), "has samples that do not fit its type");
        faults
    }

    fn has_fitting_samples(&self) -> bool {
        let all = |fits: fn(&Sample) -> bool| self.samples.iter().all(fits);
        match self.kind.as_str() {
            "counter" => all(|its| its.suffix == "_total" && its.value >= 0.0),
            "gauge" => all(|its| its.suffix.is_empty() && its.value.is_finite()),
            "info" => all(|its| its.suffix == "_info" && its.value == 1.0),
            "histogram" => self.are_histograms(),
            _ => false,
        }
    }

    fn are_histograms(&self) -> bool {
        let mut of_labels = BTreeMap::<_, Vec<_>>::new();
        for Sample { suffix, labels, value } in &self.samples {
            let mut labels = labels.clone();
            let bound = labels.remove("le").map(|le| le.replace("+Inf", "inf").parse::<f64>().unwrap());
            of_labels.entry(labels).or_default().push((suffix.as_str(), bound, *value));
        }
        of_labels.values().all(|samples| {
            let buckets: Vec<_> = samples.iter().filter(|its| its.0 == "_bucket").collect();
            let grows = buckets.windows(2).all(|two| two[0].1 < two[1].1 && two[0].2 <= two[1].2);
            let of = |suffix| samples.iter().find(|its| its.0 == suffix).map(|its| its.2);
            let last = buckets.last().map(|its| (its.1, its.2));
            grows && of("_sum").is_some() && last == of("_count").map(|count| (Some(f64::INFINITY), count))
        })
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Reads an OpenMetrics text. Panics where it is none.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    let mut lines = text.strip_suffix("# EOF\n").unwrap().lines().peekable();
    let mut families = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        let mut family = Family { name: name.to_owned(), help: help.to_owned(), ..Family::default() };
        while let Some(line) = lines.next_if(|line| !line.starts_with("# HELP ")) {
            let comment = |word: &str| line.strip_prefix(&format!("# {word} {name} ")).map(str::to_owned);
            match (comment("TYPE"), comment("UNIT")) {
                (Some(kind), _) => assert_eq!(std::mem::replace(&mut family.kind, kind), "", "{line}"),
                (_, Some(unit)) => assert_eq!(family.unit.replace(unit), None, "{line}"),
                _ => family.samples.push(sample(line, name)),
            }
        }
        let mut series = BTreeSet::new();
        let is_new = |its: &Sample| series.insert((its.suffix.clone(), its.labels.clone()));
        assert!(family.samples.iter().all(is_new), "{name} has a series twice");
        assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
    }
    families
}

/// One sample, with an exemplar or without.
fn sample(line: &str, family: &str) -> Sample {
    assert!(line.starts_with(family), "{line} is not of {family}");
    let rest = &line[family.len()..];
    let end = rest.find(['{', ' ']).unwrap();
    let (suffix, rest) = rest.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (BTreeMap::new(), rest),
    };
    let value = rest.trim_start().split(" # ").next().and_then(|text| text.parse().ok());
    assert!(value.is_some(), "{line} has no value");
    let value = value.unwrap();
    Sample { suffix: suffix.to_owned(), labels, value }
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        let (name, after) = rest.strip_prefix(',').unwrap_or(rest).split_once("=\"").unwrap();
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().unwrap() {
                (_, '\\') => value
                    .push(characters.next().map(|(_, next)| if next == 'n' { '\n' } else { next }).unwrap()),
                (at, '"') => break at + 1,
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice in {rest}");
        rest = &after[end..];
    }
}
