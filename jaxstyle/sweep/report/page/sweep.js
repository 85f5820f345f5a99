// The sweep's data, what of it is wanted, and in which order.

const sweep = JSON.parse(document.getElementById("sweep").textContent);
sweep.cells.forEach((cell, place) => (cell.place = place));

const STATUSES = ["done", "no better", "not finite", "failed", "pending", "unreadable"];
const ALL = "all";

/** Axes that differ between cells: the others say nothing in a caption. */
const varied = sweep.axes.map((axis, i) => i).filter((i) => new Set(sweep.cells.map((cell) => cell.axes[i])).size > 1);

/** What the reader has chosen. Numbers of axes and columns are texts, as <select> has them. */
const view = {
  mode: "sheet",
  rows: "",
  columns: "",
  statuses: new Set(STATUSES),
  fixed: new Map(),
  column: "",
  low: "",
  high: "",
  sort: "order",
  descending: false,
};

function label(cell, axis) {
  return cell.axes[axis] < 0 ? "–" : sweep.axes[axis].labels[cell.axes[axis]];
}

/** The cell in words. */
function words(cell, axes = varied) {
  return axes.map((axis) => `${sweep.axes[axis].name} ${label(cell, axis)}`).join(", ") || cell.id;
}

/** The cells that are wanted, in the wanted order. */
function selected() {
  const chosen = sweep.cells.filter(wanted);
  const key = sortKey(view.sort);
  const sign = view.descending ? -1 : 1;
  return chosen.sort((a, b) => compare(key(a), key(b), sign) || a.place - b.place);
}

function wanted(cell) {
  if (!view.statuses.has(cell.status)) return false;
  for (const [axis, value] of view.fixed) if (value !== ALL && cell.axes[axis] !== Number(value)) return false;
  if (view.column === "" || (view.low === "" && view.high === "")) return true;
  const value = cell.values[view.column];
  if (value === null) return false;
  return (view.low === "" || value >= Number(view.low)) && (view.high === "" || value <= Number(view.high));
}

/** "order", "axis 2" or "column 3". */
function sortKey(sort) {
  const [kind, place] = sort.split(" ");
  if (kind === "axis") return (cell) => cell.axes[place];
  if (kind === "column") return (cell) => cell.values[place];
  return (cell) => cell.place;
}

/** Cells without a value come last, whichever way it goes. */
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (a - b);
}

/** What can be sorted by, as options. */
function sortings() {
  const axes = varied.map((axis) => [`axis ${axis}`, sweep.axes[axis].name]);
  const columns = sweep.columns.map((column, i) => [`column ${i}`, column.name]);
  return [["order", "order of the sweep"], ...axes, ...columns];
}

/** The best value of a column among cells of one content; none where no value is better than another.
 *  Metrics of different contents are not comparable: a plain picture is kept more easily than a busy one. */
function best(cells, place, content) {
  const { better } = sweep.columns[place];
  const values = cells
    .filter((cell) => cell.status === "done" && cell.content === content)
    .map((cell) => cell.values[place])
    .filter((value) => value !== null);
  if (better === 0 || values.length < 2) return null;
  return values.reduce((a, b) => (better * b > better * a ? b : a));
}
