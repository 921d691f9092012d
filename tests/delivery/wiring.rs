//! deploy/integrations: each example is one that its project would take, names what the chart makes, fails closed, and
//! hides nothing from gatepost.

use gatepost_test_support::Manifests;
use serde_json::{Value, json};

use crate::chart::here;
use crate::chart::render::objects;

fn example(file: &str) -> Manifests {
    Manifests::read_file(&here(&format!("deploy/integrations/{file}")), &[]).unwrap()
}

/// Every member that has this name, wherever it is.
fn all<'a>(name: &str, within: &'a Value) -> Vec<&'a Value> {
    let here = within.get(name).into_iter();
    let members = within.as_object().into_iter().flat_map(|members| members.values());
    let items = within.as_array().into_iter().flatten();
    here.chain(members.chain(items).flat_map(|below| all(name, below))).collect()
}

/// The Envoy Gateway, Contour and Istio names of what would hide a header, spend a body or let a request by.
const NEVER: [&str; 12] = [
    "allowedHeaders",
    "headersToExtAuth",
    "includeRequestHeadersInCheck",
    "bodyToExtAuth",
    "withRequestBody",
    "forwardBody",
    "includeRequestBodyInCheck",
    "contextExtensions",
    "authPolicy",
    "recomputeRoute",
    "disabled",
    "notPaths",
];

const WIRINGS: [&str; 5] = [
    "istio/mesh-values.yaml",
    "istio/wiring.yaml",
    "envoy-gateway/wiring.yaml",
    "gateway-api/wiring.yaml",
    "contour/wiring.yaml",
];

#[test]
fn no_example_hides_a_header_or_lets_a_request_by() {
    for file in WIRINGS {
        for object in example(file).objects() {
            for name in NEVER {
                assert_eq!(all(name, object), [&Value::Null; 0], "{file}: {name}");
            }
        }
    }
}

#[test]
fn every_file_is_in_the_index_and_the_other_way_round() {
    let index = std::fs::read_to_string(here("deploy/integrations/README.md")).unwrap();
    for file in ["../envoy/envoy.yaml", "../envoy/standalone.yaml", "../kustomize/base"] {
        assert!(
            index.contains(&format!("({file})")) && here("deploy/integrations").join(file).exists(),
            "{file}"
        );
    }
    for directory in ["istio", "envoy-gateway", "gateway-api", "contour"] {
        for file in std::fs::read_dir(here("deploy/integrations").join(directory)).unwrap() {
            let file = format!("({directory}/{})", file.unwrap().file_name().display());
            assert!(index.contains(&file), "{file}");
        }
    }
}

/// What fails closed says so itself, and waits longer than gatepost may take.
#[test]
fn every_example_that_can_say_so_fails_closed_and_waits_for_gatepost() {
    let mesh = example("istio/mesh-values.yaml");
    let mesh = &mesh.objects()[0]["meshConfig"]["extensionProviders"][0];
    let gateway = example("envoy-gateway/wiring.yaml");
    let gateway = &gateway.one("SecurityPolicy").unwrap()["spec"]["extAuth"];
    let contour = example("contour/wiring.yaml");
    let virtual_host = &contour.one("HTTPProxy").unwrap()["spec"]["virtualhost"]["authorization"];
    let extension = &contour.one("ExtensionService").unwrap()["spec"];
    for fails in [&mesh["envoyExtAuthzGrpc"]["failOpen"], &gateway["failOpen"], &virtual_host["failOpen"]] {
        assert_eq!(fails, false);
    }
    assert_eq!(mesh["envoyExtAuthzGrpc"]["statusOnError"], "503");
    assert_eq!(gateway["statusOnError"], 503);
    let answers = [
        &mesh["envoyExtAuthzGrpc"]["timeout"],
        &gateway["timeout"],
        &virtual_host["responseTimeout"],
        &extension["timeoutPolicy"]["response"],
    ];
    assert_eq!(answers, ["1s"; 4]);
    // The time of one try.
    let back_off = &gateway["grpc"]["backendSettings"]["retry"]["perRetry"]["backOff"];
    assert_eq!(back_off["maxInterval"], "800ms");
    assert_eq!(extension["protocol"], "h2c");
}

