(() => {
  const { parameters, runs, claims } = JSON.parse(document.getElementById("sweep-data").textContent);
  const sliders = parameters.map((_, i) => document.getElementById(`slider-${i}`));
  const along = document.getElementById("along");
  const charts = document.getElementById("charts");
  const runAt = new Map(runs.map((run, index) => [run.place.join(), index]));
  const place = () => sliders.map((slider) => Number(slider.value));
  const number = (x) => {
    if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5)) return x.toExponential(0).replace("-", "−");
    return String(Number(x.toPrecision(3))).replace("-", "−");
  };

  // Drawing: every length in user units of a view box of this size.
  const [WIDE, HIGH, LEFT, BELOW] = [380, 210, 58, 34];
  const element = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const isWide = (values, ratio) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= ratio;
  const scaleOf = (values, log, from, to) => {
    const f = log ? Math.log : (x) => x;
    let [low, high] = [Math.min(...values.map(f)), Math.max(...values.map(f))];
    if (high === low) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    return (x) => from + ((f(x) - low) / (high - low)) * (to - from);
  };
  const ticksOf = (values, log) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high) return [low];
    if (log) {
      const powers = [];
      for (let k = Math.ceil(Math.log10(low)); k <= Math.log10(high); k += 1) powers.push(10 ** k);
      const skip = Math.ceil(powers.length / 5);
      return powers.length >= 2 ? powers.filter((_, i) => i % skip === 0) : [low, high];
    }
    const rough = (high - low) / 4;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * unit).find((x) => x >= rough);
    const ticks = [];
    for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-9; x += step) ticks.push(Math.abs(x) < step * 1e-9 ? 0 : x);
    return ticks;
  };

  const seriesOf = (claim, axis, here) => {
    const { numbers, values } = parameters[axis];
    const points = [];
    values.forEach((words, i) => {
      const run = runAt.get(here.map((x, k) => (k === axis ? i : x)).join());
      const cell = run === undefined ? null : claim.cells[run];
      if (!cell) return;
      const [predicted, measured, error, tolerance, quantile, verdict] = cell;
      points.push({ i, x: numbers ? numbers[i] : i, words, predicted, measured, error, tolerance, quantile, verdict });
    });
    return points;
  };

  const chart = (claim, axis, here) => {
    const points = seriesOf(claim, axis, here);
    const drawn = points.filter((p) => p.measured !== null && p.error !== null);
    const svg = element("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, width: "100%", role: "img", fill: "currentColor", color: "inherit" });
    const told = points.map((p) => `at ${p.words} predicted ${number(p.predicted)}, measured ${p.measured === null ? "nothing" : number(p.measured)}, ${p.verdict}`);
    svg.setAttribute("aria-label", `${claim.name} against ${parameters[axis].name}: ${told.join("; ") || "no runs here"}`);
    if (!points.length) return svg;
    const xs = points.map((p) => p.x);
    const logX = parameters[axis].numbers !== null && isWide(xs, 8);
    const names = Object.fromEntries(parameters.map((p, i) => [p.name, p.numbers?.[here[i]]]));
    const computed = points.length > 1 ? window.widthwise.theoryLine(claim.name, parameters[axis].name, { names, range: xs }, logX) : [];
    const expected = computed.length > 1 ? computed : points.map((p) => ({ x: p.x, y: p.predicted }));
    const tolerance = (x) => {
      const next = Math.max(1, points.findIndex((p) => p.x >= x));
      const [a, b] = [points[next - 1], points[next] ?? points[next - 1]];
      return a.x === b.x ? a.tolerance : a.tolerance + ((b.tolerance - a.tolerance) * (x - a.x)) / (b.x - a.x);
    };
    const centres = [...expected.map((p) => p.y), ...drawn.map((p) => p.measured)];
    const ends = drawn.flatMap((p) => [p.measured - p.quantile * p.error, p.measured + p.quantile * p.error]);
    const log = isWide(centres, 30);
    const core = [...centres, ...(log ? ends.filter((y) => y > Math.min(...centres) / 4) : ends)];
    const span = Math.max(...core) - Math.min(...core);
    const bands = points.flatMap((p) => [p.predicted - p.tolerance, p.predicted + p.tolerance]);
    const shown = bands.filter((y) => (log ? y > Math.min(...core) / 2 && y < 2 * Math.max(...core) : y >= Math.min(...core) - span && y <= Math.max(...core) + span));
    const range = [...core, ...shown];
    const toX = scaleOf(xs, logX, LEFT + 18, WIDE - 18);
    const toY = scaleOf(range, log, HIGH - BELOW - 12, 14);
    const floor = HIGH - BELOW;
    const clip = (y) => (log && y <= 0 ? floor : Math.min(Math.max(toY(y), 4), floor));
    const path = (pairs) => pairs.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

    for (const y of ticksOf(range, log)) {
      svg.append(element("path", { d: `M${LEFT} ${toY(y).toFixed(1)}H${WIDE}`, stroke: "currentColor", "stroke-opacity": 0.13 }));
      svg.append(element("text", { x: LEFT - 6, y: toY(y) + 4, "text-anchor": "end", "font-size": 12 }, number(y)));
    }
    let last = -Infinity;
    for (const p of points) {
      const half = 3.6 * p.words.length;
      if (toX(p.x) - half < last + 6) continue;
      last = toX(p.x) + half;
      svg.append(element("text", { x: toX(p.x), y: floor + 16, "text-anchor": "middle", "font-size": 12 }, p.words));
    }
    svg.append(element("path", { d: `M${LEFT} 4V${floor}H${WIDE}`, fill: "none", stroke: "currentColor" }));
    svg.append(element("text", { x: WIDE - 4, y: HIGH - 3, "text-anchor": "end", "font-size": 12, "fill-opacity": 0.75 }, parameters[axis].name));
    const above = expected.map(({ x, y }) => [toX(x), claim.kind === "at_least" ? 4 : clip(y + tolerance(x))]);
    const below = expected.map(({ x, y }) => [toX(x), claim.kind === "at_most" ? floor : clip(y - tolerance(x))]);
    if (points.length > 1) svg.append(element("path", { d: `${path([...above, ...below.reverse()])}Z`, class: "chart-band" }));
    svg.append(element("path", { d: path(expected.map(({ x, y }) => [toX(x), clip(y)])), class: "chart-theory" }));
    if (points.length === 1) svg.append(element("path", { d: `M${toX(xs[0]) - 14} ${clip(points[0].predicted)}h28`, class: "chart-theory" }));
    for (const p of drawn) {
      for (const [reach, width] of [[p.quantile, 1.5], [1, 4]]) {
        svg.append(element("path", { d: `M${toX(p.x)} ${clip(p.measured - reach * p.error)}V${clip(p.measured + reach * p.error)}`, stroke: `var(--${p.verdict})`, "stroke-width": width }));
      }
      svg.append(element("circle", { cx: toX(p.x), cy: clip(p.measured), r: 4.5, fill: `var(--${p.verdict})` }));
      if (p.i === here[axis]) svg.append(element("circle", { cx: toX(p.x), cy: clip(p.measured), r: 9, fill: "none", stroke: "currentColor", "stroke-width": 1.5 }));
    }
    return svg;
  };

  const cards = claims.map((claim) => {
    const card = document.createElement("figure");
    const [title, canvas, words] = ["h3", "div", "figcaption"].map((name) => document.createElement(name));
    card.className = "card";
    title.textContent = claim.name;
    card.append(title, canvas, words);
    charts.append(card);
    return { canvas, words };
  });

  const unpack = async (index) => {
    const bytes = Uint8Array.from(atob(document.getElementById(`packed-${index}`).textContent), (x) => x.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const content = document.getElementById("run-content");
  const words = document.getElementById("run-words");
  const link = document.getElementById("shown");
  let wanted;
  const showRun = async (here) => {
    const index = runAt.get(here.join());
    if (index === wanted && wanted !== undefined) return;
    wanted = index;
    const told = parameters.map(({ name, values }, i) => `${name} = ${values[here[i]]}`).join(", ");
    if (index === undefined) {
      words.textContent = `There is no run at ${told}.`;
      link.textContent = "No run at these values";
      link.href = "#runs";
      content.replaceChildren();
      return;
    }
    words.textContent = `The run at ${told}.`;
    link.textContent = "Page of this run";
    link.href = runs[index].page;
    try {
      const text = await unpack(index);
      if (wanted !== index) return;
      content.innerHTML = text;
      window.widthwise.reveal(content);
    } catch {
      words.textContent = `The run at ${told}: this browser cannot unpack it; its own page shows it.`;
    }
  };

  const show = () => {
    const here = place();
    sliders.forEach((slider, i) => {
      slider.setAttribute("aria-valuetext", parameters[i].values[here[i]]);
      slider.nextElementSibling.textContent = parameters[i].values[here[i]];
    });
    const axis = Number(along.value);
    const run = runAt.get(here.join());
    cards.forEach(({ canvas, words }, i) => {
      canvas.replaceChildren(chart(claims[i], axis, here));
      words.textContent = claims[i].cells[run]?.[6] ?? claims[i].statement;
    });
    showRun(here);
  };
  const many = parameters.map((p) => (p.numbers ? 1000 : 0) + p.values.length);
  along.value = String(many.indexOf(Math.max(...many)));
  const start = runs[0].place;
  sliders.forEach((slider, i) => { slider.value = String(start[i]); slider.addEventListener("input", show); });
  along.addEventListener("input", show);
  document.getElementById("sliders").addEventListener("submit", (event) => event.preventDefault());
  show();
})();
