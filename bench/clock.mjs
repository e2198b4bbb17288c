// `performance.now()` starts at zero in each process, but ticks with the clock of `hrtime`, which
// all processes of a machine share. So the difference is taken once, and no event costs a BigInt.
const origin = difference();

/** Microseconds of the clock that the server and the load share. */
export function micros() {
  return Math.floor(origin + performance.now() * 1000);
}

/** Between two looks at the one clock, the process may have to wait for its turn: the best of many. */
function difference() {
  let best;
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 100; tries++) {
    const before = performance.now() * 1000;
    const shared = Number(process.hrtime.bigint() / 1000n);
    const took = performance.now() * 1000 - before;
    if (took < least) [best, least] = [shared - before, took];
  }
  return best;
}
