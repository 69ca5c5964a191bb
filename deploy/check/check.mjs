// Renders every overlay and holds the result against the schemas of the Kubernetes API (npm kubernetes-models): by its
// validators (required fields, types, formats) and by TypeScript, which also refuses fields that do not exist. Then
// against what one object promises another. Also compose.yaml.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { composeFindings } from "./compose.mjs";
import { render } from "./render.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const overlays = join(here, "../kubernetes/overlays");
const findings = composeFindings(join(here, "../compose.yaml"));

function modelOf({ apiVersion, kind }) {
  return `kubernetes-models/${apiVersion}/${kind}`;
}

function checkBySchema(where, object) {
  const { [object.kind]: Model } = require(modelOf(object));
  try {
    new Model(object).validate();
  } catch (error) {
    findings.push(`${where}: ${error.message}`);
  }
}

// One literal an object: excess properties are errors there.
function checkByTypes(objects) {
  const folder = mkdtempSync(join(here, ".types-"));
  const lines = objects.map(
    ({ object }, i) => `import type { I${object.kind} as T${i} } from "${modelOf(object)}";\nconst o${i}: T${i} = ${JSON.stringify(object)};\nvoid o${i};`,
  );
  writeFileSync(join(folder, "objects.ts"), lines.join("\n"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"];
  try {
    execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), ...options, join(folder, "objects.ts")], { encoding: "utf8" });
  } catch (error) {
    for (const line of String(error.stdout).trim().split("\n")) {
      const at = /objects\.ts\((\d+),/.exec(line);
      const found = at && objects[Math.floor((Number(at[1]) - 1) / 3)];
      findings.push(`${found ? `${found.where}: ` : ""}${line.replace(/^.*error /, "")}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function expect(where, condition, what) {
  if (!condition) findings.push(`${where}: ${what}`);
}

function checkPromises(overlay, objects) {
  const find = (kind, name) => objects.find((object) => object.kind === kind && object.metadata.name === name);
  for (const object of objects) {
    const where = `${overlay}: ${object.kind} ${object.metadata.name}`;
    if (object.kind === "Deployment") checkDeployment(where, object, find);
    if (object.kind === "Service") {
      const pods = objects.find((each) => each.kind === "Deployment" && includes(each.spec.template.metadata.labels, object.spec.selector));
      expect(where, pods, "selects no pods");
      for (const { targetPort } of object.spec.ports) expect(where, pods && portNames(pods).includes(targetPort), `no port ${targetPort}`);
    }
    if (object.kind === "HorizontalPodAutoscaler") {
      const { kind, name } = object.spec.scaleTargetRef;
      expect(where, find(kind, name), "scales nothing");
      expect(where, find(kind, name)?.spec.replicas === undefined, "its target fixes replicas, which undoes what it does");
    }
  }
}

function checkDeployment(where, { spec }, find) {
  const pod = spec.template.spec;
  expect(where, includes(spec.template.metadata.labels, spec.selector.matchLabels), "does not select its own pods");
  expect(where, pod.securityContext.runAsNonRoot, "may run as root");
  const volumes = new Map((pod.volumes ?? []).map((volume) => [volume.name, volume]));
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const { securityContext: security = {}, volumeMounts = [] } = container;
    const confined = security.readOnlyRootFilesystem && security.allowPrivilegeEscalation === false && security.capabilities?.drop?.includes("ALL");
    expect(where, confined, `container ${container.name} is not confined`);
    expect(where, container.resources?.requests?.memory && container.resources?.limits?.memory, `container ${container.name} has no memory bounds`);
    for (const { name } of volumeMounts) expect(where, volumes.has(name), `mounts ${name}, which is no volume`);
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      const port = container[probe]?.httpGet?.port;
      expect(where, port === undefined || container.ports.some((each) => each.name === port), `${probe} asks an unknown port`);
    }
  }
  for (const volume of volumes.values()) {
    expect(where, !volume.configMap || find("ConfigMap", volume.configMap.name), `no ConfigMap ${volume.configMap?.name}`);
    const claim = volume.persistentVolumeClaim?.claimName;
    expect(where, !claim || find("PersistentVolumeClaim", claim), `no PersistentVolumeClaim ${claim}`);
    if (volume.configMap) checkDrain(where, pod, find("ConfigMap", volume.configMap.name));
  }
}

function checkDrain(where, pod, config) {
  const { drain_delay, drain_limit } = parse(config.data["facet.yaml"]);
  const needed = (drain_delay + drain_limit) / 1000;
  expect(where, pod.terminationGracePeriodSeconds > needed, `is killed after ${pod.terminationGracePeriodSeconds} s, but draining takes up to ${needed} s`);
}

function portNames(deployment) {
  return deployment.spec.template.spec.containers.flatMap(({ ports }) => (ports ?? []).map(({ name }) => name));
}

function includes(labels, wanted) {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

const all = [];
for (const overlay of readdirSync(overlays)) {
  const objects = render(join(overlays, overlay));
  const named = objects.map((object) => ({ object, where: `${overlay}: ${object.kind} ${object.metadata.name}` }));
  for (const { where, object } of named) checkBySchema(where, object);
  checkPromises(overlay, objects);
  all.push(...named);
}
checkByTypes(all);
for (const finding of findings) console.log(finding);
if (findings.length > 0) process.exit(1);
console.log(`${all.length} objects in ${readdirSync(overlays).length} overlays, and compose.yaml, are as they should be`);
