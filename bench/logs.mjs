// npm run bench:logs: measures the logs that many nodes share, beside the one in memory.
import { logAims } from './logs/aims.mjs';
import { readArguments, USAGE } from './logs/args.mjs';
import { withCluster } from './logs/cluster.mjs';
import { writeReport } from './logs/report.mjs';
import { scenarios } from './logs/scenarios.mjs';
import { printAims, printTable, runAndTell } from './terminal.mjs';

const args = process.argv.slice(2);

try {
  const options = readArguments(args);
  if (options.help) process.stdout.write(USAGE);
  else await bench(options);
} catch (error) {
  console.error(`\nFailed: ${error.message}`);
  process.exitCode = 1;
}

async function bench({ quick, only, rounds }) {
  const results = [];
  for (const scenario of choose(scenarios({ quick }), only)) {
    const once = (row) => withCluster(row, (cluster) => scenario.run(cluster, row));
    const result = await runAndTell(scenario, rounds, once);
    scenario.derive?.(result.rows);
    results.push(result);
  }
  for (const result of results) printTable(result);
  const aims = logAims(results);
  printAims(aims);
  // A part would take the place of the whole.
  if (quick || only) return;
  writeReport(
    results,
    ['npm run bench:logs', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
  );
  console.log('\nWritten to bench/LOGS.md');
}

function choose(all, only) {
  const ids = all.map(({ id }) => id);
  const wrong = only?.find((id) => !ids.includes(id));
  if (wrong !== undefined) throw new Error(`--only ${wrong}: must be of ${ids.join(', ')}`);
  return all.filter(({ id }) => only?.includes(id) ?? true);
}
