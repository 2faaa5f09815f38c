// Returns around calls: of all themes and of each, the paths by tone, and the tests of the event study.

const TONES = { score: "tone", expected_score: "expected tone", score_given_call: "tone, with that about all other themes of the call held constant" };
const SAMPLES = { event: "calls", pre_event: "before the call", placebo: "placebo: days without a call" };
const REASONS = {
  too_few_events: "too few calls",
  too_few_clusters: "too few firms or dates",
  no_variation: "tone does not vary",
  no_variance: "no standard error",
};
const TERCILES = [["low", "low tone"], ["middle", "middle"], ["high", "high tone"]];

const percent = (x, digits = 2) => (x === null || x === undefined ? NONE : signed(100 * x, digits));

/** A p-value; a small one is written as less than the last digit. */
const probability = (p) => (p === null || p === undefined ? NONE : p < 0.001 ? "<0.001" : p.toFixed(3));

/** Steps of an axis that spans so much: 1, 2 or 5 of a power of ten, about five of them. */
function stepOf(span) {
  const size = 10 ** Math.floor(Math.log10(span / 5));
  return size * ([1, 2, 5].find((k) => (k * size) >= span / 5) ?? 10);
}

/** The paths of a series by sample and tercile; null if it has none. */
function pathsOf(one) {
  if (!one?.paths.length) return null;
  const of = (sample, tercile) => one.paths.find((path) => path.sample === sample && path.tercile === tercile) ?? null;
  return { of, first: one.paths[0].first_day, n: one.paths[0].mean.length };
}

/** One of the two panels. drawn: [path, class, has a band]. The scale, in basis points, is that of both. */
function carPanel(paths, title, drawn, [low, high]) {
  const [width, height, left, foot, top] = [460, 236, 46, 22, 8];
  const x = (i) => left + (i * (width - left - 8)) / Math.max(1, paths.n - 1);
  const y = (value) => top + ((high - value) / (high - low)) * (height - foot - top);
  const step = stepOf(high - low);
  const levels = Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, i) => (Math.ceil(low / step) + i) * step);
  const digits = step >= 100 ? 0 : step >= 10 ? 1 : step >= 1 ? 2 : 3;
  const days = [-10, -5, 0, 5, 10, 15, 20, 40, 60].filter((day) => day >= paths.first && day - paths.first < paths.n);
  return s(
    "svg",
    { class: "car", viewBox: `0 0 ${width} ${height}`, role: "img" },
    s("title", {}, title),
    levels.map((value) => [
      s("line", { class: value ? "axis" : "zero", x1: left, x2: width - 8, y1: y(value), y2: y(value) }),
      s("text", { x: left - 6, y: y(value), "text-anchor": "end", "dominant-baseline": "central" }, `${signed(value / 100, digits)}%`),
    ]),
    s("line", { class: "day-zero", x1: x(-paths.first), x2: x(-paths.first), y1: top, y2: height - foot }),
    days.map((day) => s("text", { x: x(day - paths.first), y: height - 6, "text-anchor": day - paths.first === paths.n - 1 ? "end" : "middle" }, day ? signed(day, 0) : "day 0")),
    drawn.filter(([path, , hasBand]) => path && hasBand).map(([path, kind]) => area(path.low, path.high, x, y, `band ${kind}`)),
    drawn.filter(([path]) => path).map(([path, kind]) => line(path.mean, x, y, `path ${kind}`)),
  );
}

/** The two pictures of a series: by tone, and high less low tone, each beside the placebo. */
function carFigure(one) {
  const paths = pathsOf(one);
  if (!paths) return null;
  const placebo = (tercile) => [paths.of("placebo", tercile), `car-placebo car-${tercile}`, tercile === "high_less_low"];
  const byTone = TERCILES.map(([tercile]) => [paths.of("event", tercile), `car-${tercile}`, tercile !== "middle"]);
  const gap = paths.of("event", "high_less_low");
  const panels = [
    [...TERCILES.map(([tercile]) => placebo(tercile)), ...byTone],
    [placebo("high_less_low"), [gap, "car-gap", true]],
  ];
  const values = panels.flat().filter(([path]) => path).flatMap(([path, , hasBand]) => (hasBand ? [...path.low, ...path.high, ...path.mean] : path.mean)).filter((v) => v !== null);
  const ends = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = 0.04 * (ends[1] - ends[0]) || 1;
  const scale = [ends[0] - room, ends[1] + room];
  const last = paths.n - 1;
  const end = signed(paths.first + last, 0);
  const at = (path, of = "mean") => (path?.[of][last] ?? null) === null ? NONE : `${signed(path[of][last] / 100)}%`;
  const said = TERCILES.map(([tercile, words]) => `${words} ${at(paths.of("event", tercile))}`).join(", ");
  const interval = at(gap, "low") === NONE ? "" : ` (95%: ${at(gap, "low")} to ${at(gap, "high")})`;
  return h(
    "figure",
    { class: "car-figure" },
    h(
      "div",
      { class: "columns" },
      h("div", {}, h("h4", {}, "By the call’s tone"), carPanel(paths, `Mean abnormal return from day ${signed(paths.first, 0)} to ${end}: ${said}`, panels[0], scale)),
      h("div", {}, h("h4", {}, "High less low tone"), carPanel(paths, `High less low tone, by day ${end}: ${at(gap)}${interval}`, panels[1], scale)),
    ),
    h(
      "figcaption",
      { class: "keys" },
      TERCILES.map(([tercile, words]) => h("span", { class: `key car-${tercile}` }, `${words}, ${counted(paths.of("event", tercile)?.n_events ?? 0, "call")}`)),
      h("span", { class: "key car-gap" }, "high less low"),
      paths.of("placebo", "high_less_low") ? h("span", { class: "key car-placebo" }, "grey: the same firms on days without a call") : null,
      h("span", {}, `Mean abnormal return cumulated from day ${signed(paths.first, 0)}, of calls with a return on each day; bands are 95% intervals of a day.`),
    ),
  );
}

