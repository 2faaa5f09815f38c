// Small pictures in SVG: a tone with its interval, a line through quarters, firms on a scale. Each says in words what it shows.

/** Colours by name, as the style sheet has them for the scheme in use. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    of,
    group: (g) => of(`group-${(g % 12) + 1}`),
  };
}

/** A colour of the diverging scale for a score, as rgb(): orange below zero, blue above, grey at zero. */
function toneScale(range, palette) {
  const stops = ["tone-low", "tone-lower", "tone-zero", "tone-higher", "tone-high"].map((name) => {
    const hex = palette.of(name);
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  });
  const steps = 32;
  const made = Array.from({ length: 2 * steps + 1 }, (_, i) => {
    const at = (i / (2 * steps)) * 4;
    const low = Math.min(3, Math.floor(at));
    const mixed = stops[low].map((c, k) => Math.round(c + (at - low) * (stops[low + 1][k] - c)));
    return `rgb(${mixed.join(" ")})`;
  });
  return (score) => made[Math.round((clamp(score / range, -1, 1) + 1) * steps)];
}

/** Which side of the tone scale a score is on, as it is written: one that is written as zero is on neither. */
function sideOf(score) {
  if (score === null) return "is-none";
  if (Math.abs(score) < 0.005) return "is-even";
  return score < 0 ? "is-low" : "is-high";
}

/** A score as a point on a scale from -range to range, with its interval as a bar if it has one. */
function toneMark(score, low, high, range, width = 120) {
  const height = 14;
  const x = (value) => ((clamp(value, -range, range) + range) / (2 * range)) * (width - 8) + 4;
  const mark = s("svg", { class: "tone-mark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  mark.append(
    s("line", { class: "axis", x1: 0, x2: width, y1: 7, y2: 7 }),
    s("line", { class: "zero", x1: x(0), x2: x(0), y1: 1, y2: 13 }),
  );
  if (score === null) return mark;
  const side = sideOf(score);
  if (low !== null && high !== null) {
    mark.append(s("line", { class: `interval ${side}`, x1: x(low), x2: x(high), y1: 7, y2: 7 }));
  }
  mark.append(s("circle", { class: side, cx: x(score), cy: 7, r: 3.5 }));
  return mark;
}

/** Runs of neighbouring positions whose value is there; a gap ends a run. */
function runs(values) {
  const found = [];
  values.forEach((value, i) => {
    if (value === null || value === undefined) return;
    const last = found.at(-1);
    if (last && last.at(-1) === i - 1) last.push(i);
    else found.push([i]);
  });
  return found;
}

/** Half the width in pixels of what stands alone between gaps. */
const ALONE = 2.5;

/** A line through the values, interrupted where one is missing; a value alone is a dot. */
function line(values, x, y, kind) {
  return runs(values).map((run) =>
    run.length === 1
      ? s("circle", { class: kind, cx: x(run[0]), cy: y(values[run[0]]), r: 1.8 })
      : s("path", { class: kind, d: `M${run.map((i) => `${x(i).toFixed(1)},${y(values[i]).toFixed(1)}`).join("L")}` }),
  );
}

/** The area between two rows of values, interrupted where one is missing; a value alone is a bar, a few pixels wide. */
function area(lows, highs, x, y, kind) {
  const there = lows.map((low, i) => (low === null || highs[i] === null ? null : 0));
  const place = (across, value) => `${across.toFixed(1)},${y(value).toFixed(1)}`;
  return runs(there).map((run) => {
    const columns = run.length > 1 ? run.map((i) => [x(i), i]) : [-ALONE, ALONE].map((aside) => [x(run[0]) + aside, run[0]]);
    const along = (values, order) => order.map(([across, i]) => place(across, values[i])).join("L");
    return s("path", { class: kind, d: `M${along(highs, columns)}L${along(lows, columns.toReversed())}Z` });
  });
}

/** The earlier values of a measure and the one of now, which has a dot. */
function sparkline(values, description) {
  const width = 140;
  const height = 28;
  const there = values.filter((value) => value !== null);
  const low = Math.min(...there);
  const high = Math.max(...there);
  const x = (i) => 4 + (i * (width - 8)) / Math.max(1, values.length - 1);
  const y = (value) => (high === low ? height / 2 : height - 4 - ((value - low) / (high - low)) * (height - 8));
  const picture = s("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  picture.append(s("title", {}, description), ...line(values, x, y, "spark-line"));
  const last = values.length - 1;
  if (values[last] !== null) picture.append(s("circle", { class: "spark-now", cx: x(last), cy: y(values[last]), r: 3 }));
  return picture;
}

/** All firms' tone as a histogram, with a firm's own and what its themes would give it. */
function amongFirms(report, firm) {
  const width = 520;
  const height = 96;
  const bins = 41;
  const scores = report.firms.map((f) => f.score).filter((x) => x !== null);
  const range = Math.max(0.1, ...scores.map(Math.abs));
  const counts = new Array(bins).fill(0);
  for (const score of scores) counts[Math.round(((score + range) / (2 * range)) * (bins - 1))] += 1;
  const most = Math.max(...counts);
  // The scale is that of the firms: what lies beyond it is marked at its end.
  const x = (score) => 12 + ((clamp(score, -range, range) + range) / (2 * range)) * (width - 24);
  const wide = (width - 24) / (bins - 1);
  const base = height - 22;
  const bars = counts.map((n, i) => {
    const tall = (n / most) * (base - 24);
    return s("rect", { class: "bin", x: 12 + i * wide - wide / 2 + 0.5, y: base - tall, width: wide - 1, height: tall });
  });
  const marked = (score, kind) => [
    s("line", { class: kind, x1: x(score), x2: x(score), y1: 14, y2: base }),
    s("circle", { class: kind, cx: x(score), cy: 14, r: 4 }),
  ];
  const words = `Tone ${signed(firm.score)} among ${counted(scores.length, "firm")}; its themes alone: ${signed(firm.peer_score)}`;
  return s(
    "svg",
    { class: "among", viewBox: `0 0 ${width} ${height}`, role: "img" },
    s("title", {}, words),
    s("line", { class: "axis", x1: 12, x2: width - 12, y1: base, y2: base }),
    s("line", { class: "zero", x1: x(0), x2: x(0), y1: 10, y2: base }),
    bars,
    firm.peer_score === null ? [] : marked(firm.peer_score, "peer"),
    marked(firm.score, "own"),
    s("text", { x: 12, y: height - 6 }, signed(-range)),
    s("text", { x: x(0), y: height - 6, "text-anchor": "middle" }, "0"),
    s("text", { x: width - 12, y: height - 6, "text-anchor": "end" }, signed(range)),
  );
}
