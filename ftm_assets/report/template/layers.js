// The map's picture of regions and points, drawn in slices of a few milliseconds so that no frame waits for it.
// While the reader moves, the last picture is moved with them; a sharp one follows when they rest.

const SLICE_MS = 10;
/** Pixels beyond the map's edges that are drawn too, so that there is something to move in. */
const MARGIN = 160;

/** Radius in pixels of each topic at no zoom: its area is as its sentences. */
function radii(report) {
  const { n, n_sentences: weight } = report.points;
  const typical = quantile([...weight], 0.5) || 1;
  const base = clamp(110 / Math.sqrt(n), 0.9, 5);
  return Float32Array.from(weight, (w) => clamp(base * Math.sqrt(w / typical), 0.7, 3 * base));
}

/** Topics in the order in which they are drawn: those in no theme below, large ones below small ones. */
function drawingOrder(report) {
  const { n, theme, n_sentences: weight } = report.points;
  const inTheme = (i) => (theme[i] >= 0 ? 1 : 0);
  return Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => inTheme(a) - inTheme(b) || weight[b] - weight[a],
  );
}

class Layers {
  /** @param sketch what is drawn: report, paths of regions, radii and order; painted() is called when a picture is ready. */
  constructor(report, paths, painted) {
    Object.assign(this, { report, paths, painted });
    this.radius = radii(report);
    this.order = drawingOrder(report);
    this.ready = null;
    this.work = null;
  }

  /** Begin a picture of a view: { k, x, y } with the size of the map and what is to be seen in it. */
  paint(view, look) {
    const canvas = document.createElement("canvas");
    canvas.width = (view.width + 2 * MARGIN) * view.ratio;
    canvas.height = (view.height + 2 * MARGIN) * view.ratio;
    const steps = this.steps({ ...view, canvas }, look);
    const running = Boolean(this.work);
    this.work = { steps, picture: { ...view, canvas } };
    if (!running) this.run();
  }

  /** Finish the picture that was begun, at once: for paper, which does not wait. */
  finish() {
    while (this.work && !this.work.steps.next().done);
    if (this.work) this.hand();
  }

  run() {
    if (!this.work) return;
    const until = performance.now() + SLICE_MS;
    let done = false;
    while (!done && performance.now() < until) done = this.work.steps.next().done;
    if (!done) {
      requestAnimationFrame(() => this.run());
      return;
    }
    this.hand();
  }

  hand() {
    this.ready = this.work.picture;
    this.work = null;
    this.painted();
  }

  /** Put the last picture onto the map, moved and scaled to a view. */
  show(context, view) {
    if (!this.ready) return;
    const { canvas, k, x, y, ratio } = this.ready;
    const scale = view.k / k;
    context.drawImage(
      canvas,
      view.x - (MARGIN + x) * scale,
      view.y - (MARGIN + y) * scale,
      (canvas.width / ratio) * scale,
      (canvas.height / ratio) * scale,
    );
  }

  /** Whether the last picture no longer does for a view. */
  isStale(view) {
    if (!this.ready || this.ready.k !== view.k) return true;
    return Math.abs(view.x - this.ready.x) > MARGIN / 2 || Math.abs(view.y - this.ready.y) > MARGIN / 2;
  }

  *steps(view, look) {
    const context = view.canvas.getContext("2d");
    context.scale(view.ratio, view.ratio);
    context.translate(MARGIN, MARGIN);
    yield* this.drawRegions(context, view, look);
    yield* this.drawPoints(context, view, look, look.chosen ? (i) => !look.chosen[i] : () => true, Boolean(look.chosen));
    if (look.chosen) yield* this.drawPoints(context, view, look, (i) => look.chosen[i], false);
  }

  *drawRegions(context, view, look) {
    const across = new DOMMatrix([view.k * view.across, 0, 0, view.k * view.down, view.x, view.y]);
    for (const [theme, path] of this.paths.entries()) {
      if (!path) continue;
      const outline = new Path2D();
      outline.addPath(path, across);
      const faded = look.lit && !look.lit.has(theme);
      context.fillStyle = context.strokeStyle = look.ofTheme(theme);
      context.globalAlpha = faded ? 0.05 : look.regionAlpha;
      context.fill(outline);
      context.globalAlpha = faded ? 0.2 : 0.55;
      context.lineWidth = theme === look.theme ? 2 : 1;
      context.stroke(outline);
      yield;
    }
  }

  *drawPoints(context, view, look, isMeant, isFaded) {
    const { px, py, theme } = this.report.points;
    const grow = view.k ** 0.4;
    const [left, top, right, bottom] = [-MARGIN, -MARGIN, view.width + MARGIN, view.height + MARGIN];
    let colour = null;
    for (let at = 0; at < this.order.length; at++) {
      if (at % 500 === 499) yield;
      const i = this.order[at];
      if (!isMeant(i) || (theme[i] < 0 && !look.isLooseShown)) continue;
      const x = view.x + px[i] * view.k * view.across;
      const y = view.y + py[i] * view.k * view.down;
      if (x < left || x > right || y < top || y > bottom) continue;
      const next = look.ofTopic(i);
      if (next !== colour) context.fillStyle = colour = next;
      context.globalAlpha = isFaded ? 0.12 : theme[i] < 0 ? 0.45 : 0.85;
      const r = this.radius[i] * grow;
      if (r < 1.6) {
        context.fillRect(x - r, y - r, 2 * r, 2 * r);
        continue;
      }
      context.beginPath();
      context.arc(x, y, r, 0, 2 * Math.PI);
      context.fill();
      if (r < 3 || isFaded) continue;
      context.strokeStyle = look.paper;
      context.lineWidth = 0.8;
      context.stroke();
    }
  }
}
