// Elements: the smallest way to build and change the page without strings of HTML (the Content-Security-Policy forbids inline style).

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children. `on…` adds a listener, `class` sets classes, `text` sets text; null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Writes text only when it differs, so that nothing is repainted or announced for no reason. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Brings what was chosen into sight where it stands below its list, as on a phone. */
export function reveal(node) {
  if (node.getBoundingClientRect().top > innerHeight - 120) node.scrollIntoView({ block: "start" });
}

export const byId = (id) => document.getElementById(id);
