// Elements and numbers: how everything on the page is made and written. Text only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

/** Set attributes of an element; a function is a listener, null and false leave it out. */
function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

/** An HTML element with attributes and children; strings and numbers become text. */
function h(tag, attributes, ...children) {
  const element = dress(document.createElement(tag), attributes);
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return element;
}

/** An SVG element. */
function s(tag, attributes, ...children) {
  const element = dress(document.createElementNS(SVG, tag), attributes);
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return element;
}

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const NONE = "–";

const count = (n) => (n === null || n === undefined ? NONE : WHOLE.format(n));

/** A noun with its number, as "1 firm" and "12 firms". */
const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** A share in percent; one that is more than nothing is never written as nothing. */
function share(x, digits = 1) {
  if (x === null || x === undefined) return NONE;
  const written = (100 * x).toFixed(digits);
  return x > 0 && Number(written) === 0 ? `<${(10 ** -digits).toFixed(digits)}%` : `${written}%`;
}

/** A number with its sign, with a real minus; zero has none. */
function signed(x, digits = 2) {
  if (x === null || x === undefined) return NONE;
  const written = Math.abs(x).toFixed(digits);
  if (Number(written) === 0) return written;
  return (x > 0 ? "+" : "−") + written;
}

const points = (x, digits = 1) => (x === null || x === undefined ? NONE : `${signed(100 * x, digits)} pp`);

const FEW_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2 });

/** An amount in dollars: whole ones from ten, and below a cent as many places as it takes. */
function dollars(x) {
  if (x >= 10) return `$${WHOLE.format(x)}`;
  return x > 0 && x < 0.01 ? `$${FEW_DIGITS.format(x)}` : `$${x.toFixed(2)}`;
}

/** A number in a measure's unit. */
function inUnit(x, unit) {
  if (x === null || x === undefined) return NONE;
  if (unit === "share") return share(x);
  if (unit === "score") return signed(x);
  if (unit === "count") return count(x);
  if (unit === "USD") return dollars(x);
  if (unit === "seconds") {
    if (x >= 7200) return `${(x / 3600).toFixed(1)} h`;
    return x < 120 ? `${x.toFixed(x < 10 ? 1 : 0)} s` : `${(x / 60).toFixed(0)} min`;
  }
  return Math.abs(x) >= 100 || Number.isInteger(x) ? count(x) : x.toFixed(2);
}

/** A text that begins with a capital letter. */
const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const WORDS = { q_and_a: "Q&A", unknown: "role not known" };

/** A word of a table's categories, for people. */
const inWords = (name) => WORDS[name] ?? name.replaceAll("_", " ");

/** The quarter before one, as 2022Q4 before 2023Q1. */
function quarterBefore(quarter) {
  const [year, q] = quarter.split("Q").map(Number);
  return q > 1 ? `${year}Q${q - 1}` : `${year - 1}Q4`;
}

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

/** The value below which a share of the numbers lies. */
function quantile(numbers, part) {
  const sorted = numbers.filter((x) => x !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(part * (sorted.length - 1))] : null;
}

/** A function that runs only once its calls have ceased for some milliseconds. */
function settled(action, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), wait);
  };
}

const addressOf = (kind, id) => `#${kind}=${encodeURIComponent(id)}`;
