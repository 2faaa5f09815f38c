// A table that is sorted by its headings and filtered by a text: of themes, of firms, of what belongs to one of them.

const FIRST_ROWS = 100;

/** -1, 0 or 1: numbers by size, texts by letters, what is missing last in both directions. */
function compared(a, b, direction) {
  const missing = (x) => x === null || x === undefined;
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  const order = typeof a === "string" ? a.localeCompare(b, "en", { sensitivity: "base" }) : a - b;
  return direction * order;
}

/**
 * A table of rows. A column has key, label, value(row) to sort by, cell(row) to show, and may have: title, isText,
 * level (1 is shown on any screen, 2 from 640 pixels, 3 from 1000).
 */
class Table {
  constructor({ caption, columns, rows, sortedBy, direction = -1, address = null, first = FIRST_ROWS }) {
    Object.assign(this, { columns, rows, sortedBy, direction, address, shown: first, all: rows });
    this.headings = columns.map((column) => this.heading(column));
    this.body = h("tbody");
    this.more = h("button", { type: "button", class: "more quiet", hidden: true, click: () => this.showMore() });
    this.select = h(
      "select",
      { change: () => this.sort(this.select.value, columns.find((c) => c.key === this.select.value).isText ? 1 : -1) },
      columns.map((c) => h("option", { value: c.key }, c.label)),
    );
    this.element = h(
      "div",
      { class: "table" },
      h("label", { class: "narrow-sort" }, "Sort by ", this.select),
      h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, this.headings)), this.body),
      this.more,
    );
    this.fill();
  }

  heading(column) {
    const label = column.label;
    const button = h("button", { type: "button", title: column.title, click: () => this.turn(column) }, label);
    return h("th", { scope: "col", class: this.classOf(column) }, button);
  }

  classOf(column) {
    return `${column.isText ? "text" : "number"} level-${column.level ?? 1}`;
  }

  turn(column) {
    const first = column.isText ? 1 : -1;
    this.sort(column.key, this.sortedBy === column.key ? -this.direction : first);
  }

  sort(key, direction) {
    this.sortedBy = key;
    this.direction = direction;
    this.fill();
  }

  /** Show only the rows of which isMeant is true; return how many there are. */
  filter(isMeant) {
    this.rows = this.all.filter(isMeant);
    this.fill();
    return this.rows.length;
  }

  showMore(most = this.shown * 5) {
    this.shown = most;
    this.fill();
  }

  fill() {
    const { columns, sortedBy, direction } = this;
    const column = columns.find((c) => c.key === sortedBy);
    this.select.value = sortedBy;
    this.headings.forEach((heading, i) => {
      const state = direction > 0 ? "ascending" : "descending";
      heading.setAttribute("aria-sort", columns[i].key === sortedBy ? state : "none");
    });
    const sorted = [...this.rows].sort((a, b) => compared(column.value(a), column.value(b), direction));
    this.body.replaceChildren(...sorted.slice(0, this.shown).map((row) => this.row(row)));
    if (!sorted.length) this.body.append(h("tr", {}, h("td", { class: "empty", colspan: columns.length }, "Nothing matches.")));
    this.more.hidden = sorted.length <= this.shown;
    const left = count(sorted.length - this.shown);
    this.more.textContent = `Show more (${left} left)`;
    this.more.dataset.printed = `${left} more are not printed.`;
  }

  row(row) {
    const cells = this.columns.map((column, i) =>
      h(i ? "td" : "th", { class: this.classOf(column), scope: i ? null : "row" }, column.cell(row)),
    );
    if (!this.address) return h("tr", {}, cells);
    const open = (event) => {
      if (!event.target.closest("a, button") && !String(getSelection())) location.hash = this.address(row);
    };
    return h("tr", { class: "opens", click: open }, cells);
  }
}

/** A box that filters a table by text, with the number of rows that are left. */
function filterBox(label, table, textOf, others = []) {
  const left = h("span", { class: "found", role: "status" });
  const texts = new Map(table.all.map((row) => [row, textOf(row).toLowerCase()]));
  const apply = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const n = table.filter((row) => words.every((word) => texts.get(row).includes(word)) && others.every((other) => other.isMeant(row)));
    left.textContent = n === table.all.length ? "" : `${count(n)} of ${count(table.all.length)}`;
  };
  const box = h("input", { type: "search", placeholder: label, "aria-label": label, autocomplete: "off", input: settled(apply, 80) });
  others.forEach((other) => other.element.addEventListener("change", apply));
  return h("div", { class: "tools" }, h("div", { class: "searching" }, box, left), others.map((other) => other.element));
}

/** A choice from a list that filters rows. */
function filterChoice(label, options, isMeant) {
  const element = h("select", { "aria-label": label }, h("option", { value: "" }, label), options.map(([value, name]) => h("option", { value }, name)));
  return { element, isMeant: (row) => element.value === "" || isMeant(row, element.value) };
}
