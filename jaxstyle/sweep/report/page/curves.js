// Loss curves: steps across, values up on a logarithmic scale.

const WIDE = 640;
const HIGH = 300;
const EDGE = { left: 56, right: 12, top: 10, bottom: 28 };

/** The history of a cell as a chart with its legend; null where there is nothing to draw. */
function curves(cell) {
  const history = new Map(cell.history);
  const steps = history.get("step") ?? [];
  const lines = [...history].filter(([name, points]) => name !== "step" && points.some((value) => value > 0));
  if (steps.length < 2 || lines.length === 0) return null;
  const across = acrossScale(steps);
  const up = upScale(lines.flatMap(([, points]) => points).filter((value) => value > 0));
  const chart = drawn("svg", {
    viewBox: `0 0 ${WIDE} ${HIGH}`,
    class: "chart",
    role: "img",
    "aria-label": "Loss curves",
  });
  chart.append(...rules(up), ...stepMarks(across));
  lines.forEach(([, points], i) =>
    chart.append(drawn("path", { class: `line c${i % 8}`, d: path(steps, points, across, up) })),
  );
  return element("figure", { class: "curves" }, chart, legend(lines));
}

function acrossScale(steps) {
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const place = (step) => EDGE.left + ((step - first) / (last - first || 1)) * (WIDE - EDGE.left - EDGE.right);
  return Object.assign(place, { first, last });
}

function upScale(values) {
  let [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))].map(Math.log10);
  if (high - low < 0.1) [low, high] = [low - 0.1, high + 0.1];
  const place = (value) =>
    HIGH - EDGE.bottom - ((Math.log10(value) - low) / (high - low)) * (HIGH - EDGE.top - EDGE.bottom);
  return Object.assign(place, { low, high });
}

/** Where a value is zero or missing the line breaks. */
function path(steps, points, across, up) {
  let pen = "M";
  const parts = [];
  points.forEach((value, i) => {
    if (value > 0 && steps[i] !== null) parts.push(`${pen}${across(steps[i]).toFixed(1)} ${up(value).toFixed(1)}`);
    pen = value > 0 ? "L" : "M";
  });
  return parts.join("");
}

/** Horizontal lines at powers of ten, or at 1, 2 and 5 of them where there are few. */
function rules(up) {
  const decades = Array.from(
    { length: Math.floor(up.high) - Math.floor(up.low) + 1 },
    (_, i) => Math.floor(up.low) + i,
  );
  const sparse = Math.ceil((up.high - up.low) / 8);
  const marks =
    up.high - up.low > 2.5 ? [1] : up.high - up.low > 0.6 ? [1, 2, 5] : [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  return decades
    .filter((decade) => decade % sparse === 0)
    .flatMap((decade) => marks.map((mark) => mark * 10 ** decade))
    .filter((value) => Math.log10(value) >= up.low && Math.log10(value) <= up.high)
    .flatMap((value) => [
      drawn("path", { class: "rule", d: `M${EDGE.left} ${up(value)}H${WIDE - EDGE.right}` }),
      drawn("text", { x: EDGE.left - 8, y: up(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
}

function stepMarks(across) {
  const mark = (step, anchor) => drawn("text", { x: across(step), y: HIGH - 8, "text-anchor": anchor }, String(step));
  const middle = drawn(
    "text",
    { x: (WIDE + EDGE.left - EDGE.right) / 2, y: HIGH - 8, "text-anchor": "middle" },
    "step",
  );
  return [mark(across.first, "start"), middle, mark(across.last, "end")];
}

function legend(lines) {
  const swatch = (i) =>
    drawn(
      "svg",
      { viewBox: "0 0 24 8", class: "swatch", "aria-hidden": "true" },
      drawn("path", { class: `line c${i % 8}`, d: "M0 4H24" }),
    );
  const last = (points) => number(points.findLast((value) => value !== null));
  const entries = lines.map(([name, points], i) =>
    element("li", {}, swatch(i), named(name), " ", element("b", {}, last(points))),
  );
  return element("ul", { class: "legend" }, entries);
}
