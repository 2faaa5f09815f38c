// How good the quarter is: what was lost on the way and why, measures against earlier quarters, and what it was made from.

/** A stage's part that went on, and each loss with its reason; what is not accounted for is shown too. */
function partsOf(before, stage) {
  const lost = stage.losses.reduce((sum, loss) => sum + loss.n, 0);
  const isSameUnit = before.unit === stage.unit;
  const went = isSameUnit ? stage.n : before.n - lost;
  const rest = before.n - went - lost;
  return {
    went,
    losses: rest > 0 ? [...stage.losses, { reason: "not accounted for", n: rest, is_lost: true }] : stage.losses,
    isSameUnit,
  };
}

/**
 * The way from what was offered to what is scored, downwards. A bar is as wide as its number, and its parts, what went on
 * and each loss, are as wide together as the bar. Bars of one unit are on one scale; where the unit changes it begins anew.
 */
function flow(report) {
  const { stages } = report;
  let full = 0;
  const rows = stages.map((stage, i) => {
    const isAnew = i === 0 || stages[i - 1].unit !== stage.unit;
    if (isAnew) full = stage.n;
    const next = stages[i + 1];
    const parts = next ? partsOf(stage, next) : { went: stage.n, losses: [], isSameUnit: true };
    const wide = (n) => (full ? (100 * n) / full : 0);
    return h(
      "li",
      { class: isAnew && i ? "anew" : null },
      h("div", { class: "flow" }, stageBar(stage, parts, wide), next && parts.isSameUnit ? onward(wide(parts.went)) : null),
      stageText(stage, parts, next),
    );
  });
  return h("ol", { class: "flows" }, rows);
}

function stageBar(stage, parts, wide) {
  const bar = s("svg", { class: "flow-stage", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  let at = 0;
  const piece = (kind, n) => {
    bar.append(s("rect", { class: kind, x: at, y: 0, width: wide(n), height: 10 }));
    at += wide(n);
  };
  piece("flow-bar", parts.went);
  for (const loss of parts.losses) piece(loss.is_lost ? "flow-lost" : "flow-aside", loss.n);
  return bar;
}

/** The band from what went on down to the next bar. */
function onward(width) {
  return s(
    "svg",
    { class: "flow-band", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "flow-on", x: 0, y: 0, width, height: 10 }),
  );
}

const STAGES = { topics: "in topics", themes: "in themes" };

function stageText(stage, parts, next) {
  const losses = parts.losses.filter((loss) => loss.n);
  const lost = (loss) => h("li", { class: loss.is_lost ? "lost" : "aside" }, `${count(loss.n)} (${share(loss.n / stage.n)}): ${loss.reason}`);
  return h(
    "div",
    {},
    stage.name === stage.unit
      ? h("p", {}, h("strong", {}, `${count(stage.n)} ${stage.unit}`))
      : h("p", {}, h("strong", {}, sentenceCase(STAGES[stage.name] ?? stage.name)), ` ${count(stage.n)} ${stage.unit}`),
    stage.notes.length ? h("p", { class: "soft notes" }, stage.notes.map(([words, n]) => `${count(n)} ${words}`).join(", ")) : null,
    losses.length ? h("ul", {}, losses.map(lost)) : null,
    next && !parts.isSameUnit && next.losses.length ? h("p", { class: "soft" }, `${count(parts.went)} ${stage.unit} hold the ${count(next.n)} ${next.unit} below`) : null,
  );
}

/** A measure's value, with the digits that show it on its side of the limit. */
const valueOf = (measure) => measure.shown ?? inUnit(measure.value, measure.unit);

/** A line through quarters between the values that it begins and ends with. */
function ended(picture, [quarter, value], measure) {
  return h(
    "span",
    { class: "spark-ends" },
    h("span", { class: "soft", title: quarter }, inUnit(value, measure.unit)),
    picture,
    h("span", {}, valueOf(measure)),
  );
}

function measures(report) {
  const hasEarlier = report.measures.some((measure) => measure.earlier.some(([, value]) => value !== null));
  const headings = ["Measure", report.quarter, ...(hasEarlier ? ["Quarters before"] : []), "What it says"];
  return h(
    "table",
    { class: "plain measures" },
    h("thead", {}, h("tr", {}, headings.map((name, i) => h("th", { scope: "col", class: i === 1 ? "number" : "text" }, name)))),
    h("tbody", {}, report.measures.map((measure) => {
      const first = measure.earlier.find(([, value]) => value !== null);
      const values = [...measure.earlier.map(([, value]) => value), measure.value];
      const quarters = measure.earlier.map(([quarter, value]) => `${quarter}: ${inUnit(value, measure.unit)}`).join(", ");
      return h(
        "tr",
        { class: measure.warning ? "is-warned" : null },
        h("th", { scope: "row" }, sentenceCase(measure.name)),
        h(
          "td",
          { class: "number" },
          valueOf(measure),
          measure.limit ? h("span", { class: "soft limit" }, `expected: ${measure.limit}`) : null,
        ),
        hasEarlier ? h("td", { class: "spark-cell" }, values.filter((v) => v !== null).length > 1 ? ended(sparkline(values, quarters), first, measure) : NONE) : null,
        h("td", { class: "text" }, measure.meaning, measure.warning ? h("strong", { class: "warning" }, measure.warning) : null),
      );
    })),
  );
}

/** What is long is folded away until it is asked for. */
const LONG = 600;

function madeFrom(report) {
  const headings = [...new Set(report.made_from.map((f) => f.heading))];
  return headings.map((heading) => {
    const facts = report.made_from.filter((f) => f.heading === heading);
    const isShort = facts.reduce((sum, f) => sum + f.value.length, 0) <= LONG;
    return h(
      "details",
      { class: "made", open: isShort },
      h("summary", {}, heading),
      h("dl", {}, facts.map((f) => h("div", {}, h("dt", {}, f.name), h("dd", {}, f.value)))),
    );
  });
}

function qualityView(report) {
  return {
    element: h(
      "section",
      { class: "view", "aria-label": "How good is this quarter" },
      h("h2", {}, `How good is ${report.quarter}`),
      report.summary.map((line) => h("p", { class: "lead" }, line)),
      report.warnings.length
        ? h("ul", { class: "flags" }, report.warnings.map((warning) => h("li", {}, warning)))
        : h("p", { class: "soft" }, "No warnings."),
      h("h3", {}, "From what was offered to what is scored"),
      h(
        "p",
        { class: "keys" },
        h("span", { class: "key flow-bar" }, "went on"),
        h("span", { class: "key flow-lost" }, "lost"),
        h("span", { class: "key flow-aside" }, "left out by design"),
        h("span", { class: "soft" }, "Widths are numbers; where the unit changes, the scale begins anew."),
      ),
      flow(report),
      report.measures.length ? [h("h3", {}, "Measures of quality"), measures(report)] : null,
      h("h3", {}, "What it was made from"),
      madeFrom(report),
    ),
  };
}
