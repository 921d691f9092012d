{{- /*
What Envoy needs: gatepost.envoy.httpFilter is an element of http_filters, before the router, and
gatepost.envoy.cluster is one of clusters. Both are those of deploy/envoy/envoy.yaml.

Written from src/inject/sidecar.rs: UPDATE=1 cargo test --test delivery carriers
*/ -}}

{{- define "gatepost.envoy.httpFilter" -}}
{{- include "gatepost.check" . -}}
- name: envoy.filters.http.ext_authz
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
    stat_prefix: gatepost
    transport_api_version: V3
    grpc_service:
      envoy_grpc: { cluster_name: gatepost }
      # Above gatepost's own deadline for a check, so that a slow authorization server ends in gatepost's
      # answer, with its reason, and not in this timeout.
      timeout: 1s
    # Fail closed: without an answer nothing passes. 503 rather than Envoy's 403, so that clients retry an
    # outage and nobody takes it for a decision.
    failure_mode_allow: false
    status_on_error: { code: ServiceUnavailable }
    # Headers byte for byte and each repetition on its own: joined with commas or mended to UTF-8, two values
    # could look like one. (A repeated Authorization Envoy has joined before any filter sees it; gatepost
    # refuses the comma, which no token has.)
    encode_raw_headers: true
    # Where Envoy ends mutual TLS itself, add include_peer_certificate: true. gatepost then tells when a token
    # comes with another client certificate than before.
    # Neither allowed_headers nor disallowed_headers: gatepost must see a spoofed identity header, in any
    # spelling, to have it removed. A filter here would hide it from gatepost and still send it to the
    # service.
    # An answer that would set an invalid header is an error (500), never half applied.
    validate_mutations: true
    # Do not switch the filter off for one route (ExtAuthzPerRoute disabled): say `public: true` in
    # gatepost's policy, where the path is checked first and spoofed identity headers are removed.
{{- end }}

{{- define "gatepost.envoy.cluster" -}}
{{- include "gatepost.check" . -}}
{{- $gatepost := .Values.gatepost }}
- name: gatepost
  type: STATIC
  connect_timeout: 0.25s
  # A check is HTTP/2 (gRPC): one connection a worker carries them all.
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http2_protocol_options: {} }
  # Envoy's default of 1024 checks at once would answer 503 in a burst that gatepost can serve.
  circuit_breakers:
    thresholds: [{ max_requests: 8192, max_pending_requests: 8192 }]
  load_assignment:
    cluster_name: gatepost
    endpoints:
    - lb_endpoints:
      - endpoint:
          address:
            pipe: { path: {{ ternary "/run/gatepost/authz.sock" "@gatepost" (eq ($gatepost.socket | default "abstract") "volume") | quote }} }
{{- end }}
