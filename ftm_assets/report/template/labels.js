// Names of themes in the map: the larger theme's first, and none that would lie over another.

const LINE_LENGTH = 20;

/** A word that fits a line, cut if it must be. */
const fitting = (word) => (word.length > 1.5 * LINE_LENGTH ? `${word.slice(0, LINE_LENGTH)}…` : word);

/** A name in lines of about LINE_LENGTH letters, three at most. */
function lines(name) {
  const found = [""];
  for (const word of name.split(/\s+/).map(fitting)) {
    const longer = `${found.at(-1)} ${word}`.trim();
    if (longer.length > LINE_LENGTH && found.at(-1)) found.push(word);
    else found[found.length - 1] = longer;
  }
  return found.length > 3 ? [...found.slice(0, 2), `${found[2]} …`] : found;
}

/** Themes with their lines and size of type, largest first; measured once. */
function nameplates(report, context) {
  const most = Math.max(1, ...report.themes.map((t) => t.n_sentences));
  return report.themes
    .map((theme, t) => {
      const size = 11 + 3.5 * Math.sqrt(theme.n_sentences / most);
      const text = lines(theme.name);
      context.font = fontOf(size);
      const width = Math.max(...text.map((part) => context.measureText(part).width));
      return { theme: t, text, size, width, height: text.length * size * 1.15, x: theme.x, y: theme.y, weight: theme.n_sentences };
    })
    .sort((a, b) => b.weight - a.weight || a.theme - b.theme);
}

const fontOf = (size) => `550 ${size.toFixed(1)}px "Avenir Next", "Segoe UI", system-ui, sans-serif`;

/** Where names go in a view: [{ plate, left, top }], none over another or over the edge. */
function placed(plates, view, first) {
  const taken = [];
  const isFree = (box) =>
    taken.every((other) => box.right < other.left || box.left > other.right || box.bottom < other.top || box.top > other.bottom);
  const found = [];
  const order = first === null ? plates : [...plates.filter((p) => p.theme === first), ...plates.filter((p) => p.theme !== first)];
  for (const plate of order) {
    const x = view.x + plate.x * view.k * view.across;
    const y = view.y + plate.y * view.k * view.down;
    if (x < -plate.width || y < -plate.height || x > view.width + plate.width || y > view.height + plate.height) continue;
    for (const shift of [0, -1, 1]) {
      const left = clamp(x - plate.width / 2, Math.min(4, x), Math.max(view.width - 4 - plate.width, x - plate.width));
      const top = y - plate.height / 2 + shift * plate.height * 0.8;
      const box = { left: left - 8, top: top - 4, right: left + plate.width + 8, bottom: top + plate.height + 4 };
      if (!isFree(box)) continue;
      taken.push(box);
      found.push({ plate, box, left, top });
      break;
    }
  }
  return found;
}

/** Pixels around a name for the paper's colour. */
const HALO = 2;

/** A name as a picture, with the paper's colour around the letters; it is written once, since every frame shows it. */
function inked(plate, ink, paper, ratio) {
  const key = [ink, paper, ratio].join();
  if (plate.key === key) return plate.picture;
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil((plate.width + 2 * HALO) * ratio);
  canvas.height = Math.ceil((plate.height + 2 * HALO) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = fontOf(plate.size);
  Object.assign(context, { textAlign: "center", textBaseline: "top", lineJoin: "round", lineWidth: 2 * HALO - 0.5 });
  context.strokeStyle = paper;
  context.fillStyle = ink;
  plate.text.forEach((part, i) => {
    const [x, y] = [HALO + plate.width / 2, HALO + i * plate.size * 1.15];
    context.strokeText(part, x, y);
    context.fillText(part, x, y);
  });
  Object.assign(plate, { key, picture: canvas });
  return canvas;
}

/** Write names onto the map: those of themes that are not lit are faint. */
function writeNames(context, places, { ink, paper, lit }, ratio) {
  const whole = (pixel) => Math.round(pixel * ratio) / ratio;
  for (const { plate, left, top } of places) {
    const picture = inked(plate, ink, paper, ratio);
    context.globalAlpha = !lit || lit.has(plate.theme) ? 1 : 0.35;
    context.drawImage(picture, whole(left - HALO), whole(top - HALO), picture.width / ratio, picture.height / ratio);
  }
  context.globalAlpha = 1;
}
