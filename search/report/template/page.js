// Tables: a click on a heading, or Enter on it, sorts; a second one turns the order round.
function value(cell, numeric) {
  const text = cell.textContent;
  if (!numeric) return text;
  return text === "infinity" ? Infinity : Number.parseFloat(text.replaceAll(",", ""));
}

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : Number(a > b);
}

function sort(table, heading) {
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const numeric = heading.classList.contains("number");
  const keyed = [...table.tBodies[0].rows].map((row) => [value(row.cells[heading.cellIndex], numeric), row]);
  const missing = keyed.filter(([key]) => Number.isNaN(key));
  const present = keyed.filter(([key]) => !Number.isNaN(key)).sort(([a], [b]) => compare(a, b));
  if (order === "descending") present.reverse();
  table.tBodies[0].append(...[...present, ...missing].map(([, row]) => row));
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", each === heading ? order : "none");
}

for (const table of document.querySelectorAll("table")) {
  table.tHead.addEventListener("click", (event) => {
    const heading = event.target.closest("th");
    if (heading) sort(table, heading);
  });
}

// Filters: a row stays that has for every word a cell beginning with it, or a cell with a word beginning with it.
function filter(box) {
  const input = box.querySelector("input");
  const rows = [...document.getElementById(input.getAttribute("aria-controls")).rows];
  const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    const cells = [...row.cells].map((cell) => ` ${cell.textContent.toLowerCase()}`);
    row.hidden = !wanted.every((word) => cells.some((cell) => cell.includes(` ${word}`)));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  box.querySelector("output").textContent = wanted.length ? `${shown} of ${rows.length}` : "";
}

for (const box of document.querySelectorAll(".filter")) {
  box.hidden = false;
  box.addEventListener("input", () => filter(box));
}

// The text that the page holds as gzip in base64.
function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// Figures: drawn when the page is open, drawn again in the other colours when the theme changes or the page is printed.
const library = document.createElement("script");
library.textContent = await unpack("plotly");
document.head.append(library);
const { figures, themes } = JSON.parse(await unpack("data"));
const toggle = document.getElementById("theme");
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const onPaper = matchMedia("print");
const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
let chosen = null; // the reader's choice; as long as there is none, the system's holds

const theme = () => (onPaper.matches ? "light" : chosen ?? (systemDark.matches ? "dark" : "light"));

async function draw() {
  for (const [name, { data, layout }] of Object.entries(figures)) {
    const place = document.getElementById(`plot-${name}`);
    const template = themes[theme()];
    const width = onPaper.matches ? place.clientWidth : null; // null: as wide as its place
    if (place.layout) Plotly.relayout(place, { template, width }); // keeps the zoom and the slider's choice
    else Plotly.newPlot(place, data, { ...layout, template }, config);
    if (!onPaper.matches) await new Promise((next) => setTimeout(next)); // a reader may scroll meanwhile; a printer does not wait
  }
}

async function applyTheme() {
  const dark = theme() === "dark";
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  toggle.textContent = dark ? "Light" : "Dark";
  toggle.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  document.documentElement.dataset.ready = "no";
  await draw();
  document.documentElement.dataset.ready = "yes";
}

toggle.addEventListener("click", () => {
  chosen = theme() === "dark" ? "light" : "dark";
  applyTheme();
});
systemDark.addEventListener("change", applyTheme);
onPaper.addEventListener("change", applyTheme);
toggle.hidden = false;
applyTheme();
