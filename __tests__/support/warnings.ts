import { setImmediate as nextTurn } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';

/** jest hands its tests a copy of `process`, and the copy hears of no warning. */
const realProcess = runInThisContext('process') as NodeJS.Process;

/** Does the work, and gives the warnings that Node raised over it. */
export async function warningsDuring(work: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`);
  realProcess.on('warning', note);
  try {
    await work();
    // Node raises a warning at the end of the turn that caused it.
    await nextTurn();
  } finally {
    realProcess.off('warning', note);
  }
  return warnings;
}
