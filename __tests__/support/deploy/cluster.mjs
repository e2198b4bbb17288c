// A primary of node:cluster with three processes. It restarts them one after the other when it is told a signal.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

cluster.setupPrimary({ exec: fileURLToPath(new URL('server.mjs', import.meta.url)) });

async function start() {
  const worker = cluster.fork();
  await once(worker, 'listening');
  return worker;
}

// How long the primary does something else after each signal, in ms.
const { BUSY = 0 } = process.env;

function beBusy() {
  const end = performance.now() + Number(BUSY);
  while (performance.now() < end);
}

let workers = await Promise.all([start(), start(), start()]);
process.send('ready');

process.on('message', async (signal) => {
  const codes = [];
  for (const old of workers) {
    const next = await start();
    workers = workers.map((worker) => (worker === old ? next : worker));
    old.process.kill(signal);
    beBusy();
    const [code] = await once(old, 'exit');
    codes.push(code);
  }
  process.send({ codes });
});

process.on('disconnect', () => {
  for (const worker of workers) worker.process.kill('SIGKILL');
  process.exit();
});
