// All about one cell: its pictures, numbers, curves, and how to make it again.

const dialog = document.getElementById("detail");
let current = null;

function openDetail(cell) {
  current = cell;
  dialog.setAttribute("aria-label", words(cell));
  dialog.replaceChildren(bar(cell), element("div", { class: "columns" }, pictures(cell), facts(cell)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function bar(cell) {
  const title = element(
    "h2",
    {},
    varied.length ? varied.flatMap((axis, i) => [i ? "\u00a0· " : "", axisWords(cell, axis)]) : cell.id,
  );
  const buttons = [
    button("‹", () => step(-1), { "aria-label": "Previous cell", class: "previous" }),
    button("›", () => step(1), { "aria-label": "Next cell", class: "next" }),
    button("✕", () => dialog.close(), { "aria-label": "Close", class: "close" }),
  ];
  return element(
    "div",
    { class: "bar" },
    title,
    cell.status !== "done" && badge(cell.status),
    element("span", { class: "buttons" }, buttons),
  );
}

/** The neighbour in the order of what is shown; the same button keeps the focus. */
function step(by) {
  const focus = document.activeElement?.className;
  const place = shown.indexOf(current) + by;
  if (place < 0 || place >= shown.length) return;
  openDetail(shown[place]);
  if (focus) dialog.querySelector(`.bar .${CSS.escape(focus)}`)?.focus();
}

function pictures(cell) {
  const content = cell.content < 0 ? null : sweep.inputs[cell.content];
  const why = [cell.error, cell.fault].filter(Boolean).map((text) => element("p", { class: "problem" }, named(text)));
  const result = { src: cell.picture, alt: `Result: ${words(cell)}` };
  const both = cell.picture && content?.picture;
  const stage = both
    ? beforeAfter({ src: content.picture, alt: `Content: ${content.name}` }, result, shape(cell) ?? [1, 1])
    : null;
  const row = [content && pictured("content", content), ...cell.styles.map((i) => pictured("style", sweep.inputs[i]))];
  if (cell.picture)
    row.push(captioned("result", image(cell.picture, result.alt), cell.size ? cell.size.join(" × ") : ""));
  return element("div", {}, why, stage, element("div", { class: "trio" }, row));
}

function pictured(role, input) {
  return captioned(
    role,
    input.picture ? image(input.picture, `${role}: ${input.name}`) : element("p", {}, input.fault || "no picture"),
    input.name || "an array",
  );
}

function captioned(role, picture, name) {
  return element("figure", {}, picture, element("figcaption", {}, element("small", {}, role), " ", named(name)));
}

function facts(cell) {
  const chart = curves(cell);
  const axes = sweep.axes.map((axis, i) => [axis.name, label(cell, i), ""]);
  const numbers = sweep.columns.map((column, i) => [
    column.name,
    number(cell.values[i]),
    isWinner(cell, i) ? "best shown of this content" : "",
  ]);
  return element(
    "div",
    {},
    element("h3", {}, "Settings of the sweep"),
    pairs([...axes, ["cell", cell.id, ""]]),
    numbers.length > 0 && [element("h3", {}, "Metrics and losses"), pairs(numbers)],
    chart && [element("h3", {}, "Loss over the steps"), chart],
    cell.command && [element("h3", {}, "Make it again"), copyable(cell.command)],
    cell.settings.length > 0 && allSettings(cell),
  );
}

function isWinner(cell, place) {
  return cell.values[place] !== null && cell.values[place] === best(shown, place, cell.content);
}

function pairs(entries) {
  const parts = entries.map(([name, value, mark]) =>
    element(
      "div",
      {},
      element("dt", {}, named(name)),
      element("dd", {}, named(value), mark && element("small", { class: "best" }, ` ${mark}`)),
    ),
  );
  return element("dl", {}, parts);
}

function allSettings(cell) {
  const settings = Object.fromEntries(cell.settings.map(([name, place]) => [name, sweep.pool[place]]));
  return element("details", {}, element("summary", {}, "All settings"), copyable(JSON.stringify(settings, null, 2)));
}

/** A text and the button that copies it; where the browser forbids that, it is selected, ready to be copied. */
function copyable(text) {
  const code = element("pre", { tabindex: "0" }, element("code", {}, text));
  const copy = button(
    "Copy",
    () => navigator.clipboard.writeText(text).then(() => (copy.textContent = "Copied"), select),
    { class: "copy" },
  );
  const select = () => {
    getSelection().selectAllChildren(code);
    copy.textContent = "Selected";
  };
  return element("div", { class: "copyable" }, code, copy);
}

dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input, pre, summary")) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
dialog.addEventListener("close", () => document.querySelector(`#view [data-id="${CSS.escape(current.id)}"]`)?.focus());
