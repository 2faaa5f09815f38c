// The page as a whole: its head, which part is shown for which address, light and dark, and printing.

const PARTS = [
  ["map", "Theme map", mapView],
  ["themes", "Themes", themesView],
  ["firms", "Firms", firmsView],
  ["returns", "Returns", returnsView],
  ["quality", "Quality", qualityView],
  ["time", "Through time", throughView],
];

class Page {
  constructor(report) {
    this.report = report;
    this.content = document.getElementById("content");
    this.parts = PARTS.filter(([key]) => (key !== "time" || report.through) && (key !== "returns" || report.returns));
    this.made = new Map();
    this.scrolled = new Map();
    this.head();
    this.foot();
    followScheme(() => this.made.get("map")?.recoloured());
    history.scrollRestoration = "manual";
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("beforeprint", () => this.prepareToPrint());
    window.addEventListener("afterprint", () => this.afterPrint());
    this.follow();
  }

  head() {
    const { report } = this;
    const of = document.getElementById("headline-of");
    const whole = report.headline_of || (report.through ? report.quarter : "");
    of.hidden = !whole;
    of.textContent = sentenceCase(whole);
    const named = (name) => (name.toLowerCase() === "tone" ? "Tone of member sentences" : name);
    document.getElementById("headline").append(...report.headline.map(([name, value]) => h("div", {}, h("dt", {}, named(name)), h("dd", {}, value))));
    document.getElementById("generated").hidden = !report.is_generated;
    document.documentElement.classList.toggle("is-generated", report.is_generated);
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault(); // its address would be taken for a part of the page
      this.content.focus();
    });
    const warnings = document.getElementById("warnings");
    warnings.hidden = !report.warnings.length;
    warnings.querySelector("summary").textContent = counted(report.warnings.length, "warning");
    warnings.querySelector("ul").append(...report.warnings.map((warning) => h("li", {}, warning)));
    document.getElementById("views").append(...this.parts.map(([key, name]) => h("a", { href: `#${key}`, id: `to-${key}` }, name)));
  }

  foot() {
    const { report } = this;
    const when = report.made_at.replace("T", " ").replace(/(\.\d+)?(Z|\+00:00)$/, " UTC");
    const footer = document.getElementById("footer");
    if (report.cite) footer.append(citation(report.cite));
    footer.append(h("p", {}, `${report.quarter}, from tables committed by ${when}. Made by FTM.`));
  }

  /** A part's view; it is made when it is first needed, and kept with its filters. */
  part(key) {
    if (!this.made.has(key)) this.made.set(key, this.parts.find(([name]) => name === key)[2](this.report));
    return this.made.get(key);
  }

  /** Show what the address names. */
  follow() {
    const [kind, ...rest] = location.hash.slice(1).split("=");
    const id = decoded(rest.join("="));
    const { report } = this;
    const before = this.key;
    if (before) this.scrolled.set(before, window.scrollY);
    this.key = location.hash;
    const theme = report.themePosition.get(id) ?? null;
    const said = unknown(report, kind, id, this.parts);
    if (kind === "theme" && theme !== null) this.show(themeView(report, report.themes[theme]), "themes", report.themes[theme].name);
    else if (kind === "firm" && report.firmPosition.has(id)) {
      const firm = report.firmPosition.get(id);
      this.show(firmView(report, firm), "firms", report.firms[firm].name);
    } else if (said) {
      this.show(unknownView(said), null, "Not here");
    } else {
      const [key, name] = this.parts.find(([known]) => known === kind) ?? this.parts[0];
      const part = this.part(key);
      this.show(part.element, key, name);
      part.shown?.(theme);
    }
    window.scrollTo(0, this.scrolled.get(this.key) ?? 0);
    if (before !== undefined && before !== this.key) this.content.focus({ preventScroll: true });
  }

  show(element, key, name) {
    this.shown = element === this.made.get(key)?.element ? key : null;
    this.isAlone = this.shown === null || key === "firms";
    this.content.replaceChildren(element);
    document.title = `${name} – ${this.report.title}`;
    for (const link of document.querySelectorAll("#views a")) {
      if (link.id === `to-${key}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /**
   * The list of firms, a theme, a firm or what is not here alone, as it is shown; else all of the quarter but the firms,
   * one part after another. Dark is for screens.
   */
  prepareToPrint() {
    setScheme("light");
    if (this.shown === "firms") this.part("firms").printed();
    if (this.isAlone) return;
    const parts = this.parts.filter(([key]) => key !== "firms").map(([key]) => this.part(key));
    this.content.replaceChildren(...parts.map((part) => part.element));
    parts.forEach((part) => part.recoloured?.());
    parts.forEach((part) => part.printed?.());
  }

  afterPrint() {
    setScheme(chosenScheme());
    this.made.get("map")?.recoloured();
    this.follow();
  }
}

/** What is wrong with an address that names something that the page does not have; null if nothing. */
function unknown(report, kind, id, parts) {
  if (kind === "theme" || (kind === "map" && id)) {
    return report.themePosition.has(id) ? null : `The theme “${id}” is not in ${report.quarter}.`;
  }
  if (kind === "firm") return report.firmPosition.has(id) ? null : `The firm “${id}” is not in ${report.quarter}.`;
  if (kind === "returns" && !report.returns) return `This page has no event study of ${report.quarter} that goes with it.`;
  if (kind === "time" && !report.through) return `This page is of ${report.quarter} alone: it has no themes through time.`;
  return kind === "" || kind === "content" || parts.some(([key]) => key === kind) ? null : `This page has no part “${kind}”.`;
}

function unknownView(said) {
  return h(
    "section",
    { class: "view", "aria-label": "Not here" },
    h("h2", {}, "Not in this quarter"),
    h("p", {}, said, " See the ", h("a", { href: "#themes" }, "themes"), " and the ", h("a", { href: "#firms" }, "firms"), " that are."),
  );
}

/** A text to be copied: the button copies it where the browser allows that, and marks it in any case. */
function citation(text) {
  const cite = h("span", { class: "cite" }, text);
  const status = h("span", { role: "status" });
  const copy = async () => {
    getSelection().selectAllChildren(cite);
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Marked, to be copied"; // no clipboard here, or the reader did not allow it
    }
  };
  return h("p", {}, h("strong", {}, "How to cite: "), cite, " ", h("button", { type: "button", class: "quiet copy", click: copy }, "Copy"), " ", status);
}

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");
let schemeOfReader = null;

/** Light or dark: as the system has it, until the reader says otherwise. */
const chosenScheme = () => schemeOfReader ?? (SYSTEM.matches ? "dark" : "light");

function setScheme(scheme) {
  document.documentElement.dataset.scheme = scheme;
}

/** Keep the scheme and its button up to date; changed() is called after each change. */
function followScheme(changed) {
  const button = document.getElementById("scheme");
  const apply = () => {
    const scheme = chosenScheme();
    setScheme(scheme);
    button.textContent = scheme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${scheme === "dark" ? "light" : "dark"} colours`);
    changed();
  };
  button.addEventListener("click", () => {
    schemeOfReader = chosenScheme() === "dark" ? "light" : "dark";
    apply();
  });
  SYSTEM.addEventListener("change", apply);
  apply();
}

/** A part of an address as it was before it was encoded; as it is if it cannot be decoded. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

async function start() {
  const status = document.getElementById("loading");
  setScheme(chosenScheme());
  try {
    const report = await readReport();
    new Page(report);
  } catch (error) {
    status.textContent = `This page could not be drawn: ${error.message}`;
    document.getElementById("content").replaceChildren(status);
    throw error;
  }
}

start();
