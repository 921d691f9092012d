"""Reads manifests from standard input as Kubernetes does (YAML 1.1, one object a document, lists taken apart), and
judges each against the API of the minor versions that the arguments name. Prints the objects and what is wrong."""

import json
import sys

import kubernetes_validate
import yaml


class Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """Times stay text, and a key that is given twice is an error: Go's reader does both."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)


def objects_in(document):
    if isinstance(document, dict) and document.get("kind") == "List":
        for item in document.get("items") or []:
            yield from objects_in(item)
    elif document is not None:
        yield document


def name_of(manifest):
    return f"{manifest.get('kind')} {manifest.get('metadata', {}).get('name')}"


def problems_of(manifest, version):
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(step) for step in error.path)
        yield f"{name_of(manifest)}, Kubernetes {version}: {place}: {error.message[:400]}"
    except Exception as error:
        # An object of a kind that this version does not have, or none at all.
        yield f"{name_of(manifest)}, Kubernetes {version}: {getattr(error, 'message', error)!r}"


try:
    manifests = [m for document in yaml.load_all(sys.stdin.buffer, Loader) for m in objects_in(document)]
except yaml.YAMLError as error:
    sys.exit(f"not YAML: {error}")
problems = [p for version in sys.argv[1:] for manifest in manifests for p in problems_of(manifest, version)]
json.dump({"objects": manifests, "problems": problems}, sys.stdout)
