// Themes through time: the stream of attention, and a small picture of attention and tone per series.

const LAYERS_IN_STREAM = 12;

const seriesColour = (i) => `group-${(i % 12) + 1}`;

/** Attention of the largest series on top of each other; nothing is drawn where a quarter is missing. */
function stream(through) {
  const [width, height, foot] = [960, 300, 24];
  const { quarters } = through;
  const shown = through.series.slice(0, LAYERS_IN_STREAM);
  const isMissing = quarters.map((quarter) => through.missing.includes(quarter));
  const totals = quarters.map((_, q) => shown.reduce((sum, one) => sum + (one.attention[q] ?? 0), 0));
  const most = Math.max(...totals, 0.001);
  const x = (q) => 4 + (q * (width - 8)) / Math.max(1, quarters.length - 1);
  const y = (value) => height - foot - (value / most) * (height - foot - 16);
  const picture = s("svg", { class: "stream", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Attention of the largest themes through time, stacked" });
  const base = quarters.map((_, q) => (isMissing[q] ? null : 0));
  shown.forEach((one, i) => {
    const above = base.map((low, q) => (low === null ? null : low + (one.attention[q] ?? 0)));
    const layer = s("g", { class: seriesColour(i) }, area([...base], above, x, y, "layer"));
    layer.append(s("title", {}, one.name));
    picture.append(layer);
    above.forEach((value, q) => (base[q] = value));
  });
  quarters.forEach((quarter, q) => {
    if (isMissing[q]) picture.append(s("text", { class: "missing", x: x(q), y: height / 2, "text-anchor": "middle" }, "not stored"));
    if (q % Math.ceil(quarters.length / 8) && q !== quarters.length - 1) return;
    const anchor = q === 0 ? "start" : q === quarters.length - 1 ? "end" : "middle";
    picture.append(s("text", { x: x(q), y: height - 6, "text-anchor": anchor }, quarter));
  });
  picture.append(s("text", { x: 4, y: 12 }, `${share(most, 0)} of member sentences`));
  return h(
    "figure",
    {},
    picture,
    h("figcaption", { class: "keys" }, shown.map((one, i) => h("span", { class: `key ${seriesColour(i)}` }, one.name))),
  );
}

/** One series: attention above, tone with its band below, both on the scale that all series share. */
function smallMultiple(through, one, scales) {
  const { quarters } = through;
  const [width, tall, gap] = [260, 52, 14];
  const x = (q) => 6 + (q * (width - 12)) / Math.max(1, quarters.length - 1);
  const up = (value) => tall - (value / scales.attention) * (tall - 6);
  const tone = (value) => tall + gap + tall / 2 - (clamp(value, -scales.tone, scales.tone) / scales.tone) * (tall / 2);
  const zeros = one.attention.map((value) => (value === null ? null : 0));
  const height = 2 * tall + gap + 16;
  const event = (quarter, letter, word) => {
    const q = quarters.indexOf(quarter);
    return q < 0 ? [] : s("text", { class: "event", x: x(q), y: 10, "text-anchor": q === quarters.length - 1 ? "end" : q ? "middle" : "start" }, s("title", {}, `${word} ${quarter}`), letter);
  };
  const last = one.score.findLastIndex((value) => value !== null);
  const words = `${one.name}: attention ${share(one.attention[last] ?? null)}, tone ${signed(one.score[last] ?? null)} in ${quarters[last] ?? "no quarter"}`;
  const gaps = through.missing.map((quarter) => {
    const q = quarters.indexOf(quarter);
    return s("rect", { class: "gap", x: x(q) - 4, y: 0, width: 8, height: 2 * tall + gap }, s("title", {}, `${quarter} is not stored`));
  });
  return h(
    "figure",
    { class: "multiple" },
    h("figcaption", {}, h("strong", {}, one.name), h("span", { class: "soft" }, [one.born && `began ${one.born}`, one.ended && `ended after ${one.ended}`].filter(Boolean).join(", "))),
    s(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img" },
      s("title", {}, words),
      gaps,
      s("line", { class: "axis", x1: 6, x2: width - 6, y1: tall, y2: tall }),
      area(zeros, one.attention, x, up, "attention"),
      line(one.attention, x, up, "attention-line"),
      s("line", { class: "zero", x1: 6, x2: width - 6, y1: tone(0), y2: tone(0) }),
      area(one.score_low, one.score_high, x, tone, "band"),
      line(one.score, x, tone, "tone-line"),
      event(one.born, "▲", "began in"),
      event(one.ended, "▼", "ended after"),
      s("text", { x: 6, y: height - 3 }, quarters[0]),
      s("text", { x: width - 6, y: height - 3, "text-anchor": "end" }, quarters.at(-1)),
    ),
  );
}

function throughView(report) {
  const { through } = report;
  const present = (rows) => rows.flat().filter((value) => value !== null);
  const scales = {
    attention: Math.max(0.001, ...present(through.series.map((one) => one.attention))),
    tone: Math.max(0.1, quantile(present(through.series.flatMap((one) => [one.score_low, one.score_high, one.score])).map(Math.abs), 0.98) ?? 0),
  };
  return {
    element: h(
      "section",
      { class: "view", "aria-label": "Through time" },
      h("h2", {}, "Through time"),
      h(
        "p",
        { class: "soft" },
        `${through.quarters[0]} to ${through.quarters.at(-1)}`,
        through.missing.length ? `; not stored: ${through.missing.join(", ")}` : "",
        through.n_left_out ? `; ${count(through.n_left_out)} more series have less attention and are left out` : "",
        ".",
      ),
      h("h3", {}, "Attention"),
      stream(through),
      h("h3", {}, "Each theme"),
      h(
        "p",
        { class: "keys" },
        h("span", { class: "key attention" }, `attention, to ${share(scales.attention)}`),
        h("span", { class: "key band" }, `tone with its 95% interval, from ${signed(-scales.tone, 1)} to ${signed(scales.tone, 1)}`),
        h("span", {}, "▲ began, ▼ ended, hatched: not stored. All on the same scales."),
      ),
      h("div", { class: "multiples" }, through.series.map((one) => smallMultiple(through, one, scales))),
    ),
  };
}
