(() => {
  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const told = document.getElementById("filtered");
  const studies = [...document.querySelectorAll(".study")].map((section) => ({
    section,
    words: section.dataset.words,
    runs: [...section.querySelectorAll(".run")].map((row) => ({
      row,
      words: `${section.dataset.words} ${row.dataset.words}`,
      verdicts: row.dataset.verdicts.split(" "),
    })),
  }));
  const fits = (verdicts, wanted) => {
    if (wanted === "holds") return verdicts.every((verdict) => verdict === "holds");
    return !wanted || verdicts.includes(wanted);
  };
  const show = () => {
    const wanted = new FormData(form).get("verdict");
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let [shown, total] = [0, 0];
    for (const { section, runs } of studies) {
      let here = 0;
      for (const run of runs) {
        run.row.hidden = !(fits(run.verdicts, wanted) && words.every((word) => run.words.includes(word)));
        here += run.row.hidden ? 0 : 1;
      }
      section.hidden = here === 0;
      shown += here;
      total += runs.length;
    }
    told.textContent = `${shown} of ${total} runs`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
})();
