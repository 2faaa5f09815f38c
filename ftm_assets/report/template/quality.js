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
 * The way from what was offered to what is scored, downwards. A band is as wide as its number: bands of one unit are on
 * one scale, and the parts that a band falls into are as wide as the band. Where the unit changes, the scale begins anew.
 */
function flow(report) {
  const { stages } = report;
  const width = 640;
  const [bar, gap] = [18, 46];
  const picture = s("svg", { class: "flow", viewBox: `0 0 ${width} ${stages.length * (bar + gap)}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const rows = [];
  let full = stages[0]?.n ?? 0;
  stages.forEach((stage, i) => {
    const next = stages[i + 1];
    const parts = next ? partsOf(stage, next) : null;
    const scale = (n) => (full ? (n / full) * width : 0);
    const top = i * (bar + gap);
    picture.append(s("rect", { class: "flow-bar", x: 0, y: top, width: scale(stage.n), height: bar }));
    if (parts) {
      const end = top + bar + gap;
      const target = parts.isSameUnit ? scale(parts.went) : width;
      picture.append(s("path", { class: "flow-on", d: `M0,${top + bar}L${scale(parts.went)},${top + bar}L${target},${end}L0,${end}Z` }));
      let at = scale(parts.went);
      for (const loss of parts.losses) {
        const wide = scale(loss.n);
        const kind = loss.is_lost ? "flow-lost" : "flow-aside";
        picture.append(s("rect", { class: kind, x: at, y: top, width: wide, height: bar }), s("rect", { class: kind, x: at, y: top + bar, width: wide, height: 10 }));
        at += wide;
      }
      if (!parts.isSameUnit) full = next.n;
    }
    rows.push(flowRow(stage, parts, next));
  });
  return h("div", { class: "flow-box" }, picture, h("ol", { class: "flow-rows" }, rows));
}

function flowRow(stage, parts, next) {
  const losses = parts ? parts.losses.filter((loss) => loss.n) : [];
  return h(
    "li",
    {},
    h("p", {}, h("strong", {}, stage.name), ` ${counted(stage.n, "").trim()} ${stage.unit}`),
    losses.length
      ? h("ul", {}, losses.map((loss) => h("li", { class: loss.is_lost ? "lost" : "aside" }, `${count(loss.n)} ${stage.unit} (${share(loss.n / stage.n)}): ${loss.reason}`)))
      : null,
    parts && !parts.isSameUnit ? h("p", { class: "soft" }, `${count(parts.went)} ${stage.unit} hold the ${next.unit} below`) : null,
  );
}

function measures(report) {
  return h(
    "table",
    { class: "plain measures" },
    h("thead", {}, h("tr", {}, ["Measure", report.quarter, "Quarters before", "What it says"].map((name, i) => h("th", { scope: "col", class: i === 1 ? "number" : "text" }, name)))),
    h("tbody", {}, report.measures.map((measure) => {
      const values = [...measure.earlier.map(([, value]) => value), measure.value];
      const quarters = measure.earlier.map(([quarter, value]) => `${quarter}: ${inUnit(value, measure.unit)}`).join(", ");
      return h(
        "tr",
        { class: measure.warning ? "is-warned" : null },
        h("th", { scope: "row" }, measure.name),
        h("td", { class: "number" }, inUnit(measure.value, measure.unit)),
        h("td", { class: "spark-cell" }, values.filter((v) => v !== null).length > 1 ? sparkline(values, quarters) : h("span", { class: "soft" }, "no earlier quarter")),
        h("td", { class: "text" }, measure.meaning, measure.warning ? h("strong", { class: "warning" }, measure.warning) : null),
      );
    })),
  );
}

function madeFrom(report) {
  const headings = [...new Set(report.made_from.map((f) => f.heading))];
  return h("div", { class: "made" }, headings.map((heading) =>
    h(
      "section",
      {},
      h("h4", {}, heading),
      h("dl", {}, report.made_from.filter((f) => f.heading === heading).map((f) => h("div", {}, h("dt", {}, f.name), h("dd", {}, f.value)))),
    ),
  ));
}

function qualityView(report) {
  return {
    element: h(
      "section",
      { class: "view", "aria-label": "How good is this quarter" },
      h("h2", {}, "How good is this quarter"),
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
