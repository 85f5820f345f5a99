// What the reader can choose.

const controls = document.getElementById("controls");

function drawControls() {
  const axes = [["", "none"], ...varied.map((axis) => [String(axis), sweep.axes[axis].name])];
  const sheet = view.mode === "sheet";
  controls.replaceChildren(
    modes(),
    ...(sheet
      ? [
          chooser("Rows", axes, view.rows, (rows) => lay({ rows })),
          chooser("Columns", axes, view.columns, (columns) => lay({ columns })),
        ]
      : []),
    chooser("Sort by", sortings(), view.sort, (sort) => update({ sort })),
    direction(),
    filters(),
    statuses(),
  );
}

/** An axis goes either down or across: chosen for both, they change places. */
function lay(change) {
  const next = { rows: view.rows, columns: view.columns, ...change };
  if (next.rows === next.columns && next.rows !== "") {
    if ("rows" in change) next.columns = view.rows;
    else next.rows = view.columns;
  }
  update(next);
}

function modes() {
  const names = { sheet: "Sheet", grid: "Grid", table: "Table" };
  const choices = Object.entries(names).map(([mode, text]) => {
    const radio = element("input", {
      type: "radio",
      name: "mode",
      value: mode,
      checked: view.mode === mode,
      change: () => update({ mode }),
    });
    return element("label", {}, radio, element("span", {}, text));
  });
  return element("fieldset", { class: "modes" }, element("legend", {}, "View"), element("div", {}, choices));
}

function direction() {
  const text = view.descending ? "▼ descending" : "▲ ascending";
  return button(text, () => update({ descending: !view.descending }), {
    class: "direction",
    "aria-label": `Order: ${view.descending ? "descending" : "ascending"}`,
  });
}

function filters() {
  const fixed = varied.map((axis) => {
    const { name, labels } = sweep.axes[axis];
    const options = [[ALL, "all"], ...labels.map((text, i) => [String(i), text])];
    return chooser(name, options, view.fixed.get(axis) ?? ALL, (value) =>
      update({ fixed: new Map(view.fixed).set(axis, value) }),
    );
  });
  const columns = [["", "any"], ...sweep.columns.map((column, i) => [String(i), column.name])];
  const measure = sweep.columns.length
    ? [
        chooser("Metric or loss", columns, view.column, (column) => update({ column })),
        bound("low", "from"),
        bound("high", "to"),
      ]
    : [];
  const active = [...view.fixed.values()].filter((value) => value !== ALL).length + (view.column !== "");
  const summary = element("summary", {}, active ? `Filters (${active})` : "Filters");
  return element(
    "details",
    { class: "filters", open: filtersOpen(), id: "filters" },
    summary,
    element("div", {}, fixed, measure),
  );
}

function filtersOpen() {
  const now = document.getElementById("filters");
  return now ? now.open : innerWidth > 900;
}

function bound(key, text) {
  const input = element("input", {
    type: "number",
    step: "any",
    value: view[key],
    disabled: view.column === "",
    "data-bound": key,
    change: () => update({ [key]: input.value }),
  });
  return element("label", { class: "field" }, element("span", {}, text), input);
}

function statuses() {
  const present = STATUSES.filter((status) => sweep.cells.some((cell) => cell.status === status));
  const boxes = present.map((status) => {
    const toggle = () => {
      const chosen = new Set(view.statuses);
      if (!chosen.delete(status)) chosen.add(status);
      update({ statuses: chosen });
    };
    const count = sweep.cells.filter((cell) => cell.status === status).length;
    const box = element("input", {
      type: "checkbox",
      value: status,
      checked: view.statuses.has(status),
      change: toggle,
    });
    return element("label", { class: "status" }, box, badge(status), ` ${count}`);
  });
  return element("fieldset", { class: "statuses" }, element("legend", {}, "Status"), boxes);
}
