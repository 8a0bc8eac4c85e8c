// The API reference, drawn from /openapi.json: each request with its parameters, answers, and a way to try the ones that only read.

import { ask, json } from "./api.js";
import { code } from "./code.js";
import { byId, el } from "./element.js";
import { frame } from "./frame.js";
import { failed } from "./notice.js";

let reference = null;

/** Follows a reference within the document. */
function resolve(node) {
  for (let depth = 0; node?.$ref && depth < 10; depth++) node = node.$ref.slice(2).split("/").reduce((part, name) => part?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], reference);
  return node ?? {};
}

function kind(schema) {
  const one = resolve(schema);
  if (one.enum) return one.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (one.anyOf ?? one.oneOf) return (one.anyOf ?? one.oneOf).map(kind).join(" | ");
  if (one.type === "array") return `${kind(one.items ?? {})}[]`;
  return [one.type ?? "any"].flat().join(" | ") + (one.format ? ` (${one.format})` : "");
}

const slug = (method, path) => `${method}${path}`.replace(/[^a-z0-9]+/gi, "-").replace(/-$/, "");

function operation(path, method, one) {
  const parameters = (one.parameters ?? []).map(resolve);
  const bodies = Object.entries(resolve(one.requestBody).content ?? {});
  const id = slug(method, path);
  const parts = el("div", {},
    one.description && one.description !== one.summary ? el("p", {}, prose(one.description)) : null,
    parameters.length ? table("Parameters", parameters.map((parameter) => [parameter.name, kind(parameter.schema), `${parameter.description ?? resolve(parameter.schema).description ?? ""}${parameter.required ? " Required." : ""}`])) : null,
    bodies.length ? el("div", {}, el("h4", { text: "Body" }), bodies.map(([type, media]) => body(type, media))) : null,
    answers(one.responses ?? {}),
    method === "get" && !path.includes("{") && !/live$/.test(path) ? tryIt(path) : null,
  );
  const head = el("summary", {}, el("h3", {}, el("span", { class: `method is-${method}`, text: method.toUpperCase() }), " ", el("code", { text: path })), one.summary ? el("p", { text: one.summary }) : null);
  return el("details", { class: "operation", id }, head, parts);
}

function table(title, lines) {
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title },
    el("table", {}, el("caption", { class: "faint", text: title }), el("tbody", {}, lines.map(([name, type, words]) => el("tr", {}, el("th", { scope: "row" }, el("code", { text: name })), el("td", { class: "code faint", text: type }), el("td", {}, prose(words)))))));
}

function body(type, media) {
  const schema = resolve(media.schema), example = media.example ?? resolve(Object.values(media.examples ?? {})[0]).value ?? schema.example;
  const fields = Object.entries(schema.properties ?? {});
  return el("div", {}, el("p", { class: "code faint", text: type }),
    fields.length ? table(`Fields of ${type}`, fields.map(([name, field]) => [name, kind(field), `${resolve(field).description ?? ""}${schema.required?.includes(name) ? " Required." : ""}`])) : null,
    example === undefined ? null : code(example, "Example"));
}

/** Text with its `names` set as code. */
const prose = (text) => text.split("`").map((part, at) => (at % 2 ? el("code", { text: part }) : part));

function answers(responses) {
  const lines = Object.entries(responses).map(([status, response]) => [status, Object.keys(resolve(response).content ?? {}).join(", "), resolve(response).description ?? ""]);
  return lines.length ? table("Answers", lines) : null;
}

function tryIt(path) {
  const out = el("div");
  const button = el("button", { type: "button", class: "quiet", "aria-label": `Try GET ${path}` }, "Try it");
  button.addEventListener("click", async () => {
    try {
      const text = await (await ask(path, { accept: "application/json, text/plain;q=0.5" })).text();
      out.replaceChildren(code(text.slice(0, 20_000), `Answer of ${path}`));
    } catch (error) {
      out.replaceChildren(failed(error));
    }
  });
  return el("div", { class: "try" }, button, out);
}

async function start() {
  reference = await json("/openapi.json");
  const groups = new Map();
  for (const [path, methods] of Object.entries(reference.paths ?? {})) {
    for (const [method, one] of Object.entries(methods)) {
      if (!["get", "post", "put", "patch", "delete"].includes(method)) continue;
      const group = one.tags?.[0] ?? path.split("/").slice(0, 3).join("/");
      groups.set(group, [...(groups.get(group) ?? []), { path, method, one }]);
    }
  }
  const order = [...groups];
  byId("contents").replaceChildren(...order.map(([group, list]) => el("li", {}, el("span", { class: "faint", text: group }), el("ul", {}, list.map(({ path, method }) => el("li", {}, el("a", { href: `#${slug(method, path)}` }, el("span", { class: `method is-${method}`, text: method.toUpperCase() }), ` ${path}`)))))));
  byId("reference").classList.remove("is-loading");
  byId("reference").replaceChildren(
    el("p", { class: "lead" }, prose(reference.info?.description ?? "")),
    ...order.map(([group, list]) => el("div", {}, el("h2", { text: group }), list.map(({ path, method, one }) => operation(path, method, one)))));
  unfold();
}

/** Opens the request that the address names. */
function unfold() {
  const wanted = location.hash && byId(location.hash.slice(1));
  if (!wanted) return;
  wanted.open = true;
  wanted.scrollIntoView();
}

addEventListener("hashchange", unfold);

frame();
start().catch((error) => byId("reference").replaceChildren(failed(error, start)));
