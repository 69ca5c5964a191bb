// compose.yaml against the schema of the Compose specification, of which npm's dclint carries a copy. Its formats (times,
// ports) are Compose's own and not looked at.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Ajv from "ajv";
import { parse } from "yaml";

const require = createRequire(import.meta.url);

export function composeFindings(path) {
  const dclint = dirname(require.resolve("dclint/package.json"));
  const schema = JSON.parse(readFileSync(join(dclint, "schemas/compose.schema.json"), "utf8"));
  const validate = new Ajv({ allErrors: true, strict: false, validateFormats: false, validateSchema: false }).compile(schema);
  validate(parse(readFileSync(path, "utf8")));
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `compose.yaml: ${instancePath} ${message} ${JSON.stringify(params)}`);
}