const whyNot = (test) => REASONS[test.reason] ?? inWords(test.reason);

/** The tests of a series, a row each; what should show nothing stands below. Without any, one sentence says why. */
function testsTable(one) {
  const tests = one.tests.flatMap((test) => [test, ...one.given_call.filter((given) => test.sample === "event" && given.window === test.window)]);
  const given = new Set(one.given_call);
  if (tests.every((test) => test.reason)) {
    return h("p", { class: "soft" }, `Not tested: ${[...new Set(tests.map(whyNot))].join(", ")} (${counted(Math.max(...tests.map((test) => test.n_events)), "call")}).`);
  }
  const isAdjusted = tests.some((test) => test.q_value !== null);
  const cells = (test) =>
    test.reason
      ? [h("td", { class: "soft", colspan: isAdjusted ? 5 : 4 }, whyNot(test))]
      : [percent(test.coefficient), percent(test.std_error).replace("+", ""), signed(test.t), probability(test.p), ...(isAdjusted ? [probability(test.q_value)] : [])].map((text) => h("td", { class: "number" }, text));
  const heading = (text, title) => h("th", { scope: "col", class: "number", title }, text);
  return h(
    "div",
    { class: "scrolls" },
    h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Days"), h("th", { scope: "col" }, ""), heading("Calls"), heading("% per unit of tone", "Abnormal return per unit of tone, which runs from −1 to 1"), heading("Std. error", "Clustered by firm and by date"), heading("t"), heading("p"), isAdjusted ? heading("q", "p adjusted for the number of themes tested (Benjamini-Hochberg)") : null)),
      h("tbody", {}, tests.map((test) => h("tr", { class: test.sample === "event" ? null : "soft" }, h("th", { scope: "row" }, test.window), h("td", {}, given.has(test) ? `calls, ${GIVEN}` : SAMPLES[test.sample]), h("td", { class: "number" }, count(test.n_events)), cells(test)))),
    ),
  );
}

/** How returns are measured, in words. */
function measured(found) {
  const effects = found.fixed_effects === "none" ? "" : ` Tests take out effects of ${found.fixed_effects}; pictures do not.`;
  const least = found.min_sentences > 1 ? ` A call counts with ${found.min_sentences} sentences about a theme.` : "";
  return `Abnormal returns (${found.model}) around the calls of ${counted(found.n_quarters, "quarter")}, by ${TONES[found.tone] ?? inWords(found.tone)}.${effects}${least}`;
}

/** What is said of a theme's series; null without an event study. */
function returnsOfTheme(report, theme) {
  const found = report.returns;
  if (!found || theme.series_id === null) return null;
  const one = found.series.find((series) => series.series_id === theme.series_id);
  return h(
    "section",
    { class: "returns", "aria-label": "Returns around calls" },
    h("h3", {}, "Returns around calls that speak of it"),
    one ? h("p", { class: "soft" }, measured(found), " ", h("a", { href: "#returns" }, "All themes and notes")) : h("p", { class: "soft" }, "The event study has no call about it" + (found.definition === "known_before" ? ": it began in this quarter, and the study is of themes known before." : ".")),
    one ? carFigure(one) : null,
    one ? testsTable(one) : null,
  );
}

