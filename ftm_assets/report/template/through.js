// Themes through time: the stream of attention, and a small picture of attention and tone per series.

const LAYERS_IN_STREAM = 12;

const seriesColour = (i) => `group-${(i % 12) + 1}`;

/** How a text is aligned that belongs to a quarter, so that it stays within the picture. */
function anchorAt(q, n) {
  const at = n > 1 ? q / (n - 1) : 0.5;
  return at < 0.3 ? "start" : at > 0.7 ? "end" : "middle";
}

/** The gaps of a picture, one for all quarters in a row that are not stored: from the quarter before to the one after. */
function gapsOf(through, x, top, bottom) {
  const { quarters, missing } = through;
  const end = quarters.length - 1;
  return runs(quarters.map((quarter) => (missing.includes(quarter) ? 0 : null))).map((run) => {
    const [left, right] = [x(Math.max(0, run[0] - 1)), x(Math.min(end, run.at(-1) + 1))];
    const [across, down] = [(left + right) / 2, (top + bottom) / 2];
    // Written upwards where the gap is narrower than the words.
    const turned = right - left < 70 ? `rotate(-90 ${across} ${down})` : null;
    return s(
      "g",
      { class: "gap" },
      s("title", {}, `Not stored: ${run.map((q) => quarters[q]).join(", ")}`),
      s("rect", { x: left, y: top, width: Math.max(1, right - left), height: bottom - top }),
      s("text", { class: "missing", x: across, y: down, "text-anchor": "middle", "dominant-baseline": "central", transform: turned }, "not stored"),
    );
  });
}

