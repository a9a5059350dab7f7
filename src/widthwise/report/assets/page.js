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

  const saveSvg = (button) => {
    const drawing = document.querySelector(`#${button.dataset.svg} .canvas svg`).cloneNode(true);
    const box = drawing.viewBox.baseVal;
    drawing.setAttribute("width", `${box.width}pt`);
    drawing.setAttribute("height", `${box.height}pt`);
    drawing.setAttribute("color", "#16191d");
    const text = new XMLSerializer().serializeToString(drawing);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    link.download = button.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(document.getElementById(button.dataset.copy)));
  }
  for (const button of document.querySelectorAll("[data-svg]")) {
    button.addEventListener("click", () => saveSvg(button));
  }
  for (const element of document.querySelectorAll("button[hidden]")) element.hidden = false;
})();
