// Pictures exist only near the screen, so that thousands of cells stay light.

const sources = new WeakMap();

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) show(target);
      else target.querySelector("img")?.remove();
    }
  },
  { rootMargin: "300px", scrollMargin: "300px" },
);

/** A box of the picture's shape, whose picture comes when the box is near the screen. */
function frame(picture, size, alt) {
  const box = element("span", { class: "frame" });
  box.style.aspectRatio = size ? `${size[0]} / ${size[1]}` : "1";
  if (picture) {
    sources.set(box, { src: picture, alt });
    near.observe(box);
  }
  return box;
}

function show(box) {
  if (box.querySelector("img") === null) box.prepend(image(sources.get(box).src, sources.get(box).alt));
}

/** An <img>, decoded aside. */
function image(src, alt) {
  return element("img", { alt, decoding: "async", draggable: "false", src });
}

/** Nothing of what was shown is watched any more. */
function forget() {
  near.disconnect();
}

/** The shape of a cell's picture: the result's own, else its content's. */
function shape(cell) {
  return cell.size ?? (cell.content < 0 ? null : sweep.inputs[cell.content].size);
}
