// What is around the map: search, what colours mean, buttons, the card of a topic, and the legend.

/** A row of buttons of which one is pressed. */
function choice(label, options, chosen, onChoose) {
  const buttons = options.map(([value, name]) =>
    h("button", { type: "button", "aria-pressed": String(value === chosen), click: () => press(value) }, name),
  );
  const press = (value) => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(options[i][0] === value)));
    onChoose(value);
  };
  return h("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}

/** A score in its colour. */
function toneOf(score) {
  return h("span", { class: `tone ${sideOf(score)}` }, signed(score));
}

/** The card of a topic: what it is, whose, when, how it sounds, and what was said. */
function topicCard(report, i, close) {
  const topics = report.points;
  const firm = report.firms[topics.firm[i]];
  const theme = topics.theme[i] < 0 ? null : report.themes[topics.theme[i]];
  return [
    close && h("button", { type: "button", class: "close quiet", "aria-label": "Close", click: close }, "×"),
    h("h3", {}, topics.name[i]),
    h(
      "p",
      { class: "card-facts" },
      h("a", { href: addressOf("firm", firm.firm_id) }, firmTitle(firm)),
      ` · ${topics.dates[topics.call_date[i]]} · ${counted(topics.n_sentences[i], "sentence")} · tone `,
      toneOf(topics.score[i]),
    ),
    h(
      "p",
      { class: "card-facts" },
      theme
        ? ["Theme: ", h("a", { href: addressOf("theme", theme.theme_id) }, theme.name)]
        : `In no theme: ${report.reasons[topics.reason[i]] ?? "no reason was stored"}`,
    ),
    topics.sentences[i].map((sentence) => h("blockquote", {}, sentence)),
  ];
}

/** What a search found, as links under the box. */
function findings(report, found, onTopic) {
  const few = 5;
  const themes = found.themes.slice(0, few).map((t) => {
    const theme = report.themes[t];
    return h("li", {}, h("a", { href: addressOf("theme", theme.theme_id) }, h("span", { class: "kind" }, "Theme"), theme.name));
  });
  const firms = found.firms.slice(0, few).map((f) => {
    const firm = report.firms[f];
    return h("li", {}, h("a", { href: addressOf("firm", firm.firm_id) }, h("span", { class: "kind" }, "Firm"), firmTitle(firm)));
  });
  const topics = found.named.slice(0, few).map((i) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", click: () => onTopic(i) },
        h("span", { class: "kind" }, "Topic"),
        `${report.points.name[i]} – ${report.firms[report.points.firm[i]].name}`,
      ),
    ),
  );
  return [...themes, ...firms, ...topics];
}

/** Groups that have a theme, with a name that says how many themes there are beyond the largest two, which name it. */
function groupNames(report) {
  const sizes = grouped(report.themes.map((theme) => theme.group), report.groups.length).map((themes) => themes.length);
  return report.groups.flatMap((name, g) => (sizes[g] ? [[g, sizes[g] > 2 ? `${name} (+${count(sizes[g] - 2)})` : name]] : []));
}

function groupLegend(report, onGroup) {
  const palette = colours();
  const entries = groupNames(report).map(([g, name]) => {
    const swatch = s("svg", { class: "swatch", width: 10, height: 10, "aria-hidden": "true" }, s("circle", { cx: 5, cy: 5, r: 5, fill: palette.group(g) }));
    const button = h("button", { type: "button", "aria-pressed": "false", title: "Show only this group", click: () => press() }, swatch, name);
    const press = () => {
      const isOn = button.getAttribute("aria-pressed") === "true";
      for (const other of button.closest("ul").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(!isOn));
      onGroup(isOn ? null : g);
    };
    return h("li", {}, button);
  });
  const loose = s("svg", { class: "swatch", width: 10, height: 10, "aria-hidden": "true" }, s("circle", { cx: 5, cy: 5, r: 5, fill: palette.of("loose") }));
  return h("ul", { class: "groups", "aria-label": "Groups of themes" }, entries, h("li", { class: "static" }, loose, "in no theme"));
}

function toneLegend(report) {
  const tone = toneScale(report.toneRange, colours());
  const [width, parts] = [220, 41];
  const range = report.toneRange;
  const boxes = Array.from({ length: parts }, (_, i) =>
    s("rect", { x: (i * width) / parts, y: 0, width: width / parts + 0.5, height: 10, fill: tone(((2 * i) / (parts - 1) - 1) * range) }),
  );
  const mark = (score, anchor, x) => s("text", { x, y: 24, "text-anchor": anchor }, score);
  return h(
    "div",
    { class: "tone-legend" },
    h("span", {}, "more negative"),
    s(
      "svg",
      { width, height: 28, viewBox: `0 0 ${width} 28`, role: "img", "aria-label": `Tone from ${signed(-range)} or less to ${signed(range)} or more` },
      boxes,
      mark(`≤ ${signed(-range, 1)}`, "start", 0),
      mark("0", "middle", width / 2),
      mark(`≥ ${signed(range, 1)}`, "end", width),
    ),
    h("span", {}, "more positive"),
  );
}

