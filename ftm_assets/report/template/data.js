// The report's values, and what is looked up in them: the topics of a theme or firm, the themes of a firm, a search.

const PLACES = 10000;

/** The report's values from the page, unpacked if they are compressed. */
async function readReport() {
  const holder = document.getElementById("report");
  let text = holder.textContent;
  if (holder.type === "application/gzip") {
    if (!("DecompressionStream" in window)) {
      throw new Error("this browser cannot unpack the page's data; browsers since 2023 can");
    }
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  holder.remove();
  return indexed(JSON.parse(text));
}

/** Positions 0 to n - 1 by the group that each is in; a group's positions keep their order. */
function grouped(groups, n) {
  const lists = Array.from({ length: n }, () => []);
  groups.forEach((group, i) => {
    if (group >= 0) lists[group].push(i);
  });
  return lists;
}

function indexed(report) {
  const { points: topics, themes, firms } = report;
  topics.n = topics.name.length;
  topics.px = Float32Array.from(topics.x, (x) => x / PLACES);
  topics.py = Float32Array.from(topics.y, (y) => y / PLACES);
  report.topicsOfTheme = grouped(topics.theme, themes.length);
  report.topicsOfFirm = grouped(topics.firm, firms.length);
  report.themesOfFirm = Array.from({ length: firms.length }, () => []);
  themes.forEach((theme, t) => {
    for (const [firm, nSentences, nTopics, score] of theme.firms) {
      report.themesOfFirm[firm].push({ theme: t, nSentences, nTopics, score });
    }
  });
  report.themePosition = new Map(themes.map((theme, t) => [theme.theme_id, t]));
  report.firmPosition = new Map(firms.map((firm, f) => [firm.firm_id, f]));
  report.toneRange = toneRange(report);
  report.markRange = markRange(report);
  report.attentionDigits = attentionDigits(themes);
  report.sought = null;
  return report;
}

/** What the ends of the tone scale stand for: most themes and topics are within it. */
function toneRange(report) {
  const scores = report.themes.length ? report.themes.map((t) => t.score) : report.points.score;
  const most = quantile(scores.filter((x) => x !== null).map(Math.abs), 0.95) ?? 0;
  return clamp(Math.ceil(most * 10) / 10, 0.2, 1);
}

/** What the ends of the small pictures of tone stand for: every theme with its interval is within it. */
function markRange(report) {
  const ends = report.themes.flatMap((t) => [t.score, t.score_low, t.score_high]).filter((x) => x !== null);
  return clamp(Math.ceil(Math.max(0, ...ends.map(Math.abs)) * 10) / 10, 0.2, 1);
}

/** Digits after the point of attention in percent, so that themes of the same page can be told apart by it. */
function attentionDigits(themes) {
  const typical = quantile(themes.map((theme) => theme.attention).filter((x) => x > 0), 0.25) ?? 1;
  return clamp(Math.ceil(-Math.log10(10 * typical)), 1, 3);
}

const firmTitle = (firm) => (firm.ticker ? `${firm.name} (${firm.ticker})` : firm.name);

/** Lower-case texts that a search goes through, made at the first search. */
function searchable(report) {
  report.sought ??= {
    themes: report.themes.map((t) => [t.name, t.series_name ?? "", ...t.keywords].join(" ").toLowerCase()),
    firms: report.firms.map((f) => `${f.name} ${f.ticker ?? ""}`.toLowerCase()),
    topics: report.points.name.map((name) => name.toLowerCase()),
  };
  return report.sought;
}

/**
 * What matches all words of a query: positions of themes and of firms, and per topic whether it matches by its own
 * name or belongs to a theme or firm that does.
 */
function search(report, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const has = (text) => words.every((word) => text.includes(word));
  const texts = searchable(report);
  const themes = texts.themes.map(has);
  const firms = texts.firms.map(has);
  const { theme, firm, n } = report.points;
  const byName = texts.topics.map(has);
  const topics = new Uint8Array(n);
  for (let i = 0; i < n; i++) topics[i] = byName[i] || firms[firm[i]] || (theme[i] >= 0 && themes[theme[i]]) ? 1 : 0;
  const positions = (flags) => flags.flatMap((flag, i) => (flag ? [i] : []));
  return {
    topics,
    n: topics.reduce((sum, x) => sum + x, 0),
    themes: positions(themes),
    firms: positions(firms),
    named: positions(byName),
  };
}
