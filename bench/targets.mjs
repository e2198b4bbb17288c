// What is compared. A target is a module of targets/, with its options, or a program that speaks
// the same as server.mjs. `packages` are those whose versions are told in the results.
export const HUB = 'express-sse-hub';
export const HUB_QUEUE_100 = 'express-sse-hub, queue 100';
export const HUB_OVER = 'express-sse-hub, over';
export const BETTER_SSE = 'better-sse';
export const BARE = 'express res.write';
export const FLOOR = 'raw socket';
export const SEED = 'WheeskyJack/sse (Go)';
export const NCHAN = 'Nchan (nginx)';

/** The targets that run this package, as they are with the build of another checkout. */
export function targetsBefore(checkout) {
  const modules = [HUB, 'connections'];
  const own = Object.entries(targets).filter(([, { module }]) => modules.includes(module));
  return Object.fromEntries(
    own.map(([name, target]) => [
      nameBefore(name),
      { ...target, options: { ...target.options, checkout } },
    ]),
  );
}

export const nameBefore = (name) => `${name}, before`;

/** Those that run anywhere; optional.mjs adds the others. */
export const targets = {
  [HUB]: { module: 'express-sse-hub' },
  [HUB_QUEUE_100]: { module: 'express-sse-hub', options: { hub: { requestQueueSize: 100 } } },
  [HUB_OVER]: { module: 'connections' },
  [BETTER_SSE]: { module: 'better-sse', packages: ['better-sse'] },
  'express-sse': { module: 'express-sse', packages: ['express-sse'] },
  'sse-channel': { module: 'sse-channel', packages: ['sse-channel'] },
  [BARE]: { module: 'express-write', packages: ['express'] },
  [FLOOR]: { module: 'raw-socket' },
};
