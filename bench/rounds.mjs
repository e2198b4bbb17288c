// Runs the rows of a scenario in turn, round after round, so that a machine that slows down slows
// all of them.
import { summarize } from './stats.mjs';

/**
 * `once` runs a row, and resolves with its figures. Calls `done` with each row when its last round is
 * over. A run that fails ends everything.
 */
export async function runScenario(scenario, { rounds, once, progress, done }) {
  const count = Math.min(rounds, scenario.maxRounds ?? rounds);
  const runs = scenario.rows.map(() => []);
  for (let round = 1; round <= count; round++) {
    for (const [index, row] of scenario.rows.entries()) {
      progress(`${scenario.id}  round ${round} of ${count}  ${row.label}`);
      try {
        runs[index].push(await once(row));
      } catch (error) {
        throw new Error(`scenario ${scenario.id}, ${row.label}: ${error.message}`, {
          cause: error,
        });
      }
      if (round === count) done({ ...row, figures: figuresOf(runs[index]) });
    }
  }
}

function figuresOf(runs) {
  const keys = Object.keys(runs[0]);
  return Object.fromEntries(keys.map((key) => [key, summarize(runs.map((run) => run[key]))]));
}
