// The contact sheet: one axis down, one across, whatever else differs side by side in a cell.

function drawSheet(cells) {
  const [down, across] = [view.rows, view.columns].map((axis) => (axis === "" ? null : Number(axis)));
  const rest = varied.filter((axis) => axis !== down && axis !== across && !isFixed(axis));
  const [rows, columns] = [values(cells, down), values(cells, across)];
  const places = group(cells, down, across);
  const widest = Math.max(...Array.from(places.values(), (some) => some.length), 1);
  const table = element("table", { class: "sheet" }, head(down, across, columns));
  table.style.setProperty("--abreast", Math.min(4, Math.ceil(Math.sqrt(widest))));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr", {}, down !== null && heading(down, row, "row"));
    for (const column of columns) line.append(place(places.get(`${row} ${column}`) ?? [], rest));
    body.append(line);
  }
  table.append(body);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Contact sheet" }, table);
}

function place(cells, rest) {
  const stack = element(
    "div",
    { class: "stack" },
    cells.map((cell) => tile(cell, rest)),
  );
  return element("td", {}, cells.length > 0 && stack);
}

/** The values of an axis that the cells have, in the axis's order; one for no axis. */
function values(cells, axis) {
  if (axis === null) return [0];
  return [...new Set(cells.map((cell) => cell.axes[axis]))].sort((a, b) => a - b);
}

function group(cells, down, across) {
  const places = new Map();
  for (const cell of cells) {
    const key = [down, across].map((axis) => (axis === null ? 0 : cell.axes[axis])).join(" ");
    if (!places.has(key)) places.set(key, []);
    places.get(key).push(cell);
  }
  return places;
}

function head(down, across, columns) {
  if (across === null) return null;
  const corner = element("td", { class: "corner" }, arrow(down, "↓"), arrow(across, "→"));
  return element(
    "thead",
    {},
    element(
      "tr",
      {},
      down !== null && corner,
      columns.map((column) => heading(across, column, "col")),
    ),
  );
}

/** A value of an axis; of the axes of pictures with the picture. */
function heading(axis, value, scope) {
  const { name, labels } = sweep.axes[axis];
  const text = value < 0 ? "–" : labels[value];
  const entry = ["content", "style"].includes(name) && sweep.inputs.find((input) => input.name === text);
  const picture = entry && entry.picture ? frame(entry.picture, entry.size, "") : null;
  const words = picture ? named(text) : [element("small", {}, named(name)), " ", named(text)];
  return element("th", { scope }, element("span", { class: "heading" }, picture, element("span", {}, words)));
}

function arrow(axis, sign) {
  return axis === null ? null : element("span", {}, named(sweep.axes[axis].name), ` ${sign}`);
}
