// Choices to a drawing.

const drawings = { sheet: drawSheet, grid: drawGrid, table: drawTable };

/** Change what is chosen and draw again; the control that was used keeps the focus. */
function update(change) {
  Object.assign(view, change);
  const place = [...controls.querySelectorAll("select, input, button, summary")].indexOf(document.activeElement);
  const inTable = document.activeElement?.dataset.sort;
  draw();
  if (place >= 0) [...controls.querySelectorAll("select, input, button, summary")].at(place)?.focus();
  if (inTable) document.querySelector(`[data-sort="${inTable}"]`)?.focus();
}

function draw() {
  forget();
  drawControls();
  shown = selected();
  if (view.mode === "sheet") shown = asLaidOut(shown);
  const what =
    shown.length === sweep.cells.length
      ? `All ${shown.length} cells`
      : `${shown.length} of ${sweep.cells.length} cells`;
  document.getElementById("count").textContent = shown.length ? what : `${what}: no cell fits the filters`;
  document.getElementById("view").replaceChildren(drawings[view.mode](shown));
}

/** The order in which the sheet is read: along its rows. */
function asLaidOut(cells) {
  const key = (cell, axis) => (axis === "" ? 0 : cell.axes[axis]);
  return [...cells].sort(
    (a, b) => key(a, view.rows) - key(b, view.rows) || key(a, view.columns) - key(b, view.columns),
  );
}

/** Pictures across and down where there are several, else the axes with the most values. */
function chooseAxes() {
  const named = (name) => varied.find((axis) => sweep.axes[axis].name === name);
  const many = [...varied].sort((a, b) => sweep.axes[b].labels.length - sweep.axes[a].labels.length);
  const wanted = [...new Set([named("content"), named("style"), ...many])].filter((axis) => axis !== undefined);
  view.rows = String(wanted[0] ?? "");
  view.columns = String(wanted[1] ?? "");
}

function summarise() {
  const axes = varied.map(
    (axis) => `${new Set(sweep.cells.map((cell) => cell.axes[axis])).size} × ${sweep.axes[axis].name}`,
  );
  const seconds = sweep.columns.findIndex((column) => column.kind === "time");
  const total = seconds < 0 ? 0 : sweep.cells.reduce((sum, cell) => sum + (cell.values[seconds] ?? 0), 0);
  document
    .getElementById("summary")
    .replaceChildren(
      `${sweep.cells.length} cells`,
      axes.length > 0 && element("span", {}, " · ", named(axes.join(", "))),
      total > 0 ? ` · ${duration(total)} of computing` : "",
    );
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

controls.addEventListener("submit", (event) => event.preventDefault());
chooseAxes();
summarise();
draw();
