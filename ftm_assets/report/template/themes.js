// The table of themes, and the page of one theme.

const dot = (group) => s("svg", { class: "swatch", width: 10, height: 10, "aria-hidden": "true" }, s("circle", { cx: 5, cy: 5, r: 5, class: `group-${(group % 12) + 1}` }));

/** What changed since the quarter before: each number beside what it is of. */
function changeCell(report, theme) {
  if (theme.attention_change === null && theme.score_change === null) return NONE;
  const labelled = (label, value) => [h("span", { class: "soft" }, label), h("span", {}, value)];
  return h(
    "span",
    { class: "labelled" },
    labelled("attention", points(theme.attention_change, report.attentionDigits)),
    labelled("tone", signed(theme.score_change)),
  );
}

const flagged = (theme) => (theme.flags.length ? h("span", { class: "flag", title: theme.flags.join("; ") }, count(theme.flags.length)) : "");

function toneCell(report, theme) {
  return h(
    "span",
    { class: "tone-cell" },
    toneMark(theme.score, theme.score_low, theme.score_high, report.markRange),
    h("span", {}, signed(theme.score)),
  );
}

function themeColumns(report) {
  const hasChange = report.themes.some((t) => t.attention_change !== null || t.score_change !== null);
  return [
    {
      key: "name",
      label: "Theme",
      isText: true,
      value: (t) => t.name,
      cell: (t) => [
        dot(t.group),
        h("a", { href: addressOf("theme", t.theme_id) }, t.name),
        t.series_name ? h("span", { class: "soft series" }, `series: ${t.series_name}`) : null,
      ].filter(Boolean),
    },
    { key: "firms", label: "Firms", title: "Firms with a sentence in it", level: 2, value: (t) => t.n_firms, cell: (t) => count(t.n_firms) },
    { key: "topics", label: "Topics", level: 3, value: (t) => t.n_topics, cell: (t) => count(t.n_topics) },
    { key: "sentences", label: "Sentences", title: "Member sentences", level: 2, value: (t) => t.n_sentences, cell: (t) => count(t.n_sentences) },
    { key: "attention", label: "Attention", title: "Share of the firms' sentences about business that are in it", value: (t) => t.attention, cell: (t) => share(t.attention, report.attentionDigits) },
    { key: "tone", label: "Tone", title: "Positive less negative sentences over all, with its 95% interval", value: (t) => t.score, cell: (t) => toneCell(report, t) },
    hasChange && {
      key: "change",
      label: `Change on ${quarterBefore(report.quarter)}`,
      title: `Against ${quarterBefore(report.quarter)}: attention in percentage points, and tone. Sorted by attention`,
      level: 3,
      value: (t) => t.attention_change,
      cell: (t) => changeCell(report, t),
    },
    {
      key: "largest",
      label: "Largest firm",
      title: "Share of its sentences from the firm with most of them",
      level: 3,
      value: (t) => t.largest_firm_share,
      cell: (t) =>
        t.largest_firm === null
          ? NONE
          : h("span", { class: "stacked" }, h("span", {}, share(t.largest_firm_share, 0)), h("span", { class: "soft clip" }, report.firms[t.largest_firm].name)),
    },
    { key: "flags", label: "Flags", title: "Notes on its quality; open it to read them", level: 2, value: (t) => t.flags.length, cell: flagged },
  ].filter(Boolean);
}

function themesView(report) {
  const table = new Table({
    caption: "Themes of the quarter",
    columns: themeColumns(report),
    rows: report.themes,
    sortedBy: "sentences",
    address: (t) => addressOf("theme", t.theme_id),
  });
  const groups = filterChoice("All groups", groupNames(report).map(([g, name]) => [String(g), name]), (t, g) => String(t.group) === g);
  const quality = filterChoice(
    "Any quality",
    [["unflagged", "Without flags"], ["flagged", "With flags"]],
    (t, kind) => (t.flags.length > 0) === (kind === "flagged"),
  );
  const filter = filterBox("Filter themes by name, keyword or firm", table, (t) =>
    [t.name, t.series_name ?? "", t.description, ...t.keywords, ...t.firms.map(([firm]) => firmTitle(report.firms[firm]))].join(" "), [groups, quality]);
  return { element: h("section", { class: "view", "aria-label": "Themes" }, h("h2", {}, `Themes of ${report.quarter}`), filter, table.element), printed: () => table.showMore(Infinity) };
}

const fact = (name, value, note) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note ? h("span", { class: "soft note" }, note) : null));

/** Who said a sentence: a name, what they are, or both, as far as either is known. */
const speakerOf = (e) => [e.speaker ?? "Unnamed speaker", e.speaker_type === "unknown" ? "" : inWords(e.speaker_type)].filter(Boolean).join(", ");

/** Sentences as they were said. */
function evidence(report, said, heading, none) {
  return h(
    "div",
    { class: "evidence" },
    h("h3", {}, heading),
    said.length ? null : h("p", { class: "soft" }, none),
    said.map((e) =>
      h(
        "figure",
        {},
        h("blockquote", {}, e.text),
        h(
          "figcaption",
          {},
          `${speakerOf(e)} · `,
          h("a", { href: addressOf("firm", report.firms[e.firm].firm_id) }, firmTitle(report.firms[e.firm])),
          ` · ${e.call_date} · ${inWords(e.section)} · ${e.label} `,
          h("span", { class: "soft", title: `Sentence ${e.sentence_id}` }, signed(e.strength)),
        ),
      ),
    ),
  );
}

