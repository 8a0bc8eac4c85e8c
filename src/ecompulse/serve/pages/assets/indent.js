// JSON set out to be edited: spaces and line ends only, every digit and escape as it came; and the place of a field in it.

const TOKEN = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The text with an indentation of two; text that is no JSON is returned as it is. */
export function indented(text) {
  if (!isJson(text)) return text;
  let depth = 0, out = "", opened = false;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "}" || token === "]") {
      depth -= 1;
      out += opened ? token : line() + token;
      opened = false;
      continue;
    }
    if (opened) out += line();
    opened = token === "{" || token === "[";
    if (opened) depth += 1;
    out += token === "," ? token + line() : token === ":" ? ": " : token;
  }
  return out;
}

/** Whether it can be read as JSON. */
export function isJson(text) {
  return whyNoJson(text) === null;
}

/** Why the text is no JSON, in the browser's words; null when it is. */
export function whyNoJson(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** Where the value of a path such as `properties.items.0.price` stands in indented JSON: [start, end]; of one that is missing, where it belongs. */
export function placeOf(text, path) {
  let at = 0;
  for (const name of path ? path.split(".") : []) {
    if (/^\d+$/.test(name)) continue; // of a list, the first that has the field
    const found = text.indexOf(`${JSON.stringify(name)}:`, at);
    if (found < 0) return inside(text, at);
    at = found + JSON.stringify(name).length + 1;
  }
  if (!at) return [0, 0];
  const [value] = /^\s*("(?:\\.|[^"\\])*"|[^\s,{[]*)/.exec(text.slice(at));
  return [at + value.length - value.trimStart().length, at + value.length];
}

function inside(text, at) {
  const brace = text.indexOf("{", at);
  return brace < 0 ? [0, 0] : [brace + 1, brace + 1];
}
