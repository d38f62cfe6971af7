// Adds to pages that work without: charts come when they are near the screen, sliders move fields, the lab answers as one types.
"use strict";
(() => {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      fetch(entry.target.dataset.chart).then((answer) => (answer.status === 200 ? answer.json() : null))
        .then((spec) => { if (spec && window.vegaEmbed) window.showChart(entry.target, spec); });
    }
  }, { rootMargin: "400px" });
  for (const place of document.querySelectorAll("[data-chart]")) near.observe(place);

  const form = document.getElementById("lab");
  if (!form) return;
  const answer = document.getElementById("answer");
  let waiting = 0;
  let asked = 0;
  const ask = () => {
    const number = ++asked;
    answer.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/fragment" } })
      .then((reply) => reply.text())
      .then((text) => {
        if (number !== asked) return;
        answer.innerHTML = text;
        answer.removeAttribute("aria-busy");
        for (const place of answer.querySelectorAll("[data-spec]")) {
          window.showChart(place, JSON.parse(document.getElementById(place.dataset.spec).textContent));
        }
      });
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 150); };
  for (const slider of form.querySelectorAll("[data-for]")) {
    const field = document.getElementById(slider.dataset.for);
    slider.hidden = false;
    slider.addEventListener("input", () => { field.value = slider.value; soon(); });
    field.addEventListener("input", () => { slider.value = field.value; });
  }
  form.addEventListener("input", (event) => { if (!event.target.dataset.for) soon(); });
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.hasAttribute("formaction")) return;
    event.preventDefault();
    ask();
  });
})();
