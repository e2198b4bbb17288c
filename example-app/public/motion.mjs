const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

/** Calls `draw` some 30 times a second while the page is seen, or once a second for who wants calm. */
export function drawSmoothly(draw) {
  let drawnAt = -Infinity;
  requestAnimationFrame(function frame(at) {
    requestAnimationFrame(frame);
    if (at - drawnAt < (reducedMotion.matches ? 1000 : 30)) return;
    drawnAt = at;
    draw();
  });
}