/** Tone by section or speaker, as rows on one scale. */
function splits(report, rows, heading) {
  if (!rows.length) return null;
  return h(
    "div",
    {},
    h("h3", {}, heading),
    h(
      "table",
      { class: "plain" },
      h("tbody", {}, rows.map((row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, sentenceCase(inWords(row.name))),
          h("td", { class: "number" }, counted(row.n_sentences, "sentence")),
          h("td", { class: "number" }, h("span", { class: "tone-cell" }, toneMark(row.score, null, null, report.markRange), h("span", {}, signed(row.score)))),
        ),
      )),
    ),
  );
}

function firmsOfTheme(report, theme) {
  const rows = theme.firms.map(([firm, nSentences, nTopics, score, moves]) => ({ firm: report.firms[firm], nSentences, nTopics, score, moves }));
  const table = new Table({
    caption: `Firms of the theme ${theme.name}`,
    columns: [
      { key: "firm", label: "Firm", isText: true, value: (r) => r.firm.name, cell: (r) => h("a", { href: addressOf("firm", r.firm.firm_id) }, firmTitle(r.firm)) },
      { key: "sentences", label: "Sentences", value: (r) => r.nSentences, cell: (r) => count(r.nSentences) },
      { key: "topics", label: "Topics", level: 2, value: (r) => r.nTopics, cell: (r) => count(r.nTopics) },
      { key: "tone", label: "Tone", value: (r) => r.score, cell: (r) => h("span", { class: "tone-cell" }, toneMark(r.score, null, null, 1), h("span", {}, signed(r.score))) },
      {
        key: "moves",
        label: "Moves the theme by",
        title: "Its share of the theme's sentences times (its tone less the theme's); all firms' add up to zero",
        value: (r) => r.moves,
        cell: (r) => signed(r.moves, 3),
      },
    ],
    rows,
    sortedBy: "sentences",
    address: (r) => addressOf("firm", r.firm.firm_id),
    first: 15,
  });
  const counts = `${counted(theme.n_firms, "firm")} with counted sentences`;
  const inTopics = theme.n_topic_firms ? `; ${count(theme.n_topic_firms)} ${theme.n_topic_firms === 1 ? "has" : "have"} a topic in it` : "";
  return h("div", {}, h("h3", {}, counts + inTopics), table.element);
}

function themeView(report, theme) {
  const digits = report.attentionDigits;
  const interval = theme.score_low === null ? "no interval" : `95%: ${signed(theme.score_low)} to ${signed(theme.score_high)}`;
  const before = quarterBefore(report.quarter);
  return h(
    "article",
    { class: "view detail" },
    h("p", { class: "crumbs" }, h("a", { href: "#themes" }, "Themes"), " › ", dot(theme.group), " ", report.groups[theme.group] ?? ""),
    h("h2", {}, theme.name),
    theme.series_name ? h("p", { class: "soft series" }, `Of the series “${theme.series_name}”`) : null,
    theme.description ? h("p", { class: "lead" }, theme.description) : null,
    h("ul", { class: "keywords", "aria-label": "Keywords" }, theme.keywords.map((word) => h("li", {}, word))),
    h(
      "dl",
      { class: "facts" },
      fact("Firms", count(theme.n_firms)),
      fact("Topics", count(theme.n_topics)),
      fact("Sentences", count(theme.n_sentences)),
      fact("Attention", share(theme.attention, digits), theme.attention_change === null ? null : `${points(theme.attention_change, digits)} on ${before}`),
      fact("Tone", signed(theme.score), interval),
      theme.score_change === null ? null : fact("Change of tone", signed(theme.score_change), `on ${before}`),
      theme.largest_firm === null ? null : fact("Largest firm", share(theme.largest_firm_share, 0), report.firms[theme.largest_firm].name),
      theme.since === null ? null : fact("Since", theme.since, theme.series_id),
      fact("Coherence", theme.coherence_class),
      theme.stability === null ? null : fact("Stability", theme.stability.toFixed(2)),
      theme.member_share === null ? null : fact("Members", share(theme.member_share, 0), "of its topics' sentences"),
    ),
    theme.flags.length ? h("ul", { class: "flags" }, theme.flags.map((flag) => h("li", {}, flag))) : null,
    h("p", {}, h("a", { class: "button", href: addressOf("map", theme.theme_id) }, "Show it in the map")),
    report.tone_note && (theme.up.length || theme.down.length) ? h("p", { class: "soft tone-note" }, report.tone_note) : null,
    h(
      "div",
      { class: "columns" },
      evidence(report, theme.up, "Surest positive sentences", "No positive sentence."),
      evidence(report, theme.down, "Surest negative sentences", "No negative sentence."),
    ),
    h("div", { class: "columns" }, splits(report, theme.by_section, "Tone by section"), splits(report, theme.by_speaker, "Tone by speaker")),
    returnsOfTheme(report, theme),
    firmsOfTheme(report, theme),
    h("p", { class: "id" }, theme.theme_id),
  );
}
