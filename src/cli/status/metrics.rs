//! The lines of /metrics that somebody asks for.

/// The samples of the families whose names begin so, without counters that are zero; none where there is no such
/// family.
pub(super) fn named<'a>(page: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let is_family = |line: &str| line.strip_prefix("# TYPE ").is_some_and(|rest| rest.starts_with(name));
    let samples = page.lines().filter(|line| !line.starts_with('#') && line.starts_with(name));
    let found: Vec<_> = samples.clone().filter(|line| !is_idle_counter(line)).collect();
    (page.lines().any(is_family) || samples.count() > 0).then_some(found)
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
    fn a_family_without_samples_is_told_from_one_that_is_not_there() {
        assert_eq!(named(PAGE, "gatepost_quiet"), Some(vec![]));
        assert_eq!(named(PAGE, "gatepost_unheard_of"), None);
    }
}
