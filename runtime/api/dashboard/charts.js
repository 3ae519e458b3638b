// Curves and candles, drawn by TradingView's Lightweight Charts. Only here does money become a float: a pixel is none
// the poorer for it. Colours are read from the style sheet, so that a change of theme is a change of names.

const LINES = [0, 2, 1, 3, 0, 2];
const alive = new Set();

function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const said = getComputedStyle(probe).color;
  probe.remove();
  return said;
}

function look() {
  return {
    layout: {
      background: { type: "solid", color: "transparent" },
      textColor: colour("--muted"),
      fontSize: 11,
    },
    grid: { vertLines: { color: colour("--raised") }, horzLines: { color: colour("--raised") } },
    rightPriceScale: { borderColor: colour("--line") },
    timeScale: { borderColor: colour("--line"), timeVisible: true, secondsVisible: false },
  };
}

function seconds(at) {
  return Math.floor(Date.parse(at) / 1000);
}

/** The library wants each instant once, in order. */
function rising(points) {
  const byTime = new Map(points.map((point) => [point.time, point]));
  return [...byTime.values()].sort((one, other) => one.time - other.time);
}

/** Where the package with the library is not installed, the figures stand in the tables all the same. */
export function canDraw(root) {
  const isThere = "LightweightCharts" in window;
  if (!isThere) root.textContent = "The library that draws charts is not installed here.";
  return isThere;
}

class Chart {
  constructor(root) {
    this.chart = LightweightCharts.createChart(root, {
      autoSize: true,
      ...look(),
      crosshair: { mode: 0 },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    });
    this.isMoved = false;
    root.addEventListener("pointerdown", () => (this.isMoved = true));
    alive.add(this);
  }

  /** All of it, until a reader chose what to look at. */
  fit() {
    if (!this.isMoved) this.chart.timeScale().fitContent();
  }

  restyle() {
    this.chart.applyOptions(look());
  }

  close() {
    alive.delete(this);
    this.chart.remove();
  }
}

/** One line for each bot, told apart by colour and dash. */
export class Curves extends Chart {
  lines = new Map();

  show(curves) {
    for (const [name, line] of this.lines) {
      if (!curves.some((curve) => curve.name === name)) {
        this.chart.removeSeries(line);
        this.lines.delete(name);
      }
    }
    for (const { name, place, points } of curves) {
      this.line(name, place).setData(
        rising(points.map(([at, value]) => ({ time: seconds(at), value: Number(value) }))),
      );
    }
  }

  add(name, at, value) {
    const line = this.lines.get(name);
    const point = { time: seconds(at), value: Number(value) };
    const last = line?.data().at(-1);
    if (line && (!last || last.time <= point.time)) line.update(point);
    this.fit();
  }

  line(name, place) {
    if (!this.lines.has(name)) {
      const series = this.chart.addLineSeries({
        color: colour(`--series-${(place % 6) + 1}`),
        lineStyle: LINES[place % 6],
        lineWidth: 2,
        priceLineVisible: false,
        title: name,
      });
      series.place = place;
      this.lines.set(name, series);
    }
    return this.lines.get(name);
  }

  restyle() {
    super.restyle();
    for (const line of this.lines.values())
      line.applyOptions({ color: colour(`--series-${(line.place % 6) + 1}`) });
  }
}

/** Candles with marks on them: what was ordered, filled, and seen. */
export class Candles extends Chart {
  constructor(root) {
    super(root);
    this.series = this.chart.addCandlestickSeries(this.colours());
  }

  colours() {
    const gain = colour("--gain");
    const loss = colour("--loss");
    // Hollow where it rose, filled where it fell: to be told apart without colour.
    return {
      upColor: "transparent",
      borderUpColor: gain,
      wickUpColor: gain,
      downColor: loss,
      borderDownColor: loss,
      wickDownColor: loss,
    };
  }

  show(candles) {
    const points = candles.map((one) => ({
      time: seconds(one.opened_at),
      open: Number(one.open),
      high: Number(one.high),
      low: Number(one.low),
      close: Number(one.close),
    }));
    this.times = rising(points).map((point) => point.time);
    this.series.setData(rising(points));
  }

  /** Each is {at, kind, side, text}; it stands at the candle that was open then. */
  mark(marks) {
    this.marks = marks;
    const placed = marks.map((one) => ({
      ...MARKS[one.kind](one),
      time: this.candleOf(seconds(one.at)),
      color: this.colourOf(one),
      text: one.text,
    }));
    this.series.setMarkers(
      placed.filter((one) => one.time !== null).sort((one, other) => one.time - other.time),
    );
  }

  /** Orders that rest, as lines at their prices. */
  rest(orders) {
    this.orders = orders;
    for (const line of this.resting ?? []) this.series.removePriceLine(line);
    this.resting = orders.map((order) =>
      this.series.createPriceLine({
        price: Number(order.price),
        color: colour(order.side === "buy" ? "--gain" : "--loss"),
        lineStyle: 2,
        lineWidth: 1,
        title: order.side,
      }),
    );
  }

  candleOf(time) {
    let low = 0;
    let high = (this.times?.length ?? 0) - 1;
    if (high < 0 || time < this.times[0]) return null;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.times[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return this.times[low];
  }

  colourOf({ kind, side }) {
    return kind === "signal" ? colour("--muted") : colour(side === "buy" ? "--gain" : "--loss");
  }

  restyle() {
    super.restyle();
    this.series.applyOptions(this.colours());
    if (this.marks) this.mark(this.marks);
    if (this.orders) this.rest(this.orders);
  }
}

const MARKS = {
  fill: ({ side }) =>
    side === "buy"
      ? { position: "belowBar", shape: "arrowUp" }
      : { position: "aboveBar", shape: "arrowDown" },
  order: ({ side }) => ({ position: side === "buy" ? "belowBar" : "aboveBar", shape: "square", size: 0.6 }),
  signal: ({ side }) => ({ position: side === "buy" ? "belowBar" : "aboveBar", shape: "circle", size: 0.6 }),
};

export function restyle() {
  for (const chart of alive) chart.restyle();
}
