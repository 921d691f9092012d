// Judges objects of Istio, Gateway API and Prometheus Operator, given as JSON on standard input, by the schemas of their
// own projects, which are in the node_modules directory that the argument names. Prints what is wrong: besides what the
// schemas refuse, every field that they do not know.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const [modules] = process.argv.slice(2);

const PACKAGES = {
  "gateway.networking.k8s.io": "gateway-api",
  "monitoring.coreos.com": "prometheus-operator",
  "networking.istio.io": "istio",
  "security.istio.io": "istio",
};
// Whatever Envoy takes; Istio's schema does not look inside.
const OPEN = /^\.spec\.configPatches\[\d+\]\.patch\.value/;

const isContainer = (value) => value !== null && typeof value === "object";
const below = (container, path, name) => (Array.isArray(container) ? `${path}[${name}]` : `${path}.${name}`);

// Notes each member that is read: a schema reads exactly those that it knows.
function watched(value, path, known) {
  if (!isContainer(value)) return value;
  return new Proxy(value, {
    get(target, name) {
      if (typeof name !== "string" || !Object.hasOwn(target, name)) return target[name];
      const at = below(target, path, name);
      known.add(at);
      return watched(target[name], at, known);
    },
  });
}

function* unknown(value, path, known) {
  if (!isContainer(value)) return;
  for (const [name, member] of Object.entries(value)) {
    const at = below(value, path, name);
    if (OPEN.test(at)) continue;
    if (known.has(at)) yield* unknown(member, at, known);
    else yield `${at} is no field`;
  }
}

async function problems(object) {
  const [group, version] = (object.apiVersion ?? "").split("/");
  const path = join(modules, "@kubernetes-models", PACKAGES[group] ?? "none", group, version ?? "v1", `${object.kind}.js`);
  const models = await import(path).catch(() => undefined);
  if (!models) return ["there is no schema for this kind"];
  const model = new models[object.kind]();
  const known = new Set(Object.keys(object).map((name) => `.${name}`));
  for (const [name, member] of Object.entries(object)) model[name] = watched(member, `.${name}`, known);
  try {
    model.validate();
  } catch (error) {
    return [error.message];
  }
  return [...unknown(object, "", known)];
}

const found = [];
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  for (const problem of await problems(object)) found.push(`${object.kind} ${object.metadata?.name}: ${problem}`);
}
process.stdout.write(JSON.stringify(found));
