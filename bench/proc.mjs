// What /proc says of another process.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Of the CPU times in /proc; 100 on all kernels of today. */
const TICKS_PER_SECOND = 100;

/** Microseconds of CPU, user and system. */
export function cpuOf(pid) {
  // Behind the name, which may contain spaces; then the 12th and 13th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

/** Resident memory, in bytes. */
export function residentOf(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(kib) * 1024;
}

const SAMPLING_MS = 10;

/** The most memory that a process has while something is under way. */
export async function mostResident(pid, underWay) {
  let most = residentOf(pid);
  let over = false;
  const end = () => {
    over = true;
  };
  underWay.then(end, end);
  while (!over) {
    await wait(SAMPLING_MS);
    most = Math.max(most, residentOf(pid));
  }
  return most;
}
