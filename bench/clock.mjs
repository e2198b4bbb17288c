// `performance.now()` starts at zero in each process, but ticks with the clock of `hrtime`, which
// all processes of a machine share. So the difference is taken once, and no event costs a BigInt.
const origin = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

/** Microseconds of the clock that the server and the load share. */
export function micros() {
  return Math.floor(origin + performance.now() * 1000);
}
