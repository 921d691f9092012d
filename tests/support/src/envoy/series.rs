//! Series of Envoy that the shipped rules and dashboards are written for. A test meets each on a real Envoy's
//! /stats/prometheus, and another holds the expressions to them.

const EXT_AUTHZ: &[&str] = &["envoy_http_conn_manager_prefix", "envoy_ext_authz_prefix"];

/// With `deploy/envoy/envoy.yaml`: the name of a counter, and its labels.
pub const SIDECAR_SERIES: [(&str, &[&str]); 4] = [
    ("envoy_http_ext_authz_ok", EXT_AUTHZ),
    ("envoy_http_ext_authz_denied", EXT_AUTHZ),
    ("envoy_http_ext_authz_error", EXT_AUTHZ),
    ("envoy_http_ext_authz_failure_mode_allowed", EXT_AUTHZ),
];

/// With `deploy/envoy/gateway.yaml`: the name of a counter, or of a histogram where it ends in `_time`, and its labels.
pub const GATEWAY_SERIES: [(&str, &[&str]); 7] = [
    (
        "envoy_vhost_vcluster_upstream_rq_xx",
        &["envoy_virtual_host", "envoy_virtual_cluster", "envoy_response_code_class"],
    ),
    ("envoy_vhost_vcluster_upstream_rq_time", &["envoy_virtual_host", "envoy_virtual_cluster"]),
    ("envoy_token_refreshes", &[]),
    ("envoy_token_refreshes_rotated", &[]),
    ("envoy_token_refreshes_refused", &[]),
    ("envoy_token_verifiers", &[]),
    ("envoy_token_verifiers_refused", &[]),
];