/** Attention of the largest series on top of each other; a quarter that is not stored is a gap. */
function stream(through) {
  const width = clamp(document.getElementById("content").clientWidth, 300, 1280);
  const [height, foot] = [300, 24];
  const { quarters } = through;
  const shown = through.series.slice(0, LAYERS_IN_STREAM);
  const isMissing = quarters.map((quarter) => through.missing.includes(quarter));
  const totals = quarters.map((_, q) => shown.reduce((sum, one) => sum + (one.attention[q] ?? 0), 0));
  const most = Math.max(...totals, 0.001);
  const x = (q) => 4 + (q * (width - 8)) / Math.max(1, quarters.length - 1);
  const y = (value) => height - foot - (value / most) * (height - foot - 16);
  const picture = s("svg", { class: "stream", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Attention of the largest themes through time, stacked" });
  picture.append(...gapsOf(through, x, 16, height - foot));
  const base = quarters.map((_, q) => (isMissing[q] ? null : 0));
  shown.forEach((one, i) => {
    const above = base.map((low, q) => (low === null ? null : low + (one.attention[q] ?? 0)));
    const layer = s("g", { class: seriesColour(i) }, area([...base], above, x, y, "layer"));
    layer.append(s("title", {}, one.name));
    picture.append(layer);
    above.forEach((value, q) => (base[q] = value));
  });
  quarters.forEach((quarter, q) => {
    const every = Math.ceil(quarters.length / Math.max(2, Math.floor(width / 120)));
    const isLast = q === quarters.length - 1;
    if (!isLast && (q % every || q > quarters.length - 1 - every)) return;
    const anchor = q === 0 ? "start" : isLast ? "end" : "middle";
    picture.append(s("text", { x: x(q), y: height - 6, "text-anchor": anchor }, quarter));
  });
  picture.append(s("text", { x: 4, y: 12 }, share(most, most < 0.1 ? 1 : 0)));
  return h(
    "figure",
    {},
    picture,
    h("figcaption", { class: "keys" }, shown.map((one, i) => h("span", { class: `key ${seriesColour(i)}` }, one.name))),
  );
}

/** How a series began and how it is at the end, as [words, quarter]: it has ended only if its status says so. */
function eventsOf(one) {
  return [
    one.born && [`▲ began ${one.born}`, one.born],
    one.ended && [`▼ ended ${one.ended}`, one.ended],
    one.status === "dormant" && one.last_seen && [`○ last seen ${one.last_seen}`, one.last_seen],
  ].filter(Boolean);
}

/**
 * One series: attention above, tone with its band below. Tone is on one scale for all series; attention too, or each on
 * its own, with its highest value written beside it.
 */
function smallMultiple(through, one, scales) {
  const { quarters } = through;
  const [width, tall, gap, top] = [210, 44, 12, 14];
  const { digits } = scales;
  const x = (q) => 4 + (q * (width - 8)) / Math.max(1, quarters.length - 1);
  const highest = Math.max(0, ...one.attention.filter((value) => value !== null));
  const scale = (scales.isShared ? scales.attention : highest) || 1;
  const base = top + tall;
  const middle = base + gap + tall / 2;
  const up = (value) => base - (value / scale) * tall;
  const tone = (value) => middle - (clamp(value, -scales.tone, scales.tone) / scales.tone) * (tall / 2);
  const zeros = one.attention.map((value) => (value === null ? null : 0));
  const end = middle + tall / 2;
  const peak = one.attention.indexOf(highest);
  const anchor = (q) => anchorAt(q, quarters.length);
  const events = eventsOf(one).map(([said, quarter]) => [said, quarters.indexOf(quarter)]);
  const told = events.map(([said]) => said).join("  ");
  // Two events need the width of the picture; one stands below its quarter.
  const at = events.length > 1 ? (quarters.length - 1) / 2 : Math.max(0, events[0]?.[1] ?? 0);
  const last = one.score.findLastIndex((value) => value !== null);
  const words = `${one.name}: attention ${share(one.attention[last] ?? null, digits)}, tone ${signed(one.score[last] ?? null)} in ${quarters[last] ?? "no quarter"}`;
  return h(
    "figure",
    { class: "multiple" },
    h("figcaption", {}, one.name),
    s(
      "svg",
      { viewBox: `0 0 ${width} ${end + 16}`, role: "img" },
      s("title", {}, words),
      s("line", { class: "axis", x1: 4, x2: width - 4, y1: base, y2: base }),
      s("line", { class: "zero", x1: 4, x2: width - 4, y1: middle, y2: middle }),
      gapsOf(through, x, top, end),
      area(zeros, one.attention, x, up, "attention"),
      line(one.attention, x, up, "attention-line"),
      highest ? s("text", { x: x(peak), y: up(highest) - 4, "text-anchor": anchor(peak) }, share(highest, digits)) : [],
      area(one.score_low, one.score_high, x, tone, "band"),
      line(one.score, x, tone, "tone-line"),
      told ? s("text", { class: "event", x: x(at), y: end + 13, "text-anchor": anchor(at) }, told) : [],
    ),
  );
}

function throughView(report) {
  const { through } = report;
  const present = (rows) => rows.flat().filter((value) => value !== null);
  const scales = {
    digits: report.attentionDigits,
    isShared: false,
    attention: Math.max(0, ...present(through.series.map((one) => one.attention))),
    tone: Math.max(0.1, quantile(present(through.series.flatMap((one) => [one.score_low, one.score_high, one.score])).map(Math.abs), 0.98) ?? 0),
  };
  const said = through.series.flatMap((one) => eventsOf(one).map(([words]) => words));
  const happens = (event) => said.some((words) => words.includes(event));
  const multiples = h("div", { class: "multiples" });
  const draw = (isShared) => multiples.replaceChildren(...through.series.map((one) => smallMultiple(through, one, { ...scales, isShared })));
  draw(false);
  const missing = through.missing.length ? ` Not stored: ${through.missing.join(", ")}.` : "";
  const left = through.n_left_out ? ` ${count(through.n_left_out)} more series, with less attention, are left out.` : "";
  return {
    element: h(
      "section",
      { class: "view", "aria-label": "Through time" },
      h("h2", {}, `Through time, ${through.quarters[0]} to ${through.quarters.at(-1)}`),
      missing || left ? h("p", { class: "soft" }, missing + left) : null,
      h("h3", {}, "Attention to the largest themes, on top of each other"),
      stream(through),
      h("h3", {}, "Theme by theme"),
      h(
        "div",
        { class: "tools" },
        choice("Scale of attention", [[false, "Each on its own scale"], [true, "One scale"]], false, draw),
        h(
          "p",
          { class: "keys" },
          h("span", { class: "key attention" }, "attention, its highest written"),
          h("span", { class: "key band" }, `tone with its 95% interval, ${signed(-scales.tone, 1)} to ${signed(scales.tone, 1)} for all`),
          through.missing.length ? h("span", { class: "key gap" }, "not stored: nothing is known") : null,
          h("span", {}, "line broken elsewhere: no theme of it in that quarter"),
          happens("began") ? h("span", {}, "▲ began") : null,
          happens("ended") ? h("span", {}, "▼ ended: its last quarter") : null,
          happens("last seen") ? h("span", {}, "○ last seen: absent since, not yet counted as ended") : null,
        ),
      ),
      multiples,
    ),
  };
}
