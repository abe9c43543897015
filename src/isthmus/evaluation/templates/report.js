// Draws the figures, in the colours of the page, and again when those change.
(function () {
  "use strict";
  const settings = JSON.parse(document.getElementById("plotly-settings").textContent);
  const places = [];

  function ink(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function colours(layout) {
    const change = {
      "font.color": ink("--ink"),
      "modebar.bgcolor": "rgba(0,0,0,0)",
      "modebar.color": ink("--soft"),
      "modebar.activecolor": ink("--ours"),
    };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        change[key + ".gridcolor"] = ink("--grid");
        change[key + ".linecolor"] = ink("--grid");
        change[key + ".tickfont.color"] = ink("--soft");
      }
    }
    return change;
  }

  function set(target, path, value) {
    const steps = path.split(".");
    const last = steps.pop();
    for (const step of steps) target = target[step] = target[step] || {};
    target[last] = value;
  }

  function webgl() {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl"));
    } catch (error) {
      return false;
    }
  }

  const fast = webgl();
  for (const source of document.querySelectorAll("script.plotly-json")) {
    const place = document.getElementById(source.dataset.place);
    const figure = JSON.parse(source.textContent);
    for (const [path, value] of Object.entries(colours(figure.layout))) set(figure.layout, path, value);
    // On a narrow page a legend beside the figure would leave it no room.
    if (window.innerWidth < 700 && figure.layout.legend.orientation === "v") {
      Object.assign(figure.layout.legend, { orientation: "h", x: 0, y: -0.2, yanchor: "top" });
    }
    // Without WebGL the points are drawn as shapes: slower, but there.
    if (!fast) for (const trace of figure.data) if (trace.type === "scattergl") trace.type = "scatter";
    // Buttons only where zooming is of use.
    const tools = place.id === "figure-codes" ? settings : { ...settings, displayModeBar: false };
    Plotly.newPlot(place, figure.data, figure.layout, tools);
    places.push(place);
  }

  function repaint() {
    for (const place of places) Plotly.relayout(place, colours(place.layout));
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  window.addEventListener("beforeprint", function () {
    for (const place of places) Plotly.Plots.resize(place);
  });

  for (const menu of document.querySelectorAll("select[data-place]")) {
    menu.addEventListener("change", function () {
      const choice = menu.selectedOptions[0];
      Plotly.update(
        document.getElementById(menu.dataset.place),
        { visible: JSON.parse(choice.dataset.visible) },
        { "legend.title.text": choice.dataset.legend }
      );
    });
  }
})();
