import { createServer } from 'node:http';
import { createHub } from '../../dist/esm/index.js';
import { openLog } from '../logs/open-log.mjs';
import { listen } from './listen.mjs';

/** `log`: which one, and its options. `hub`: options of the hub. */
export async function start({ log, hub: options }) {
  const hub = createHub({ ...options, log: await openLog(log) });
  return {
    ...(await listen(createServer((req, res) => hub.open(req, res)))),
    broadcast: (data) => hub.send(data),
  };
}
