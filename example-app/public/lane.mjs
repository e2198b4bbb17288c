import { createPaper, moments, span, svg } from './paper.mjs';

/** Two readings that lie further apart than this, in ms, have a hole between them. */
const holeFrom = 2500;

/**
 * One chart, moving from right to left.
 *
 * - `lines(reading)`: the values to draw, the most important first
 * - `ceiling(highest, reading)`: what the top of the scale stands for
 * - `say(reading)`: the current value, and the note below it
 * - `unit`: for the top of the scale
 * - `pens`: how many of the lines have a pen at their end
 * - `steps`: for values that don't glide from one to the next
 * - `captions`: whether the marks have their captions here
 */
export function createLane(
  element,
  { lines, ceiling, say, unit, pens: penCount = 1, steps = false, captions = false },
) {
  const value = element.querySelector('[data-value]');
  const note = element.querySelector('[data-note]');
  const plot = element.querySelector('.plot');
  const scale = [0, 0.5, 1].map((part) => ({
    part,
    line: svg('line', part === 0 ? 'level floor' : 'level', plot),
    figure: svg('text', 'figure', plot),
  }));
  const paper = createPaper(plot, redraw);
  const rulings = [
    { every: 5000, path: svg('path', 'ruling', paper.moving) },
    { every: 15_000, path: svg('path', 'ruling major', paper.moving) },
  ];
  const holes = svg('g', 'holes', paper.moving);
  const area = svg('path', 'area', paper.moving);
  const traces = svg('g', 'traces', paper.moving);
  const flags = svg('g', 'flags', paper.moving);
  const pens = svg('g', 'pens', plot);
  populate(pens, penCount, (index) => set(svg('circle', `pen n${index}`, pens), { r: 4 }));

  const ceilingAt = captions ? 30 : 14;
  const floorAt = () => paper.height - 12;

  let readings = [];
  let marks = [];
  let top = 0;
  let goal = 0;

  function add(reading) {
    if (readings.some(({ at }) => at === reading.at)) return;
    readings.push({ at: reading.at, values: lines(reading), reading });
    readings.sort((one, other) => one.at - other.at);
    const newest = readings.at(-1).reading;
    readings = readings.filter(({ at }) => at > newest.at - span - 10_000);
    if (newest === reading) [value.textContent, note.textContent] = say(reading);

    goal = ceiling(Math.max(...readings.flatMap(({ values }) => values)), newest);
    top ||= goal;
    paper.soil();
  }

  /** `kind` says how the mark looks. */
  function mark(time, caption, kind) {
    marks.push({ time, caption, kind });
    paper.soil();
  }

  function y(value) {
    const height = floorAt() - (value / top) * (floorAt() - ceilingAt);
    return Math.round(height * 100) / 100;
  }

  function redraw(edge) {
    drawScale();
    for (const { every, path } of rulings) {
      const lines = [...moments(every, edge)].map((time) => `M${paper.x(time)} 0V${paper.height}`);
      path.setAttribute('d', lines.join(''));
    }
    const runs = split(readings);
    drawTraces(runs);
    drawHoles(runs, edge);
    drawFlags(edge);
  }

  function drawScale() {
    for (const { part, line, figure } of scale) {
      const height = floorAt() - part * (floorAt() - ceilingAt);
      set(line, { x1: 0, x2: paper.width, y1: height, y2: height });
      set(figure, { x: paper.width + 14, y: height });
      figure.textContent = shorten(goal * part) + (part === 1 ? unit : '');
    }
  }

  function drawTraces(runs) {
    const count = readings.at(-1)?.values.length ?? 0;
    populate(traces, count, (index) => svg('path', `trace n${index}`, traces));
    for (const [index, path] of [...traces.children].entries()) {
      path.setAttribute('d', runs.map((run) => trace(run, index)).join(''));
    }
    const areas = runs.map((run) => `${trace(run, 0)}V${floorAt()}H${paper.x(run[0].at)}Z`);
    area.setAttribute('d', areas.join(''));
  }

  /** The path of one line through readings without a hole. */
  function trace(run, index) {
    const points = run.map(({ at, values }) => [paper.x(at), y(values[index] ?? 0)]);
    const [[startX, startY], ...rest] = points;
    // The h0 makes a dot of a reading that is alone.
    const start = `M${startX} ${startY}h0`;
    return start + rest.map(([px, py]) => (steps ? `H${px}V${py}` : `L${px} ${py}`)).join('');
  }

  /** Where no reading is, the paper says so: the page was cut off, or the server was away. */
  function drawHoles(runs, edge) {
    const ends = runs.map((run) => run.at(-1).at);
    const starts = [...runs.slice(1).map((run) => run[0].at), edge + span];
    holes.replaceChildren();
    for (const [index, from] of ends.entries()) {
      const isLast = index === ends.length - 1;
      if (isLast && edge - from < 1000) continue;
      const [x, to] = [paper.x(from), paper.x(starts[index])];
      set(svg('rect', 'hole', holes), { x, y: 0, width: to - x, height: paper.height });
    }
  }

  function drawFlags(edge) {
    marks = marks.filter(({ time }) => time > edge - span - 10_000);
    flags.replaceChildren();
    for (const { time, kind } of marks) {
      const x = paper.x(time);
      set(svg('line', `flag ${kind}`, flags), { x1: x, x2: x, y1: 0, y2: paper.height });
    }
    if (captions) drawCaptions();
  }

  function drawCaptions() {
    let free = -Infinity;
    for (const { time, caption } of marks.toSorted((one, other) => one.time - other.time)) {
      const x = paper.x(time);
      if (x < free) continue;
      const text = set(svg('text', 'caption', flags), { x: x + 6, y: 17 });
      text.textContent = caption.length > 16 ? `${caption.slice(0, 15)}…` : caption;
      free = x + 24 + text.textContent.length * 7;
    }
  }

  function movePens(edge) {
    const next = readings.findIndex(({ at }) => at > edge);
    const [before, after] = next === -1 ? [readings.at(-1)] : readings.slice(next - 1, next + 1);
    const isWriting = after && after.at - before.at < holeFrom;
    pens.classList.toggle('up', !isWriting);
    if (!isWriting) return;
    const part = steps ? 0 : (edge - before.at) / (after.at - before.at);
    for (const [index, pen] of [...pens.children].entries()) {
      const [from, to] = [before.values[index] ?? 0, after.values[index] ?? 0];
      set(pen, { cx: paper.width, cy: y(from + (to - from) * part) });
    }
  }

  function draw(edge) {
    if (top !== goal) {
      top += (goal - top) / 5;
      if (Math.abs(goal - top) < goal / 200) top = goal;
      paper.soil();
    }
    paper.moveTo(edge);
    movePens(edge);
  }

  return { add, mark, draw };
}

/** The readings, cut into runs without a hole. */
function split(readings) {
  const runs = [];
  let last = -Infinity;
  for (const reading of readings) {
    if (reading.at - last > holeFrom) runs.push([]);
    runs.at(-1).push(reading);
    last = reading.at;
  }
  return runs;
}

function populate(parent, count, create) {
  while (parent.children.length < count) create(parent.children.length);
  while (parent.children.length > count) parent.lastChild.remove();
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function shorten(value) {
  return String(Math.round(value * 10) / 10);
}
