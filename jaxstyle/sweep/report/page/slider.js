// Before and after: the result over the content, as far as the slider says.

/** The two pictures in one place, and the slider. */
function beforeAfter(before, after, size) {
  const [under, over] = [image(before.src, before.alt), image(after.src, after.alt)];
  const line = element("span", { class: "divider" });
  const stage = element("div", { class: "stage" }, under, over, line);
  stage.style.aspectRatio = `${size[0]} / ${size[1]}`;
  const range = element("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 0.5,
    value: 50,
    "aria-label": "Content left of here, result right of it",
  });
  const move = () => {
    over.style.clipPath = `inset(0 0 0 ${range.value}%)`;
    line.style.left = `${range.value}%`;
  };
  range.addEventListener("input", move);
  drag(stage, (part) => {
    range.value = 100 * part;
    move();
  });
  move();
  const ends = element("div", { class: "ends" }, element("span", {}, "content"), element("span", {}, "result"));
  return element("div", { class: "compare" }, stage, range, ends);
}

/** Tell `move` how far across the stage a pressed pointer is, from 0 to 1. */
function drag(stage, move) {
  const tell = (event) => {
    const box = stage.getBoundingClientRect();
    move((event.clientX - box.left) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    tell(event);
  });
  stage.addEventListener("pointermove", (event) => event.buttons && tell(event));
}
