// A server for attacks that need a process of its own. Its options are its arguments; what it counts, it prints.
import { createServer } from 'node:http';
import { createHub } from '../../../dist/esm/index.js';

const [options = '{}'] = process.argv.slice(2);
const hub = createHub(JSON.parse(options));
const rooms = (req) => new URL(req.url, 'http://x').searchParams.getAll('room');
const server = createServer((req, res) => void hub.open(req, res, { rooms }));
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));

const COMMANDS = {
  stats: () => hub.stats(),
  memory: () => process.memoryUsage(),
  /** Sends many events, one after the other: to a room, or to all. */
  async send({ count, bytes, room }) {
    const text = 'x'.repeat(bytes);
    const to = room === undefined ? hub : hub.to(room);
    for (let sent = 0; sent < count; sent++) await to.send(`${Date.now()} ${text}`);
  },
  /** Nothing else happens meanwhile. */
  block({ ms }) {
    const end = performance.now() + ms;
    while (performance.now() < end);
  },
};

let rest = '';
process.stdin.on('data', async (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const { name, ...args } = JSON.parse(line);
    const result = await COMMANDS[name](args);
    process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
  }
});
process.stdin.on('end', () => process.exit());
