/**
 * The server's time, as far as this page can tell: the readings say when they were taken, and the one
 * that came fastest says best how far the two clocks are apart.
 */
export function createClock() {
  let apart = Infinity;
  let heardAt = 0;
  return {
    hear(at) {
      const now = performance.now();
      // Creeping up by a little, 10 ms a second, follows a server's clock that is set back.
      apart = Math.min(now - at, apart + (now - heardAt) / 100);
      heardAt = now;
    },
    now() {
      return performance.now() - apart;
    },
  };
}
