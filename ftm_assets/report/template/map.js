// The map: a canvas that is moved and zoomed by mouse, touch and keys, with a search, a legend and a card for a topic.

const PAD = 14;
const FARTHEST = 60;
const GRID = 128;

/** Topics by the cell of a grid that they are in, so that the nearest to the pointer is found at once. */
function gridOf(report) {
  const { px, py, n } = report.points;
  const cells = Int32Array.from({ length: n }, (_, i) => Math.floor(py[i] * (GRID - 1)) * GRID + Math.floor(px[i] * (GRID - 1)));
  return grouped([...cells], GRID * GRID);
}

class ThemeMap {
  /** onTopic and onTheme are told what is pointed at, onPlaced where the topic is, onOpenTheme which theme is to be opened. */
  constructor(report, canvas, { onTopic, onPlaced, onTheme, onOpenTheme }) {
    Object.assign(this, { report, canvas, onTopic, onPlaced, onTheme, onOpenTheme });
    this.context = canvas.getContext("2d");
    const { paths, themeAt } = regions(report);
    this.themeAt = themeAt;
    this.layers = new Layers(report, paths, () => this.draw());
    this.grid = gridOf(report);
    this.view = { k: 1, x: PAD, y: PAD };
    this.colouring = "theme";
    this.isLooseShown = true;
    this.found = null;
    this.inGroup = null;
    this.theme = null;
    this.topic = null;
    this.pinned = null;
    this.paintSoon = settled(() => this.paint(), 90);
    this.pointers = new Map();
    this.listen();
  }

  /** Take the size that the page gives the canvas; the first time, and when it changes. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const before = this.view;
    const next = { width, height, ratio, across: width - 2 * PAD, down: height - 2 * PAD };
    if (before.width === width && before.height === height && before.ratio === ratio) return;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const scaleX = before.width ? next.across / before.across : 1;
    const scaleY = before.height ? next.down / before.down : 1;
    this.view = { ...next, k: before.k, x: PAD + (before.x - PAD) * scaleX, y: PAD + (before.y - PAD) * scaleY };
    this.paint();
  }

  /** The colours of the scheme in use; after a change of scheme or of what colours mean. */
  look() {
    const palette = colours();
    const { themes, points: topics } = this.report;
    const tone = toneScale(this.report.toneRange, palette);
    const none = palette.of("loose");
    const groups = themes.map((t) => palette.group(t.group));
    const chosen = this.chosen();
    const isTone = this.colouring === "tone";
    const ofScore = (score) => (score === null ? none : tone(score));
    return {
      paper: palette.of("plate"),
      ink: palette.of("ink"),
      regionAlpha: isTone ? 0.16 : 0.13,
      isLooseShown: this.isLooseShown,
      chosen,
      lit: chosen && new Set(topics.theme.filter((_, i) => chosen[i])),
      theme: this.theme,
      ofTheme: (t) => (isTone ? ofScore(themes[t].score) : groups[t]),
      ofTopic: (i) => (isTone ? ofScore(topics.score[i]) : topics.theme[i] < 0 ? none : groups[topics.theme[i]]),
    };
  }

  /** Flags of the topics that a search, a group or a chosen theme picks out; null if nothing is picked out. */
  chosen() {
    if (this.found) return this.found.topics;
    if (this.inGroup) return this.inGroup;
    if (this.theme === null) return null;
    return Uint8Array.from(this.report.points.theme, (t) => (t === this.theme ? 1 : 0));
  }

  paint() {
    if (!this.view.width) return;
    this.canvas.dataset.drawn = "moving";
    this.current = this.look();
    this.plates ??= nameplates(this.report, this.context);
    this.layers.paint(this.view, this.current);
  }

  /** The map as it is to be on paper: all of it, drawn at once. */
  paintNow() {
    this.resize();
    this.paint();
    this.layers.finish();
  }

  draw() {
    if (!this.view.width || !this.current) return;
    const { context, view } = this;
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    this.layers.show(context, view);
    this.names = placed(this.plates, view, this.theme);
    writeNames(context, this.names, this.current, view.ratio);
    if (this.topic !== null) {
      this.ring(this.topic);
      this.onPlaced(this.topic);
    }
    this.canvas.dataset.drawn = this.layers.work || this.layers.isStale(view) ? "moving" : "still";
  }

  ring(i) {
    const [x, y] = this.where(i);
    this.context.strokeStyle = this.current.ink;
    this.context.lineWidth = 1.5;
    this.context.beginPath();
    this.context.arc(x, y, this.layers.radius[i] * this.view.k ** 0.4 + 3, 0, 2 * Math.PI);
    this.context.stroke();
  }

