// Elements from data. Texts are only ever text: nothing that a sweep contains can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; functions listen, strings among the children are text, null and false are left out. */
function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, likewise. */
function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}

/** A name from the sweep: its writing direction stays its own. */
function named(text) {
  return element("bdi", {}, text === "" ? "(empty)" : text);
}

/** A <select> of [value, label] pairs. */
function chooser(label, options, chosen, change) {
  const select = element("select", { change: () => change(select.value) });
  for (const [value, text] of options) select.append(element("option", { value, selected: value === chosen }, text));
  return element("label", { class: "field" }, element("span", {}, label), select);
}

/** A button with a text. */
function button(text, click, attributes = {}) {
  return element("button", { type: "button", click, ...attributes }, text);
}

/** Four digits, as people write them. */
function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(4)));
}
