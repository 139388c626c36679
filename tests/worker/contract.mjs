// The description of the Console's API as a contract: every answer that a test sees is held to it, and which statuses were
// seen is written down, so that the end of a run can tell what is described and never happened. Not a test.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import formats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";

export const document = JSON.parse(readFileSync(new URL("../../src/console/openapi.json", import.meta.url), "utf8"));

const METHODS = ["get", "put", "post", "patch", "delete"];
// The document is no schema itself, so its own keys are unknown to the validator.
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, "api");

/** The target of a reference, and its place in the document. */
function resolved(pointer) {
  const names = pointer.split("/").slice(1).map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const value = names.reduce((part, name) => part[name], document);
  return value.$ref ? resolved(value.$ref) : { pointer, value };
}

const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Each operation: `method` in capitals, `path`, its `pointer` into the document, and what is said there. */
export const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({
    ...item[method],
    method: method.toUpperCase(),
    path,
    pointer: `#/paths/${escaped(path)}/${method}`,
    pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`),
  })),
);

const seen = new Set();

function note(line) {
  if (process.env.SCIM_EDGE_SEEN && !seen.has(line)) appendFileSync(join(process.env.SCIM_EDGE_SEEN, `${process.pid}`), `${line}\n`);
  seen.add(line);
}

/** Holds one answer to the document. An address that does not exist, or a method that it does not have, gets a problem all the same. */
export function hold(method, url, response, text, body) {
  const { pathname } = new URL(url);
  const operation = operations.find((one) => one.method === method && one.pattern.test(pathname));
  if (operation === undefined) {
    if (response.status >= 400) matches("#/components/responses/Refused", response, text, body, `${method} ${pathname}`);
    return;
  }
  const what = `${method} ${operation.path} ${response.status}`;
  assert.ok(operation.responses[response.status], `${what} is not described: ${text.slice(0, 500)}`);
  matches(`${operation.pointer}/responses/${response.status}`, response, text, body, what);
  note(what);
}

function matches(place, response, text, body, what) {
  const { pointer, value } = resolved(place);
  for (const name of Object.keys(value.headers ?? {})) {
    const header = resolved(`${pointer}/headers/${name}`);
    const there = response.headers.get(name);
    if (there === null) {
      assert.ok(!header.value.required, `${what} has no ${name}`);
      continue;
    }
    // A header is text; one that is described as a number is compared as one.
    const typed = header.value.schema.type === "integer" ? Number(there) : there;
    valid(`${header.pointer}/schema`, typed, `${what}: ${name}`);
  }
  const type = response.headers.get("Content-Type");
  if (value.content === undefined) {
    assert.deepEqual([text, type], ["", null], `${what} has a body`);
    return;
  }
  assert.ok(value.content[type], `${what} has the type ${type}`);
  const media = `${pointer}/content/${escaped(type)}`;
  valid(`${media}/schema`, body, what);
  // In a stream, each line.
  if (value.content[type]["x-itemSchema"]) {
    for (const line of text.trimEnd().split("\n")) valid(`${media}/x-itemSchema`, JSON.parse(line), what);
  }
}

export function valid(pointer, value, what) {
  const validate = ajv.getSchema(`api${pointer}`);
  assert.ok(validate(value), `${what} is not as described: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)?.slice(0, 2000)}`);
}

/** Every example of the document with the place of the schema that it is held to. */
export function examples() {
  const found = [];
  const take = (pointer, content) => {
    for (const [type, media] of Object.entries(content ?? {})) {
      if (media.example !== undefined) found.push([`${pointer}/content/${escaped(type)}/schema`, media.example]);
    }
  };
  for (const one of operations) {
    take(`${one.pointer}/requestBody`, one.requestBody?.content);
    for (const status of Object.keys(one.responses)) {
      const { pointer, value } = resolved(`${one.pointer}/responses/${status}`);
      take(pointer, value.content);
    }
  }
  return found;
}

/** The statuses that are described and stand in no file of the folder. */
export function unseen(folder) {
  const lines = new Set(readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n")));
  const all = operations.flatMap(({ method, path, responses }) => Object.keys(responses).map((status) => `${method} ${path} ${status}`));
  return all.filter((line) => !lines.has(line));
}
