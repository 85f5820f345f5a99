// The numbers: one row a cell, the best of each metric and content marked.

function drawTable(cells) {
  const contents = [...new Set(cells.map(({ content }) => content))];
  const winners = sweep.columns.map((column, i) => new Map(contents.map((each) => [each, best(cells, i, each)])));
  const body = element(
    "tbody",
    {},
    cells.map((cell) => row(cell, winners)),
  );
  const table = element("table", { class: "numbers" }, tableHead(), body);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of metrics" }, table);
}

function tableHead() {
  const axes = varied.map((axis) => sorter(`axis ${axis}`, sweep.axes[axis].name, ""));
  const columns = sweep.columns.map((column, i) => sorter(`column ${i}`, column.name, meaning(column), column.about));
  return element(
    "thead",
    {},
    element("tr", {}, element("td"), axes, element("th", { scope: "col" }, "status"), columns),
  );
}

function meaning(column) {
  if (column.kind === "loss") return "loss";
  return { 1: "higher is better", "-1": "lower is better", 0: "" }[column.better];
}

/** A heading that sorts, and the other way round when it does already. */
function sorter(sort, name, hint, about = "") {
  const active = view.sort === sort;
  const arrow = active ? (view.descending ? " ▼" : " ▲") : "";
  const click = () => update({ sort, descending: active && !view.descending });
  const text = element("button", { type: "button", class: "sorter", click, "data-sort": sort }, named(name), arrow);
  const order = active ? (view.descending ? "descending" : "ascending") : "none";
  return element(
    "th",
    { scope: "col", "aria-sort": order, title: about || null },
    text,
    hint && element("small", {}, hint),
  );
}

function row(cell, winners) {
  const open = tile(cell, []);
  const numbers = cell.values.map((value, i) => figure(value, value !== null && value === winners[i].get(cell.content)));
  const why = cell.error || cell.fault;
  return element(
    "tr",
    { "data-id": cell.id },
    element("td", { class: "thumb" }, open),
    varied.map((axis) => element("td", {}, named(label(cell, axis)))),
    element("td", {}, badge(cell.status), why && element("small", { class: "why" }, why)),
    numbers,
  );
}

function figure(value, isBest) {
  return element(
    "td",
    { class: isBest ? "figure best" : "figure" },
    number(value),
    isBest && element("small", {}, " best"),
  );
}
