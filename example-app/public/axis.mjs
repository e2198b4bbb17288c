import { createPaper, moments, svg } from './paper.mjs';
import { timeOfDay } from './words.mjs';

/** The time of day, below the lanes. It moves with their paper. */
export function createAxis(element) {
  const paper = createPaper(element.querySelector('.plot'), (edge) => {
    paper.moving.replaceChildren();
    for (const time of moments(paper.width < 260 ? 30_000 : 15_000, edge)) {
      const label = svg('text', 'time', paper.moving);
      label.setAttribute('x', paper.x(time));
      label.setAttribute('y', 18);
      label.textContent = timeOfDay(time);
    }
  });
  return { draw: paper.moveTo };
}