/** The view of the map with all that is around it. */
function mapView(report) {
  const canvas = h("canvas", {
    class: "map",
    tabindex: 0,
    role: "application",
    "aria-label":
      "Map of the quarter's topics. Arrow keys move it, plus and minus zoom, 0 resets, n and p go from theme to theme, Enter opens one. The table of themes has the same contents.",
  });
  const card = h("div", { class: "card", hidden: true });
  const caption = h("p", { class: "map-caption", role: "status" });
  const legend = h("div", { class: "legend" });
  const results = h("ul", { class: "results", hidden: true });
  const map = new ThemeMap(report, canvas, {
    onTopic: showCard,
    onPlaced: placeCard,
    onTheme: (theme) => caption.replaceChildren(theme === null ? usual : themeCaption(report.themes[theme])),
    onOpenTheme: (theme) => (location.hash = addressOf("theme", report.themes[theme].theme_id)),
  });
  const usual = "Each dot is a topic of one firm; near dots speak of near subjects. Places are fixed: a subject is where it was in other quarters.";
  const themeCaption = (theme) => `${theme.name}: ${counted(theme.n_firms, "firm")}, ${counted(theme.n_topics, "topic")}, tone ${signed(theme.score)}`;
  caption.textContent = usual;

  function showCard(i, isPinned) {
    card.hidden = i === null;
    if (i === null) return;
    card.classList.toggle("is-pinned", isPinned);
    card.replaceChildren(...topicCard(report, i, isPinned ? () => map.pin(null) : null).flat().filter(Boolean));
  }

  /** Beside its topic, and wholly within the map. */
  function placeCard(i) {
    const [x, y] = map.where(i);
    const { width, height } = map.view;
    const left = x + card.offsetWidth + 24 > width ? x - card.offsetWidth - 14 : x + 14;
    card.style.left = `${clamp(left, 4, Math.max(4, width - card.offsetWidth - 4))}px`;
    card.style.top = `${clamp(y - 20, 4, Math.max(4, height - card.offsetHeight - 4))}px`;
  }

  function drawLegend() {
    legend.replaceChildren(map.colouring === "tone" ? toneLegend(report) : groupLegend(report, showGroup));
  }

  function showGroup(group) {
    const inGroup = (t) => t >= 0 && report.themes[t].group === group;
    const topics = group === null ? null : Uint8Array.from(report.points.theme, (t) => (inGroup(t) ? 1 : 0));
    map.set({ inGroup: topics, theme: null });
  }

  const note = h("span", { class: "found", role: "status" });
  const look = settled((query) => {
    const found = search(report, query);
    map.set({ found, theme: null });
    results.hidden = !found;
    results.replaceChildren(...(found ? findings(report, found, go) : []));
    note.textContent = !found ? "" : found.n ? `${counted(found.n, "topic")} highlighted` : "Nothing found";
  }, 120);
  const hideResults = () => (results.hidden = true);
  const box = h("input", {
    type: "search",
    id: "search",
    placeholder: "Search topics, themes, firms, keywords",
    "aria-label": "Search topics, themes, firms and keywords",
    autocomplete: "off",
    input: () => look(box.value),
    focus: () => (results.hidden = !results.childElementCount),
    keydown: (event) => event.key === "Escape" && hideResults(),
  });
  const leaving = (event) => event.currentTarget.contains(event.relatedTarget) || hideResults();

  /** Go to a topic of the findings. */
  function go(i) {
    hideResults();
    const { width, height, across, down } = map.view;
    const k = Math.max(map.view.k, 4);
    map.go({ ...map.view, k, x: width / 2 - report.points.px[i] * k * across, y: height / 2 - report.points.py[i] * k * down });
    map.pin(i);
    canvas.focus({ preventScroll: true });
  }

  const loose = h("input", { type: "checkbox", checked: true, change: () => map.set({ isLooseShown: loose.checked }) });
  const view = h(
    "section",
    { class: "view map-view", "aria-label": "Theme map" },
    h(
      "div",
      { class: "tools" },
      h("div", { class: "searching", focusout: leaving }, box, note, results),
      choice("Colour by", [["theme", "Theme"], ["tone", "Tone"]], "theme", (colouring) => {
        map.set({ colouring, inGroup: null });
        drawLegend();
      }),
      h("label", { class: "check" }, loose, "topics in no theme"),
      h(
        "div",
        { class: "choice zoom", role: "group", "aria-label": "Zoom" },
        h("button", { type: "button", "aria-label": "Zoom in", click: () => map.zoom(1.6) }, "+"),
        h("button", { type: "button", "aria-label": "Zoom out", click: () => map.zoom(1 / 1.6) }, "−"),
        h("button", { type: "button", "aria-label": "Show all", click: () => map.reset() }, "All"),
      ),
    ),
    h("div", { class: "plate" }, canvas, card),
    legend,
    caption,
  );
  drawLegend();
  return {
    element: view,
    shown: (theme) => {
      map.resize();
      if (theme !== null) map.focus(theme);
    },
    recoloured: () => {
      drawLegend();
      map.paint();
    },
    printed: () => map.paintNow(),
  };
}
