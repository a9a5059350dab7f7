// Predictions with a closed form, computed from trees of numbers, names and functions.
(() => {
  const { formulas, constants, free } = JSON.parse(document.getElementById("theory-data").textContent);
  const own = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
    "**": (a, b) => a ** b,
    neg: (a) => -a,
  };
  const value = (tree, names) => {
    if (typeof tree === "string") return Number(names[tree]);
    if (!Array.isArray(tree)) return tree;
    const [name, ...branches] = tree;
    return (own[name] ?? Math[name])(...branches.map((branch) => value(branch, names)));
  };
  const predict = (claim, names) => value(formulas[claim], { ...constants, ...names });

  // Values between two runs at which a line is drawn: whole numbers for whole parameters.
  const between = (name, low, high, log) => {
    const whole = free.find((one) => one.name === name)?.whole;
    if (whole && high - low <= 160) return Array.from({ length: high - low + 1 }, (_, i) => low + i);
    const at = (i) => (log ? low * (high / low) ** (i / 160) : low + ((high - low) * i) / 160);
    const values = Array.from({ length: 161 }, (_, i) => (whole ? Math.round(at(i)) : at(i)));
    return [...new Set(values)];
  };
  const line = (claim, name, here, log) => {
    if (!(claim in formulas) || !free.some((one) => one.name === name)) return [];
    const [low, high] = [Math.min(...here.range), Math.max(...here.range)];
    return between(name, low, high, log)
      .map((x) => ({ x, y: predict(claim, { ...here.names, [name]: x }) }))
      .filter(({ y }) => Number.isFinite(y));
  };

  const ranges = free.map((_, i) => document.getElementById(`free-${i}`));
  const numbers = free.map((_, i) => document.getElementById(`free-number-${i}`));
  const cells = [...document.querySelectorAll("[data-formula]")];
  const show = () => {
    const names = Object.fromEntries(free.map(({ name }, i) => [name, numbers[i].value === "" ? NaN : Number(numbers[i].value)]));
    for (const cell of cells) {
      const found = predict(cell.dataset.formula, names);
      cell.value = Number.isFinite(found) ? String(found) : "";
      cell.textContent = Number.isFinite(found) ? String(Number(found.toPrecision(6))).replaceAll("-", "−") : "–";
    }
  };
  ranges.forEach((range, i) => {
    range.addEventListener("input", () => { numbers[i].value = range.value; show(); });
    numbers[i].addEventListener("input", () => { range.value = numbers[i].value; show(); });
  });
  document.getElementById("free")?.addEventListener("submit", (event) => event.preventDefault());
  if (cells.length) show();
  window.widthwise.theoryLine = line;
})();
