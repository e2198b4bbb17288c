import { count, duration } from './words.mjs';

const words = { connecting: 'Connecting', open: 'Connected', reconnecting: 'Reconnecting' };

/** Shows the state of the connection, and for how long it has been so. */
export function showConnection(element) {
  const label = element.querySelector('.connection-state');
  const since = element.querySelector('.connection-since');
  const caughtUp = element.querySelector('.connection-caught-up');
  const server = element.querySelector('.connection-server');
  let changedAt = performance.now();

  function tick() {
    since.textContent = `for ${duration((performance.now() - changedAt) / 1000)}`;
  }
  setInterval(tick, 1000);

  return {
    /** `missed` says what came late, after the connection was lost. */
    set(state, missed) {
      if (element.dataset.state === state) return;
      element.dataset.state = state;
      label.textContent = words[state];
      caughtUp.textContent = missed ? told(missed) : '';
      changedAt = performance.now();
      tick();
    },
    /** Says which process is at the other end, and where its log is. */
    tell({ process, log }) {
      server.textContent = `Process ${process}, log in ${log}`;
    },
  };
}

function told({ events, gap }) {
  return gap ? 'fetched everything anew' : `caught up on ${count(events, 'event')}`;
}
