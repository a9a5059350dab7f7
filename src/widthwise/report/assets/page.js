"use strict";
(() => {
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const status = document.getElementById("status");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    read() { try { return localStorage.getItem("widthwise-theme"); } catch { return null; } },
    write(value) { try { localStorage.setItem("widthwise-theme", value); } catch { /* private page */ } },
  };

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => toggle.setAttribute("aria-pressed", String(isDark()));
  if (["light", "dark"].includes(memory.read())) root.dataset.theme = memory.read();
  showTheme();
  system.addEventListener("change", showTheme);
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    memory.write(root.dataset.theme);
    showTheme();
  });

  let timer = 0;
  const say = (words) => {
    status.textContent = words;
    clearTimeout(timer);
    timer = setTimeout(() => { status.textContent = ""; }, 2500);
  };

  const copy = async (source) => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      say("Copied");
    } catch {
      getSelection().selectAllChildren(source);
      say("Selected: press Ctrl+C to copy");
    }
  };

  const save = (content, type, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const saveSvg = (button) => {
    const drawing = document.querySelector(`#${button.dataset.svg} .canvas svg`).cloneNode(true);
    const box = drawing.viewBox.baseVal;
    drawing.setAttribute("width", `${box.width}pt`);
    drawing.setAttribute("height", `${box.height}pt`);
    drawing.setAttribute("color", "#16191d");
    save(new XMLSerializer().serializeToString(drawing), "image/svg+xml", button.dataset.name);
  };

  const rowsOf = (text) => {
    const rows = [[]];
    for (const [, comma, quoted, bare] of text.matchAll(/(^|,|\n)(?:"((?:[^"]|"")*)"|([^",\n]*))/g)) {
      if (comma === "\n") rows.push([]);
      rows[rows.length - 1].push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    }
    return rows.filter((row) => row.length > 1 || row[0] !== "");
  };

  const saveJson = (button) => {
    const figure = document.getElementById(button.dataset.json);
    const encoded = figure.querySelector("a[download$='.csv']").getAttribute("href").split(",")[1];
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const [names, ...rows] = rowsOf(new TextDecoder().decode(bytes));
    const plain = (cell) => (cell === "" || !Number.isFinite(Number(cell)) ? cell : Number(cell));
    const content = {
      title: figure.querySelector("h3").textContent,
      caption: figure.querySelector("figcaption").textContent,
      columns: Object.fromEntries(names.map((name, i) => [name, rows.map((row) => plain(row[i]))])),
    };
    save(JSON.stringify(content, null, 1), "application/json", button.dataset.name);
  };

  // Of many figures most stand as text at first: drawn when they come near, or when there is time.
  const draw = (text) => {
    if (!text.isConnected) return;
    const drawing = document.createElement("template");
    drawing.innerHTML = text.textContent;
    text.replaceWith(drawing.content);
  };
  const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 50));
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      target.querySelectorAll("[data-later]").forEach(draw);
    }
  }, { rootMargin: "1000px" });
  const drawLater = (part) => {
    const waiting = [...part.querySelectorAll("[data-later]")];
    for (const text of waiting) near.observe(text.parentElement);
    const next = () => {
      const text = waiting.shift();
      if (text) draw(text);
      if (waiting.length) whenIdle(next);
    };
    const start = () => whenIdle(next);
    if (document.readyState === "complete") start();
    else addEventListener("load", start, { once: true });
  };
  addEventListener("beforeprint", () => document.querySelectorAll("[data-later]").forEach(draw));

  // What needs a script is hidden until there is one; pages call this on what they add later.
  const reveal = (part) => {
    drawLater(part);
    for (const element of part.querySelectorAll("button[hidden], [data-scripted][hidden]")) element.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-svg], [data-json]");
    if (!button) return;
    if (button.dataset.copy) copy(document.getElementById(button.dataset.copy));
    else if (button.dataset.svg) saveSvg(button);
    else saveJson(button);
  });
  reveal(document);
  window.widthwise = { reveal };
})();
