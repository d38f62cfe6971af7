// Puts the living picture in place of the still one. Without this script, or on paper, the still one stands.
"use strict";
(() => {
  const options = JSON.parse(document.getElementById("embed-options").textContent);
  const narrow = 560;
  const fitted = (spec, width) => {
    const config = { ...spec.config };
    if (width < narrow) config.axis = { ...config.axis, labelLimit: 110 };
    return { ...spec, config, width: "container" };
  };
  window.showChart = (place, spec) => {
    const width = place.clientWidth;
    const holder = document.createElement("div");
    holder.className = "chart";
    place.parentNode.insertBefore(holder, place);
    return window.vegaEmbed(holder, fitted(spec, width), {
      ast: true, actions: false, renderer: "svg", defaultStyle: false, ...options,
      tooltip: { disableDefaultStyle: true, id: "vg-tooltip-element" },
    }).then((shown) => { holder.id = place.id; place.remove(); return shown; }, (error) => { holder.remove(); console.error(error); });
  };
  for (const place of document.querySelectorAll("[data-spec]")) {
    window.showChart(place, JSON.parse(document.getElementById(place.dataset.spec).textContent));
  }
})();
