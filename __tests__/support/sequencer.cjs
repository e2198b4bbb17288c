const { default: Sequencer } = require('@jest/test-sequencer');

/** They wait for engines and browsers more than they compute. */
const FIRST = [
  'browser/tabs',
  'nats/contract',
  'nats/faults',
  'redis/contract',
  'deploy',
  'many-nodes',
  'example-app',
  'example-cluster',
  'chat',
  'docs/blocks',
  'clients',
  'proxies',
  'redis/faults',
];

/**
 * The longest suites come first. Jest knows how long each takes only after a first run. Until then it goes
 * by size, and one of these would run alone at the end.
 */
module.exports = class extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted.filter(isFirst), ...sorted.filter((test) => !isFirst(test))];
  }
};

function isFirst({ path }) {
  return FIRST.some((name) => path.replaceAll('\\', '/').endsWith(`/${name}.test.ts`));
}
