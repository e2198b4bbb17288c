/**
 * The server's time, as far as this page can tell: the readings say when they were taken, and the one
 * that came fastest says best how far the two clocks are apart.
 */
export function createClock() {
  let apart = Infinity;
  return {
    hear(at) {
      // Creeping up by a little follows a server's clock that is set back.
      apart = Math.min(performance.now() - at, apart + 2);
    },
    now() {
      return performance.now() - apart;
    },
  };
}