/// A Service of the standalone chart, at the place that the examples name.
#[test]
fn every_gateway_names_the_service_of_the_chart() {
    let chart = objects("standalone", &["--namespace", "gatepost-system"]);
    let service = chart.one("Service").unwrap();
    let there = json!({
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "port": service["spec"]["ports"][0]["port"],
    });
    let gateway = example("envoy-gateway/wiring.yaml");
    let route = example("gateway-api/wiring.yaml");
    let contour = example("contour/wiring.yaml");
    let extension = contour.one("ExtensionService").unwrap();
    assert_eq!(
        gateway.one("SecurityPolicy").unwrap()["spec"]["extAuth"]["grpc"]["backendRefs"],
        json!([there])
    );
    let filter = &route.one("HTTPRoute").unwrap()["spec"]["rules"][0]["filters"][0];
    assert_eq!(
        (&filter["type"], &filter["externalAuth"]["protocol"]),
        (&json!("ExternalAuth"), &json!("GRPC"))
    );
    assert_eq!(filter["externalAuth"]["backendRef"], there);
    let mut named = extension["spec"]["services"][0].clone();
    named["namespace"] = extension["metadata"]["namespace"].clone();
    assert_eq!(named, there);
    let reference =
        &contour.one("HTTPProxy").unwrap()["spec"]["virtualhost"]["authorization"]["extensionRef"];
    assert_eq!(*reference, json!({ "name": "gatepost", "namespace": "gatepost-system" }));
}

#[test]
fn a_reference_across_namespaces_is_granted() {
    for (file, kind) in
        [("envoy-gateway/wiring.yaml", "SecurityPolicy"), ("gateway-api/wiring.yaml", "HTTPRoute")]
    {
        let example = example(file);
        let (who, grant) = (example.one(kind).unwrap(), example.one("ReferenceGrant").unwrap());
        let group = who["apiVersion"].as_str().unwrap().split_once('/').unwrap().0;
        let from = json!([{ "group": group, "kind": kind, "namespace": who["metadata"]["namespace"] }]);
        assert_eq!(grant["spec"]["from"], from);
        assert_eq!(grant["spec"]["to"], json!([{ "group": "", "kind": "Service", "name": "gatepost" }]));
        assert_eq!(grant["metadata"]["namespace"], "gatepost-system");
    }
}

#[test]
fn istio_and_gateway_api_would_take_their_objects() {
    example("istio/wiring.yaml").judge_custom().unwrap();
    // The package's list of filter types is the standard channel's, which has the fields of this one but not its name.
    let route = std::fs::read_to_string(here("deploy/integrations/gateway-api/wiring.yaml")).unwrap();
    assert_eq!(route.matches("type: ExternalAuth\n").count(), 1);
    let route = route.replace("type: ExternalAuth\n", "type: ExtensionRef\n");
    Manifests::read(&route, &[]).unwrap().judge_custom().unwrap();
    let misspelt = route.replace("backendRef:", "backend:");
    assert!(Manifests::read(&misspelt, &[]).unwrap().judge_custom().is_err());
}

#[test]
fn istio_asks_the_socket_that_the_sidecar_opens() {
    let (mesh, wiring) = (example("istio/mesh-values.yaml"), example("istio/wiring.yaml"));
    let provider = &mesh.objects()[0]["meshConfig"]["extensionProviders"][0];
    let entry = &wiring.one("ServiceEntry").unwrap()["spec"];
    assert_eq!(entry["hosts"], json!([provider["envoyExtAuthzGrpc"]["service"]]));
    assert_eq!(entry["ports"][0]["number"], provider["envoyExtAuthzGrpc"]["port"]);
    assert_eq!(entry["ports"][0]["protocol"], "GRPC");
    let policy = wiring.one("AuthorizationPolicy").unwrap();
    assert_eq!(policy["spec"]["provider"]["name"], provider["name"]);
    assert_eq!(policy["spec"]["rules"], json!([{}]));
    let filter = wiring.one("EnvoyFilter").unwrap();
    assert_eq!(filter["metadata"]["namespace"], policy["metadata"]["namespace"]);
    assert_eq!(filter["spec"]["workloadSelector"]["labels"], policy["spec"]["selector"]["matchLabels"]);
    // The chart's own address for sidecars, in Istio's words.
    let socket = entry["endpoints"][0]["address"].as_str().unwrap().strip_prefix("unix://").unwrap();
    let files = objects("sidecar", &[]);
    let gatepost = files.of_kind("ConfigMap")[0]["data"]["gatepost.yaml"].as_str().unwrap();
    assert!(gatepost.contains(&format!("authz: unix:{socket}\n")), "{gatepost}");
}

#[test]
fn the_values_for_gateways_let_them_ask_and_nobody_else() {
    for (gateway, namespace) in [("envoy-gateway", "envoy-gateway-system"), ("contour", "projectcontour")] {
        let values = here(&format!("deploy/integrations/{gateway}/values.yaml")).display().to_string();
        let objects = objects("standalone", &["--values", &values]);
        let rule = &objects.one("NetworkPolicy").unwrap()["spec"]["ingress"][0];
        let selector = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
        assert_eq!(rule["from"], json!([{ "namespaceSelector": selector }]));
        assert_eq!(rule["ports"], json!([{ "port": "grpc", "protocol": "TCP" }]));
    }
}
