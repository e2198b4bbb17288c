/** How much time the charts show, in ms. */
export const span = 60_000;

/** Room on the right-hand side, for the figures of a scale. */
const margin = 64;

const namespace = 'http://www.w3.org/2000/svg';

export function svg(tag, className, parent) {
  const element = document.createElementNS(namespace, tag);
  element.setAttribute('class', className);
  parent.append(element);
  return element;
}

/**
 * Paper that moves to the left under a pen that stands still. What is drawn into `paper.moving` is
 * drawn once a second, and in between only moved.
 */
export function createPaper(plot, redraw) {
  const clip = svg('svg', 'clip', plot);
  const paper = { width: 0, height: 0, moving: svg('g', 'moving', clip) };
  let drawnAt = -Infinity;

  // Known to the pixel, so that nothing in it is ever stretched.
  new ResizeObserver(([{ contentRect }]) => {
    paper.width = Math.max(0, contentRect.width - margin);
    paper.height = contentRect.height;
    clip.setAttribute('width', paper.width);
    clip.setAttribute('height', paper.height);
    paper.soil();
  }).observe(plot);

  /** Where the moment `time` is on the paper. */
  paper.x = (time) => Math.round((1 + (time - drawnAt) / span) * paper.width * 100) / 100;

  /** Asks for a new drawing. */
  paper.soil = () => {
    drawnAt = -Infinity;
  };

  /** Moves the paper until the moment `edge` is under the pen. */
  paper.moveTo = (edge) => {
    if (Math.abs(edge - drawnAt) > 1000) {
      drawnAt = edge;
      redraw(edge);
    }
    paper.moving.setAttribute('transform', `translate(${paper.width - paper.x(edge)} 0)`);
  };
  return paper;
}

/** The multiples of `step` that the paper shows, and one on either side. */
export function* moments(step, edge) {
  const first = Math.floor((edge - span) / step) * step;
  for (let time = first; time <= edge + step; time += step) yield time;
}
