// A cell as a picture that opens its details, with a caption of what is not said elsewhere.

/** The cells of the last drawing, in its order: what "next" means. */
let shown = [];

function tile(cell, axes, column = "") {
  const caption = element("span", { class: "caption" });
  if (column !== "") caption.append(element("b", {}, number(cell.values[column])), " ");
  axes.forEach((axis, i) => caption.append(i ? "\u00a0· " : "", axisWords(cell, axis)));
  const about = {
    class: "tile",
    "aria-label": `${words(cell)}: ${cell.status}`,
    title: words(cell),
    "data-id": cell.id,
  };
  return element(
    "button",
    { type: "button", ...about, click: () => openDetail(cell) },
    framed(cell),
    caption.hasChildNodes() && caption,
  );
}

function axisWords(cell, axis) {
  const bare = /^[-\d.e+]+$|^(true|false|none)$/.test(label(cell, axis));
  return bare
    ? element("span", {}, named(sweep.axes[axis].name), " ", named(label(cell, axis)))
    : named(label(cell, axis));
}

/** The cell's picture; where there is none, why. */
function framed(cell) {
  const box = frame(cell.picture, shape(cell), words(cell));
  if (cell.status !== "done") box.append(badge(cell.status));
  const why = cell.error || cell.fault;
  if (!cell.picture) box.append(element("span", { class: "why" }, why || (cell.status === "done" ? "no picture" : "")));
  box.classList.toggle("bare", !cell.picture);
  return box;
}

function badge(status) {
  return element("span", { class: `badge ${status.replace(" ", "-")}` }, status);
}

/** All cells in rows as wide as the window. */
function drawGrid(cells) {
  const [kind, place] = view.sort.split(" ");
  const axes = varied.filter((axis) => !isFixed(axis));
  return element(
    "div",
    { class: "grid" },
    cells.map((cell) => tile(cell, axes, kind === "column" ? place : "")),
  );
}

function isFixed(axis) {
  return (view.fixed.get(axis) ?? ALL) !== ALL;
}
