// A process with a hub that only follows the log, and looks at what comes.
import { createHub } from '../../dist/esm/index.js';
import { micros } from '../clock.mjs';
import { serve } from '../rpc.mjs';
import { openLog } from './open-log.mjs';
import { WatchedLog } from './watched-log.mjs';

let watched;

serve({ open, arrived });

async function open({ log }) {
  watched = new WatchedLog(await openLog(log));
  createHub({ log: watched.log });
  await watched.begun;
}

async function arrived({ total }) {
  const sums = await watched.arrived(total);
  return { sums, at: micros() };
}
