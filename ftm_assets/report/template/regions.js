// Themes as regions of the map: where a theme's topics are denser than any other theme's, outlined.

const CELLS = 200;
/** Cells around the map, so that a region at its edge is whole. */
const BORDER = 16;
const WIDE = CELLS + 2 * BORDER;
/** Share of its highest density at which a theme's region ends. */
const EDGE = 0.25;

/** The weights of a topic in the cells around it: they reach farther where there are few topics. */
function kernel(n) {
  const reach = clamp(Math.round(14 * (400 / Math.max(n, 1)) ** 0.2), 5, BORDER - 1);
  const found = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const far = (dx * dx + dy * dy) / (reach * reach);
      if (far < 1) found.push([dx, dy, (1 - far) ** 2]);
    }
  }
  return found;
}

/** The theme whose topics are densest, per cell of the grid; -1 where none is dense enough. */
function territories(report) {
  const { px, py, n, n_sentences: weight } = report.points;
  const around = kernel(n);
  const owner = new Int32Array(WIDE * WIDE).fill(-1);
  const best = new Float32Array(WIDE * WIDE);
  const density = new Float32Array(WIDE * WIDE);
  report.topicsOfTheme.forEach((topics, theme) => {
    const touched = [];
    for (const i of topics) {
      const cx = Math.round(px[i] * (CELLS - 1)) + BORDER;
      const cy = Math.round(py[i] * (CELLS - 1)) + BORDER;
      const own = Math.sqrt(weight[i]);
      for (const [dx, dy, part] of around) {
        const cell = (cy + dy) * WIDE + cx + dx;
        if (density[cell] === 0) touched.push(cell);
        density[cell] += own * part;
      }
    }
    const highest = touched.reduce((most, cell) => Math.max(most, density[cell]), 0);
    for (const cell of touched) {
      if (density[cell] > EDGE * highest && density[cell] > best[cell]) {
        best[cell] = density[cell];
        owner[cell] = theme;
      }
      density[cell] = 0;
    }
  });
  return owner;
}

/** A mask made smooth, so that outlines are round: the mean over each cell and its eight neighbours, twice. */
function smoothed(mask, wide, tall) {
  let from = mask;
  for (let round = 0; round < 2; round++) {
    const to = new Float32Array(wide * tall);
    for (let y = 1; y < tall - 1; y++) {
      for (let x = 1; x < wide - 1; x++) {
        let sum = 0;
        for (let dy = -wide; dy <= wide; dy += wide) {
          const at = y * wide + x + dy;
          sum += from[at - 1] + from[at] + from[at + 1];
        }
        to[y * wide + x] = sum / 9;
      }
    }
    from = to;
  }
  return from;
}

/** The edges between cells of the marching squares, per case of which corners are inside: pairs of sides. */
const SIDES = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 2], [1, 0]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[2, 1], [0, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];

/** The outlines at which a field is half, as closed rings of points [x, y] in cells. */
function outlines(field, wide, tall) {
  const level = 0.5;
  const next = new Map();
  const place = new Map();
  const crossing = (x, y, side) => {
    const a = [[x, y], [x + 1, y], [x, y + 1], [x, y]][side];
    const b = [[x + 1, y], [x + 1, y + 1], [x + 1, y + 1], [x, y + 1]][side];
    const key = 2 * (a[1] * wide + a[0]) + (side % 2);
    if (!place.has(key)) {
      const [va, vb] = [field[a[1] * wide + a[0]], field[b[1] * wide + b[0]]];
      const at = (level - va) / (vb - va);
      place.set(key, [a[0] + at * (b[0] - a[0]), a[1] + at * (b[1] - a[1])]);
    }
    return key;
  };
  for (let y = 0; y < tall - 1; y++) {
    for (let x = 0; x < wide - 1; x++) {
      const at = y * wide + x;
      const corners = [field[at], field[at + 1], field[at + wide + 1], field[at + wide]];
      const which = corners.reduce((sum, value, i) => sum + (value > level ? 1 << i : 0), 0);
      for (const [from, to] of SIDES[which]) next.set(crossing(x, y, from), crossing(x, y, to));
    }
  }
  const rings = [];
  while (next.size) {
    const ring = [];
    let [key] = next.keys();
    while (next.has(key)) {
      ring.push(place.get(key));
      const following = next.get(key);
      next.delete(key);
      key = following;
    }
    rings.push(ring);
  }
  return rings;
}

/** Per theme the outline of its region, as a Path2D in the map's units (null for one without), and what is whose. */
function regions(report) {
  const owner = territories(report);
  const cell = (at) => clamp(Math.round(at * (CELLS - 1)), -BORDER, CELLS - 1 + BORDER) + BORDER;
  const themeAt = (x, y) => owner[cell(y) * WIDE + cell(x)];
  return { paths: outlinedRegions(report, owner), themeAt };
}

function outlinedRegions(report, owner) {
  const boxes = report.themes.map(() => [WIDE, WIDE, 0, 0]);
  owner.forEach((theme, cell) => {
    if (theme < 0) return;
    const [x, y, box] = [cell % WIDE, Math.floor(cell / WIDE), boxes[theme]];
    boxes[theme] = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)];
  });
  const unit = (cell) => (cell - BORDER) / (CELLS - 1);
  return boxes.map(([left, top, right, bottom], theme) => {
    if (right < left) return null;
    const [wide, tall] = [right - left + 7, bottom - top + 7];
    const mask = new Float32Array(wide * tall);
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        if (owner[y * WIDE + x] === theme) mask[(y - top + 3) * wide + x - left + 3] = 1;
      }
    }
    const path = new Path2D();
    for (const ring of outlines(smoothed(mask, wide, tall), wide, tall)) {
      ring.forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](unit(x + left - 3), unit(y + top - 3)));
      path.closePath();
    }
    return path;
  });
}
