// The list of firms, and the page of one firm.

function firmsView(report) {
  const mark = (f) => h("span", { class: "tone-cell" }, toneMark(f.score, null, null, report.markRange), h("span", {}, signed(f.score)));
  const table = new Table({
    caption: "Firms of the quarter",
    columns: [
      { key: "name", label: "Firm", isText: true, value: (f) => f.name, cell: (f) => h("a", { href: addressOf("firm", f.firm_id) }, f.name) },
      { key: "ticker", label: "Ticker", isText: true, level: 2, value: (f) => f.ticker, cell: (f) => f.ticker ?? NONE },
      { key: "call", label: "Call", isText: true, level: 3, value: (f) => f.call_dates[0] ?? null, cell: (f) => f.call_dates.join(", ") || NONE },
      { key: "sentences", label: "Sentences", level: 2, value: (f) => f.n_sentences, cell: (f) => count(f.n_sentences) },
      { key: "topics", label: "Topics", level: 3, value: (f) => f.n_topics, cell: (f) => count(f.n_topics) },
      {
        key: "members",
        label: "In themes",
        title: "Share of its sentences that are members of a theme",
        level: 2,
        value: (f) => (f.n_sentences ? f.n_members / f.n_sentences : null),
        cell: (f) => share(f.n_sentences ? f.n_members / f.n_sentences : null, 0),
      },
      { key: "tone", label: "Tone", title: "Positive less negative sentences over all, of its member sentences", value: (f) => f.score, cell: mark },
      { key: "rank", label: "Rank", title: "Share of the other firms whose tone is lower", level: 3, value: (f) => f.rank, cell: (f) => share(f.rank, 0) },
    ],
    rows: report.firms,
    sortedBy: "name",
    direction: 1,
    address: (f) => addressOf("firm", f.firm_id),
  });
  const filter = filterBox("Find a firm by name or ticker", table, (f) => [f.name, f.ticker, f.permno, f.gvkey, f.firm_id].join(" "));
  return { element: h("section", { class: "view", "aria-label": "Firms" }, h("h2", {}, `Firms of ${report.quarter}`), filter, table.element), printed: () => table.showMore(Infinity) };
}

function themesOfFirm(report, f) {
  const rows = report.themesOfFirm[f].map((r) => ({ ...r, theme: report.themes[r.theme] }));
  const pair = (r) =>
    h("span", { class: "tone-cell" }, toneMark(r.score, null, null, 1), h("span", {}, signed(r.score)));
  const table = new Table({
    caption: "Themes that the firm speaks of",
    columns: [
      {
        key: "theme",
        label: "Theme",
        isText: true,
        value: (r) => r.theme.name,
        cell: (r) => [dot(r.theme.group), h("a", { href: addressOf("theme", r.theme.theme_id) }, r.theme.name)],
      },
      { key: "sentences", label: "Sentences", level: 2, value: (r) => r.nSentences, cell: (r) => count(r.nSentences) },
      { key: "topics", label: "Topics", level: 3, value: (r) => r.nTopics, cell: (r) => count(r.nTopics) },
      { key: "tone", label: "Its tone", value: (r) => r.score, cell: pair },
      { key: "all", label: "All firms", title: "The theme's tone over all firms", level: 2, value: (r) => r.theme.score, cell: (r) => signed(r.theme.score) },
    ],
    rows,
    sortedBy: "sentences",
    address: (r) => addressOf("theme", r.theme.theme_id),
    first: 20,
  });
  return h("div", {}, h("h3", {}, `In ${counted(rows.length, "theme")}`), table.element);
}

function topicsOfFirm(report, f) {
  const topics = report.points;
  const rows = [...report.topicsOfFirm[f]].sort((a, b) => topics.n_sentences[b] - topics.n_sentences[a] || a - b);
  return h(
    "div",
    { class: "topics" },
    h("h3", {}, counted(rows.length, "topic")),
    rows.map((i) => {
      const theme = report.themes[topics.theme[i]];
      return h(
        "details",
        {},
        h(
          "summary",
          {},
          h("span", { class: "topic-name" }, topics.name[i]),
          h("span", { class: "soft" }, `${counted(topics.n_sentences[i], "sentence")} · tone `, toneOf(topics.score[i])),
        ),
        h(
          "p",
          { class: "soft" },
          theme
            ? ["Theme: ", h("a", { href: addressOf("theme", theme.theme_id) }, theme.name)]
            : `In no theme: ${report.reasons[topics.reason[i]] ?? "no reason was stored"}`,
          ` · ${topics.dates[topics.call_date[i]]} · ${topics.topic_id[i]}`,
        ),
        topics.sentences[i].map((sentence) => h("blockquote", {}, sentence)),
      );
    }),
  );
}

function firmView(report, f) {
  const firm = report.firms[f];
  const identifiers = [firm.ticker, firm.permno && `PERMNO ${firm.permno}`, firm.gvkey && `GVKEY ${firm.gvkey}`, `firm ${firm.firm_id}`];
  const gap = firm.score === null || firm.peer_score === null ? null : firm.score - firm.peer_score;
  const furthest = Math.max(0.1, ...report.firms.map((one) => Math.abs(one.score ?? 0)));
  const isBeyond = Math.abs(firm.peer_score ?? 0) > furthest;
  return h(
    "article",
    { class: "view detail" },
    h("p", { class: "crumbs" }, h("a", { href: "#firms" }, "Firms"), " › ", identifiers.filter(Boolean).join(" · ")),
    h("h2", {}, firm.name),
    h(
      "dl",
      { class: "facts" },
      fact(firm.call_dates.length === 1 ? "Call" : "Calls", firm.call_dates.join(", ") || NONE),
      fact("Sentences", count(firm.n_sentences)),
      fact("Topics", count(firm.n_topics)),
      fact("In themes", share(firm.n_sentences ? firm.n_members / firm.n_sentences : null, 0), "of its sentences"),
      fact("Tone", signed(firm.score), firm.rank === null ? null : `above ${share(firm.rank, 0)} of the others`),
      fact("Its themes' tone", signed(firm.peer_score), "as the other firms speak of them"),
    ),
    firm.score === null
      ? null
      : h(
          "figure",
          { class: "among-figure" },
          amongFirms(report, firm),
          h(
            "figcaption",
            {},
            h("span", { class: "key own" }, "this firm"),
            firm.peer_score === null ? null : h("span", { class: "key peer" }, `its themes, as the other firms speak of them${isBeyond ? ` (${signed(firm.peer_score)}, beyond the scale)` : ""}`),
            h("span", { class: "key bin" }, "all firms"),
            gap === null ? null : h("span", {}, `Its tone is ${Math.abs(gap).toFixed(2)} ${gap < 0 ? "below" : "above"} that.`),
          ),
        ),
    themesOfFirm(report, f),
    topicsOfFirm(report, f),
  );
}
