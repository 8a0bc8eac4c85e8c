// Lines over time, drawn by uPlot: crosshair with exact values, drag to zoom, keys for those without a pointer, and a table of the same rows.

import { el } from "./element.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * A chart in `box`. `look` has:
 *   series: [{label, color, width?, dash?, fill?, format(value, index), silent?(index): not in the tooltip there, untold?: not in the table}], label(time) for the tooltip and the table, tick(value) for the value axis,
 *   zone, caption, zoom(from, to) when dragging may zoom.
 * Returns {draw(look, data), end()}; `data` is [times in ms, values, values…].
 */
export function chart(box, { height = 280, table = null } = {}) {
  const tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const plotBox = el("div", { class: "plot", tabindex: "0", role: "img" });
  plotBox.append(tip);
  box.replaceChildren(plotBox);
  let plot = null, look = null, data = null, shape = "", drawn = 0;

  const size = () => ({ width: Math.max(120, Math.floor(plotBox.clientWidth)), height: typeof height === "function" ? height() : height });

  function make() {
    plot?.destroy();
    const grid = { stroke: css("--line"), width: 1 };
    const font = `12px ${css("--font")}`;
    const axis = { stroke: css("--faint"), font, ticks: { show: false }, grid };
    plot = new uPlot(
      {
        ...size(),
        padding: [12, 24, 0, 0],
        legend: { show: false },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), look.zone),
        cursor: {
          drag: { x: Boolean(look.zoom), y: false, setScale: false },
          points: { size: 8, width: 2, fill: () => css("--ground") },
          y: false,
        },
        scales: { x: { time: true, range: (_, low, high) => look.extent?.map((time) => time / 1000) ?? [low, high] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.08] } },
        axes: [
          { ...axis, grid: { show: false }, size: 28, gap: 8, space: 72, values: (self, splits, _index, _space, step) => splits.map((time) => look.axisLabel(time * 1000, step * 1000)) },
          { ...axis, size: 64, space: 40, values: (_, splits) => splits.map((value) => look.tick(value)) },
        ],
        series: [
          {},
          ...look.series.map((one) => ({
            label: one.label, stroke: css(one.color), width: one.width ?? 2, dash: one.dash, fill: one.fill ? css(one.fill) : undefined,
            spanGaps: false, points: { show: one.points ? (self, index) => lonely(self.data[index]) : false, size: 5, fill: css(one.color) },
          })),
        ],
        hooks: {
          setCursor: [(self) => point(self)],
          setSelect: [(self) => select(self)],
        },
      },
      columns(),
      plotBox,
    );
    plotBox.append(tip);
  }

  const columns = () => [data[0].map((time) => time / 1000), ...data.slice(1)];

  function select(self) {
    const { left, width } = self.select;
    if (width < 8 || !look.zoom) return;
    const from = self.posToVal(left, "x") * 1000, to = self.posToVal(left + width, "x") * 1000;
    self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    look.zoom(from, to);
  }

  function point(self) {
    const { idx, left } = self.cursor;
    const known = idx !== null && idx !== undefined && left >= 0;
    tip.hidden = !known;
    if (!known) return;
    const lines = look.series
      .map((one, index) => ({ one, value: data[index + 1][idx] }))
      .filter(({ one, value }) => value !== null && value !== undefined && !one.silent?.(idx))
      .map(({ one, value }) => {
        const key = el("i", { "aria-hidden": "true" });
        key.style.background = css(one.color);
        return el("div", { class: "tip-line" }, key, el("span", { text: one.label }), el("b", { text: one.format(value, idx) }));
      });
    tip.replaceChildren(el("div", { class: "tip-time", text: look.label(data[0][idx], idx) }), ...(lines.length ? lines : [el("div", { class: "tip-line", text: "no data" })]));
    const over = self.over, width = tip.offsetWidth, x = left + over.offsetLeft;
    tip.style.transform = `translate(${x + width + 24 > plotBox.clientWidth ? x - width - 12 : x + 12}px, 12px)`;
  }

  plotBox.addEventListener("keydown", (event) => {
    if (!plot || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
    event.preventDefault();
    const last = data[0].length - 1, at = plot.cursor.idx ?? last;
    if (event.key === "Escape") return plot.setCursor({ left: -10, top: -10 });
    const index = { ArrowLeft: Math.max(0, at - 1), ArrowRight: Math.min(last, at + 1), Home: 0, End: last }[event.key];
    plot.setCursor({ left: plot.valToPos(data[0][index] / 1000, "x"), top: 10 });
    look.told?.(index);
  });
  plotBox.addEventListener("blur", () => plot?.setCursor({ left: -10, top: -10 }));

  const resize = new ResizeObserver(() => {
    cancelAnimationFrame(drawn);
    drawn = requestAnimationFrame(() => plot && plot.width !== size().width && plot.setSize(size()));
  });
  resize.observe(plotBox);
  document.addEventListener("theme", () => plot && make());

  return {
    draw(wanted, columnsOfData) {
      look = wanted;
      data = columnsOfData;
      plotBox.setAttribute("aria-label", look.caption);
      const now = JSON.stringify([look.series.map(({ label, color, dash }) => [label, color, dash]), look.zone, Boolean(look.zoom)]);
      if (!plot || now !== shape) make();
      else plot.setData(columns());
      shape = now;
      if (table) fillTable(table, look, data);
    },
    end() {
      resize.disconnect();
      plot?.destroy();
    },
  };
}

/** Points are drawn only where a line cannot be: a value without neighbours. */
function lonely(values) {
  return values.filter((value) => value !== null && value !== undefined).length === 1;
}

function fillTable(table, look, data) {
  const spoken = look.series.map((one, index) => ({ ...one, index })).filter((one) => !one.untold);
  const head = el("tr", {}, el("th", { scope: "col", text: "Time" }), spoken.map((one) => el("th", { scope: "col", class: "number", text: one.label })));
  const rows = data[0].map((time, at) =>
    el("tr", {}, el("th", { scope: "row", text: look.label(time, at) }), spoken.map((one) => el("td", { class: "number", text: one.format(data[one.index + 1][at], at) }))),
  );
  table.replaceChildren(el("table", {}, el("caption", { text: look.caption }), el("thead", {}, head), el("tbody", {}, rows)));
}