  /** Where a topic is on the canvas, in pixels. */
  where(i) {
    const { px, py } = this.report.points;
    const { k, x, y, across, down } = this.view;
    return [x + px[i] * k * across, y + py[i] * k * down];
  }

  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  move(dx, dy) {
    this.go({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  zoom(factor, atX = this.view.width / 2, atY = this.view.height / 2) {
    const k = clamp(this.view.k * factor, 1, FARTHEST);
    const f = k / this.view.k;
    this.go({ ...this.view, k, x: atX - (atX - this.view.x) * f, y: atY - (atY - this.view.y) * f });
  }

  /** Show a view, held so that some of the map stays in sight. */
  go(view) {
    const { width, height, across, down, k } = view;
    view.x = clamp(view.x, width / 2 - k * across, width / 2);
    view.y = clamp(view.y, height / 2 - k * down, height / 2);
    this.view = view;
    this.canvas.dataset.drawn = "moving";
    this.drawSoon();
    if (this.layers.isStale(view)) this.paintSoon();
  }

  reset() {
    this.go({ ...this.view, k: 1, x: PAD, y: PAD });
  }

  /** Bring a theme to the middle, and pick it out. */
  focus(theme) {
    this.theme = theme;
    if (theme !== null) {
      const { x, y } = this.report.themes[theme];
      const k = Math.max(this.view.k, 2);
      const { width, height, across, down } = this.view;
      this.go({ ...this.view, k, x: width / 2 - x * k * across, y: height / 2 - y * k * down });
    }
    this.paint();
  }

  set(changes) {
    Object.assign(this, changes);
    this.paint();
  }

  /** The topic nearest to a pixel, within reach of a pointer; null if none is. */
  nearest(x, y) {
    const { k, across, down } = this.view;
    const reach = 12;
    const cell = (at) => clamp(Math.floor(at * (GRID - 1)), 0, GRID - 1);
    const [left, right] = [x - reach, x + reach].map((at) => cell((at - this.view.x) / (k * across)));
    const [top, bottom] = [y - reach, y + reach].map((at) => cell((at - this.view.y) / (k * down)));
    const chosen = this.current?.chosen;
    let best = null;
    let closest = reach;
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        for (const i of this.grid[row * GRID + column]) {
          if ((chosen && !chosen[i]) || (!this.isLooseShown && this.report.points.theme[i] < 0)) continue;
          const [px, py] = this.where(i);
          const far = Math.hypot(px - x, py - y) - this.layers.radius[i];
          if (far < closest) [best, closest] = [i, far];
        }
      }
    }
    return best;
  }

  /** What is at a pixel: the theme whose name is there, else the nearest topic, and the theme whose region is there. */
  under(x, y) {
    const name = this.names?.find(({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom);
    if (name) return { topic: null, theme: name.plate.theme };
    return { topic: this.nearest(x, y), theme: this.themeOfRegion(x, y) };
  }

  themeOfRegion(x, y) {
    const { k, across, down } = this.view;
    const theme = this.themeAt((x - this.view.x) / (k * across), (y - this.view.y) / (k * down));
    return theme >= 0 ? theme : null;
  }

  listen() {
    const { canvas } = this;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    canvas.addEventListener("pointerup", (event) => this.onUp(event));
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.pointers.size || this.hover({ topic: null, theme: null }));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  onWheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.002), event.offsetX, event.offsetY);
  }

  onDown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.pointers.size === 1) this.travelled = 0;
  }

  onMove(event) {
    const [x, y] = [event.offsetX, event.offsetY];
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(this.under(x, y));
      return;
    }
    this.travelled += Math.hypot(x - before.x, y - before.y);
    if (this.pointers.size === 1) {
      this.move(x - before.x, y - before.y);
    } else {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const grown = Math.hypot(x - other.x, y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      this.zoom(grown, (x + other.x) / 2, (y + other.y) / 2);
    }
    this.pointers.set(event.pointerId, { x, y });
  }

  onUp(event) {
    if (!this.pointers.delete(event.pointerId) || this.travelled > 6) return;
    const { topic, theme } = this.under(event.offsetX, event.offsetY);
    if (topic !== null) this.pin(topic);
    else if (theme !== null) this.onOpenTheme(theme);
    else this.pin(null);
  }

  /** Show a topic's card, to stay until another is chosen. */
  pin(topic) {
    this.pinned = topic;
    this.topic = topic;
    this.onTopic(topic, true);
    this.drawSoon();
  }

  hover({ topic, theme }) {
    if (this.pinned !== null) return;
    this.canvas.classList.toggle("is-pointing", topic !== null || theme !== null);
    this.onTheme(topic === null ? theme : null);
    if (topic === this.topic) return;
    this.topic = topic;
    this.onTopic(topic, false);
    this.drawSoon();
  }

  onKey(event) {
    const step = 60;
    const keys = {
      ArrowLeft: () => this.move(step, 0),
      ArrowRight: () => this.move(-step, 0),
      ArrowUp: () => this.move(0, step),
      ArrowDown: () => this.move(0, -step),
      "+": () => this.zoom(1.4),
      "=": () => this.zoom(1.4),
      "-": () => this.zoom(1 / 1.4),
      0: () => this.reset(),
      n: () => this.walk(1),
      p: () => this.walk(-1),
      Enter: () => this.theme !== null && this.onOpenTheme(this.theme),
      Escape: () => this.leave(),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** Go to the next theme by size, or the one before. */
  walk(by) {
    const order = this.plates.map((plate) => plate.theme);
    if (!order.length) return;
    const at = this.theme === null ? (by > 0 ? -1 : 0) : order.indexOf(this.theme);
    this.focus(order[(at + by + order.length) % order.length]);
    this.onTheme(this.theme);
  }

  leave() {
    this.pin(null);
    this.focus(null);
    this.onTheme(null);
  }
}
