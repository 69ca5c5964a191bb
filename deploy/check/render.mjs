// What `kustomize build` does, as far as the overlays here use it: resources, namespace, configMapGenerator (without
// the hash), images, and patches by JSON pointers or `$patch: delete`. Anything else is refused.
import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

const KNOWN = new Set(["apiVersion", "kind", "namespace", "labels", "resources", "configMapGenerator", "images", "patches"]);

export function render(folder) {
  const kustomization = parse(readFileSync(join(folder, "kustomization.yaml"), "utf8"));
  for (const key of Object.keys(kustomization)) {
    if (!KNOWN.has(key)) throw new Error(`${folder}: render.mjs does not know ${key}`);
  }
  const objects = (kustomization.resources ?? []).flatMap((path) => load(join(folder, path)));
  for (const generator of kustomization.configMapGenerator ?? []) objects.push(configMap(folder, generator));
  const patched = (kustomization.patches ?? []).reduce((list, patch) => applyPatch(list, patch, folder), objects);
  for (const object of patched) finish(object, kustomization);
  return patched;
}

function load(path) {
  if (statSync(path).isDirectory()) return render(path);
  return parseAllDocuments(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0].message}`);
    return document.toJS();
  });
}

function configMap(folder, { name, files }) {
  const data = Object.fromEntries(files.map((file) => [basename(file), readFileSync(join(folder, file), "utf8")]));
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

function applyPatch(objects, { target, patch }, folder) {
  const wanted = (object) => object.kind === target.kind && object.metadata.name === target.name;
  if (!objects.some(wanted)) throw new Error(`${folder}: a patch for ${target.kind} ${target.name}, which is not there`);
  const change = parse(patch);
  if (change.$patch === "delete") return objects.filter((object) => !wanted(object));
  for (const object of objects.filter(wanted)) for (const operation of change) applyOperation(object, operation);
  return objects;
}

function applyOperation(object, { op, path, value }) {
  const steps = path.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop();
  const parent = steps.reduce((at, step) => {
    if (at[step] === undefined) throw new Error(`${path}: nothing at ${step}`);
    return at[step];
  }, object);
  if (Array.isArray(parent) && op === "add") parent.splice(last === "-" ? parent.length : Number(last), 0, value);
  else if (op === "add") parent[last] = value;
  else if (parent[last] === undefined) throw new Error(`${op} ${path}: nothing is there`);
  else if (op === "replace") parent[last] = value;
  else if (op === "remove") Array.isArray(parent) ? parent.splice(Number(last), 1) : delete parent[last];
  else throw new Error(`unknown operation ${op}`);
}

function finish(object, { namespace, labels, images }) {
  if (namespace && object.kind !== "Namespace") object.metadata.namespace = namespace;
  for (const { pairs } of labels ?? []) object.metadata.labels = { ...object.metadata.labels, ...pairs };
  const spec = object.spec?.template?.spec;
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    const image = (images ?? []).find(({ name }) => name === container.image);
    if (image) container.image = `${image.newName}:${image.newTag}`;
  }
}