/** All series in one window, sorted by how sure the test is. */
function seriesTable(report, window) {
  const themeOf = new Map(report.themes.filter((t) => t.series_id !== null).map((t) => [t.series_id, t]));
  const rows = report.returns.series
    .filter((series) => series.series_id !== null)
    .map((series) => ({
      series,
      theme: themeOf.get(series.series_id) ?? null,
      test: series.tests.find((test) => test.sample === "event" && test.window === window) ?? null,
      given: series.given_call.find((test) => test.window === window) ?? null,
      placebo: series.tests.find((test) => test.sample === "placebo" && test.window === window) ?? null,
    }))
    .filter((row) => row.test)
    .sort((a, b) => b.test.n_events - a.test.n_events); // where nothing is tested, the nearest to it first
  const number = (key, label, value, cell, more = {}) => ({ key, label, value, cell, ...more });
  return new Table({
    caption: `Tone and returns over ${window}, by theme`,
    columns: [
      {
        key: "name",
        label: "Theme",
        isText: true,
        value: (r) => r.series.name,
        cell: (r) => (r.theme ? h("a", { href: addressOf("theme", r.theme.theme_id) }, r.series.name) : [r.series.name, h("span", { class: "soft series" }, `not in ${report.quarter}`)]),
      },
      number("calls", "Calls", (r) => r.test.n_events, (r) => count(r.test.n_events), { level: 2 }),
      number("coefficient", "% per unit of tone", (r) => r.test.coefficient, (r) => (r.test.reason ? h("span", { class: "soft" }, whyNot(r.test)) : percent(r.test.coefficient)), { title: "Abnormal return per unit of tone, which runs from −1 to 1" }),
      number("t", "t", (r) => (r.test.t === null ? null : Math.abs(r.test.t)), (r) => signed(r.test.t), { title: "By standard errors clustered by firm and by date; sorted by its size" }),
      number("p", "p", (r) => r.test.p, (r) => probability(r.test.p), { level: 3 }),
      number("q", "q", (r) => r.test.q_value, (r) => probability(r.test.q_value), { title: "p adjusted for the number of themes tested (Benjamini-Hochberg)" }),
      number("rw", "Romano-Wolf p", (r) => r.test.p_romano_wolf, (r) => probability(r.test.p_romano_wolf), { level: 2, title: "p adjusted so that one false finding among all themes is as rare as p says" }),
      report.returns.given_call.length && number("given", "t given the call", (r) => (r.given?.t ?? null) === null ? null : Math.abs(r.given.t), (r) => signed(r.given?.t), { level: 2, title: `By tone, ${GIVEN}` }),
      number("placebo", "t of the placebo", (r) => (r.placebo?.t ?? null) === null ? null : Math.abs(r.placebo.t), (r) => signed(r.placebo?.t), { level: 3, title: "The same firms on days without a call: should show nothing" }),
    ].filter(Boolean),
    rows,
    sortedBy: "t",
    address: (r) => (r.theme ? addressOf("theme", r.theme.theme_id) : "#returns"),
    first: 30,
  });
}

const GIVEN = "given the call’s tone about all else";

function countsTable(found) {
  const heading = (text, title) => h("th", { scope: "col", class: "number", title }, text);
  return h(
    "div",
    { class: "scrolls" },
    h(
      "table",
      { class: "plain counts" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Days"), h("th", { scope: "col" }, "By"), heading("Themes tested"), heading("p < 5%"), heading("expected by chance", "If tone went with returns for no theme"), heading("q < 5%", "Benjamini-Hochberg"), heading("Romano-Wolf p < 5%"))),
      h("tbody", {}, [...found.windows.map((w) => [w, TONES[found.tone]]), ...found.given_call.map((w) => [w, GIVEN])].map(([w, tone]) =>
        h("tr", {}, h("th", { scope: "row" }, w.window), h("td", {}, tone), [count(w.n_tested), count(w.n_significant), w.n_by_chance.toFixed(w.n_by_chance < 1 ? 2 : 1), count(w.n_q_value), count(w.n_romano_wolf)].map((text) => h("td", { class: "number" }, text))),
      )),
    ),
  );
}

function returnsView(report) {
  const found = report.returns;
  const pooled = found.series.find((series) => series.series_id === null);
  const holder = h("div");
  let table = null;
  const show = (window) => {
    table = seriesTable(report, window);
    holder.replaceChildren(table.element);
  };
  const windows = found.windows.map((w) => w.window);
  if (windows.length) show(windows[0]);
  const lookAhead =
    found.definition === "quarter"
      ? "Themes are made from the whole quarter, calls after the event included: there is no look-ahead in dates, but in what a theme is. event_study’s definition known_before has none, but for a firm’s first call of two in a quarter."
      : "Themes are those known before the call: its topics are assigned to series of earlier quarters.";
  return {
    element: h(
      "section",
      { class: "view", "aria-label": "Returns" },
      h("h2", {}, "Returns around calls"),
      h("p", { class: "soft tone-note returns-note" }, measured(found), " ", lookAhead),
      pooled ? [h("h3", {}, "All themes together"), carFigure(pooled), testsTable(pooled)] : null,
      h("h3", {}, "How many themes"),
      h("p", { class: "soft tone-note returns-note" }, "A call that is upbeat is so about most themes, so that any of them may seem to move returns that one of them moves. " + (found.given_call.length ? "Rows given the call’s tone about all else hold that constant: report both." : "Test score_given_call too, which holds the tone about all else constant.")),
      found.windows.some((w) => w.n_tested) ? countsTable(found) : h("p", { class: "soft" }, "No theme has enough calls with returns to be tested. More quarters bring more calls."),
      windows.length
        ? [h("h3", {}, "Theme by theme"), h("div", { class: "tools" }, choice("Days", windows.map((w) => [w, w]), windows[0], show)), holder]
        : null,
    ),
    printed: () => table?.showMore(Infinity),
  };
}
