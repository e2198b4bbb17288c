import os from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolution = 10;
const loopDelay = monitorEventLoopDelay({ resolution });
loopDelay.enable();

let cpusBefore = os.cpus();

/** What the machine did since the last call: one entry for each type of event. */
export function readMachine() {
  return { cpu: readCpu(), memory: readMemory(), loop: readLoop(), uptime: readUptime() };
}

/** How busy each core was, in percent. */
function readCpu() {
  const cpus = os.cpus();
  const cores = cpus.map(({ times }, core) => {
    const before = cpusBefore[core]?.times ?? times;
    const idle = times.idle - before.idle;
    const total = sum(times) - sum(before);
    return total > 0 ? round(100 * (1 - idle / total)) : 0;
  });
  cpusBefore = cpus;
  return { cores };
}

/** In bytes. In a container, its limit counts, not the memory of the machine around it. */
function readMemory() {
  const total = Math.min(os.totalmem(), process.constrainedMemory?.() || Infinity);
  const available = Math.min(process.availableMemory?.() ?? os.freemem(), total);
  return { used: total - available, total, rss: process.memoryUsage.rss() };
}

/** How late the event loop came to its timers, in ms: half of the time, and one time in a hundred. */
function readLoop() {
  const late = (percentile) => {
    // The histogram holds the time from one tick of its timer to the next: the delay is what is over.
    const elapsed = loopDelay.percentile(percentile) / 1e6;
    return round(Math.max(0, elapsed - resolution));
  };
  const reading = { p50: late(50), p99: late(99) };
  loopDelay.reset();
  return reading;
}

function readUptime() {
  return {
    seconds: Math.floor(process.uptime()),
    node: process.versions.node,
    platform: `${os.type()} ${os.arch()}`,
  };
}

function sum(times) {
  return Object.values(times).reduce((total, time) => total + time, 0);
}

function round(value) {
  return Math.round(value * 100) / 100;
}
