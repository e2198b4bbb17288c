import { duration } from './words.mjs';

const words = { connecting: 'Connecting', open: 'Connected', reconnecting: 'Reconnecting' };

/** Shows the state of the connection, and for how long it has been so. */
export function showConnection(element) {
  const label = element.querySelector('.connection-state');
  const since = element.querySelector('.connection-since');
  let changedAt = performance.now();

  function tick() {
    since.textContent = `for ${duration((performance.now() - changedAt) / 1000)}`;
  }
  setInterval(tick, 1000);

  return {
    set(state) {
      if (element.dataset.state === state) return;
      element.dataset.state = state;
      label.textContent = words[state];
      changedAt = performance.now();
      tick();
    },
  };
}
