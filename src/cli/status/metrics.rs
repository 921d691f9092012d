//! The lines of /metrics that somebody asks for.

/// The samples of the families whose names begin so, in order and without counters that are zero; none where there is
/// no such family.
pub(super) fn named<'a>(page: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let is_family = |line: &str| line.strip_prefix("# TYPE ").is_some_and(|rest| rest.starts_with(name));
    let samples = page.lines().filter(|line| !line.starts_with('#') && line.starts_with(name));
    let mut found: Vec<_> = samples.clone().filter(|line| !is_idle_counter(line)).collect();
    found.sort_by_key(|line| series(line));
    (page.lines().any(is_family) || samples.count() > 0).then_some(found)
}

/// What a sample is of. The buckets of a histogram stay in the order they are in.
fn series(line: &str) -> &str {
    let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
    series.split("le=\"").next().unwrap_or(series)
}

/// A counter has a sample for everything that it could ever count.
fn is_idle_counter(line: &str) -> bool {
    let Some((series, value)) = line.rsplit_once(' ') else { return false };
    let name = series.split('{').next().unwrap_or_default();
    name.ends_with("_total") && value == "0"
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE gatepost_checks counter
gatepost_checks_total{outcome=\"allow\",reason=\"\"} 7
gatepost_checks_total{outcome=\"deny\",reason=\"no_rule\"} 0
# TYPE gatepost_config_rejected gauge
gatepost_config_rejected 0
# TYPE gatepost_quiet counter
# EOF
";

    #[test]
    fn counters_that_have_counted_and_gauges_are_shown() {
        let checks = ["gatepost_checks_total{outcome=\"allow\",reason=\"\"} 7"];
        assert_eq!(named(PAGE, "gatepost_checks").unwrap(), checks);
        assert_eq!(named(PAGE, "gatepost_checks_total").unwrap(), checks);
        assert_eq!(named(PAGE, "gatepost_config_rejected").unwrap(), ["gatepost_config_rejected 0"]);
    }

    #[test]
    fn samples_are_in_order_and_buckets_in_theirs() {
        let page = "a{x=\"2\"} 1\na{x=\"1\"} 1\nb_bucket{le=\"2.0\"} 1\nb_bucket{le=\"10.0\"} 2\n";
        assert_eq!(named(page, "a").unwrap(), ["a{x=\"1\"} 1", "a{x=\"2\"} 1"]);
        assert_eq!(named(page, "b").unwrap(), ["b_bucket{le=\"2.0\"} 1", "b_bucket{le=\"10.0\"} 2"]);
    }

    #[test]
    fn a_family_without_samples_is_told_from_one_that_is_not_there() {
        assert_eq!(named(PAGE, "gatepost_quiet"), Some(vec![]));
        assert_eq!(named(PAGE, "gatepost_unheard_of"), None);
    }
}
