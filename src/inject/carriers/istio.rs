//! A template for Istio's injector, which puts the sidecar in with its own.

use super::super::sidecar::{CONFIG_MAP_ANNOTATION, NAME, RAW};
use super::super::value::Value;
use super::{File, IMAGE, header, pod, sidecar, style};

pub(super) fn file() -> File {
    let named =
        format!("{RAW}{{{{ or (index .ObjectMeta.Annotations \"{CONFIG_MAP_ANNOTATION}\") \"{NAME}\" }}}}");
    let template = Value::Map(pod(&sidecar(IMAGE, &named), None)).yaml(style(6));
    let text = format!("{}sidecarInjectorWebhook:\n  templates:\n    {NAME}: |\n{template}", header(ABOUT));
    File { path: "deploy/integrations/istio-template/values.yaml", text }
}

const ABOUT: &str = "\
Values for Istio's chart istiod: a template that its injector puts into pods with this annotation.

  inject.istio.io/templates: sidecar,gatepost

Put your image, by digest, in the place of `image: gatepost`. A pod reads the ConfigMap that its annotation
gatepost.dev/config-map names, or else `gatepost`, in which `listen.authz` is unix:@gatepost.

Label the pods gatepost.dev/inject: enabled too, and let the AuthorizationPolicy select that label: a pod without
the sidecar is then refused every request, and not open.";
