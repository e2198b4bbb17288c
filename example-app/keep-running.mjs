import { once } from 'node:events';

/** How long a process stays away after it has ended, and how long one may take to stop, in ms. */
const pause = 1000;
const patience = 10_000;

/**
 * Keeps a process running: when it ends, another one is started. `start` gives `{ child, ready }`, of
 * which `ready` resolves as soon as the process does its work. Gives
 *
 * - `ready`: the same, of the first process. Rejects if that ends, and then there is no other
 * - `pid`: of the process that runs now
 * - `stop()`: ends it for good
 */
export function keepRunning(name, start) {
  let child;
  let gone;
  let restart;
  let hasStarted = false;
  let isStopping = false;

  async function run() {
    const started = start();
    child = started.child;
    gone = once(child, 'exit').then(([code, signal]) => signal ?? `exit code ${code}`);
    gone.then(replace, () => {});
    await Promise.race([started.ready, gone.then(fail)]);
    hasStarted = true;
  }

  function fail(how) {
    throw new Error(`${name} didn’t start: ${how}`);
  }

  function replace(how) {
    if (!hasStarted || isStopping) return;
    console.log(`${name}, process ${child.pid}, has ended: ${how}.`);
    restart = setTimeout(() => {
      const tell = () => console.log(`Process ${child.pid} takes its place.`);
      run().then(tell, () => {}); // one that gets not so far is replaced as well
    }, pause);
  }

  return {
    ready: run(),
    get pid() {
      return child.pid;
    },
    async stop() {
      isStopping = true;
      clearTimeout(restart);
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), patience);
      await gone.catch(() => {});
      clearTimeout(kill);
    },
  };
}
