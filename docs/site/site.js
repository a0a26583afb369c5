"use strict";
const root = document.documentElement;
const menu = document.getElementById("menu"), navigation = document.getElementById("navigation");
const query = document.getElementById("query"), results = document.getElementById("results");

menu.addEventListener("click", () => menu.setAttribute("aria-expanded", navigation.classList.toggle("open")));
navigation.addEventListener("click", event => { if (event.target.closest("a")) navigation.classList.remove("open"); });

document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch {}
});

// Every word must occur, in the title or the text. Titles count more, and whole names most.
function find(words) {
  const found = [];
  for (const entry of window.SEARCH) {
    const title = entry.t.toLowerCase(), text = entry.x.toLowerCase();
    let score = entry.k ? 2 : 0, all = true;
    for (const word of words) {
      const name = title.split(/::|\s/).pop();
      if (name === word || title === word) score += 60;
      else if (title.split(/[^\w]+/).includes(word)) score += 30;
      else if (title.includes(word)) score += 15;
      else if (text.includes(word)) score += 1 + Math.min(5, text.split(word).length - 1);
      else { all = false; break; }
    }
    if (all) found.push({ entry, score: score - title.length / 100 });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, 30).map(hit => hit.entry);
}

function marked(node, text, words) {
  const pattern = new RegExp("(" + words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") + ")", "gi");
  for (const part of text.split(pattern)) {
    if (words.includes(part.toLowerCase())) node.appendChild(document.createElement("mark")).textContent = part;
    else node.append(part);
  }
}

// About 160 characters of `text` around the first of `words`, in whole words.
function excerpt(text, words) {
  const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - 50);
  const start = at && text.indexOf(" ", at) + 1;
  const end = start + 160 < text.length ? Math.max(text.lastIndexOf(" ", start + 160), start + 1) : text.length;
  return (start ? "…" : "") + text.slice(start, end) + (end < text.length ? " …" : "");
}

function show() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.replaceChildren();
  results.hidden = !words.length;
  if (!words.length) return;
  const hits = find(words);
  for (const entry of hits) {
    const link = document.createElement("a"), text = document.createElement("small");
    link.href = entry.u;
    marked(link.appendChild(document.createElement("b")), entry.t, words);
    if (entry.p !== entry.t) link.append(" · " + entry.p);
    marked(text, excerpt(entry.x, words), words);
    link.append(text);
    results.append(link);
  }
  if (!hits.length) results.appendChild(document.createElement("p")).textContent = "Nothing found.";
}

query.addEventListener("input", show);
query.addEventListener("focus", show);
query.addEventListener("keydown", event => {
  const links = [...results.querySelectorAll("a")], at = links.findIndex(link => link.classList.contains("chosen"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = Math.max(0, Math.min(links.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)));
    links.forEach((link, i) => link.classList.toggle("chosen", i === next));
    links[next]?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && links.length) {
    (links[at] ?? links[0]).click();
    results.hidden = true;
  }
});
document.addEventListener("keydown", event => {
  if (event.key === "Escape") { results.hidden = true; navigation.classList.remove("open"); query.blur(); }
  if (event.key === "/" && document.activeElement !== query) { event.preventDefault(); query.focus(); }
});
document.addEventListener("click", event => { if (!event.target.closest(".search")) results.hidden = true; });
// A search can be linked to: index.html?q=words
const asked = new URLSearchParams(location.search).get("q");
if (asked) { query.value = asked; query.focus(); show(); }
