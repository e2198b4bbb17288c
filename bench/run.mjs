// npm run bench: measures the package beside its peers, and beside the least that Node can do.
import { resolve } from 'node:path';
import { readArguments, USAGE } from './args.mjs';
import { checklist } from './checklist.mjs';
import { mostClients } from './machine.mjs';
import { optionalTargets } from './optional.mjs';
import { writeReport } from './report.mjs';
import { scenarios } from './scenarios.mjs';
import { withSession } from './session.mjs';
import { nameBefore, targets, targetsBefore } from './targets.mjs';
import { printAims, printTable, runAndTell } from './terminal.mjs';

const args = process.argv.slice(2);

// What was made for the run is taken away as the process exits, and only then.
process.once('SIGINT', () => process.exit(130));

try {
  const options = readArguments(args);
  if (options.help) process.stdout.write(USAGE);
  else await bench(options);
} catch (error) {
  console.error(`\nFailed: ${error.message}`);
  process.exitCode = 1;
}

async function bench(options) {
  const optional = await optionalTargets(options);
  const before = options.before === undefined ? {} : targetsBefore(resolve(options.before));
  const all = { ...targets, ...before, ...optional.targets };
  const { chosen, notes } = choose(options, all);
  notes.push(...optional.notes);
  for (const note of notes) console.log(note);
  const results = [];
  for (const scenario of chosen) results.push(await measure(scenario, options.rounds, all));
  for (const result of results) printTable(result);
  printAims(checklist(results));
  // A part would take the place of the whole.
  if (options.quick || options.only || options.targets || options.before) return;
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  writeReport(results, { command, notes, moreVersions: optional.versions });
  console.log('\nWritten to bench/RESULTS.md');
}

/** The scenarios to run, each with the rows that can be run. */
function choose({ quick, only, targets: wanted }, all) {
  const known = scenarios({ quick });
  check(
    '--only',
    only,
    known.map(({ id }) => id),
  );
  check('--targets', wanted, Object.keys(all));
  const most = mostClients();
  const notes = [];
  const fit = (row) => {
    if (row.clients <= most) return row;
    notes.push(
      `Only ${most} clients instead of ${row.clients}: this machine's limit of open files.`,
    );
    return { ...row, clients: most };
  };
  const chosen = known
    .filter(({ id }) => only?.includes(id) ?? true)
    .map((scenario) => ({
      ...scenario,
      rows: scenario.rows
        .filter(({ target }) => target in all && (wanted?.includes(target) ?? true))
        .flatMap((row) => withBefore(row, all))
        .map((row) => fit({ label: row.target, ...row })),
    }))
    .filter(({ rows }) => rows.length > 0);
  return { chosen, notes: [...new Set(notes)] };
}

/** The row, and the same row for the other checkout, if there is one. */
function withBefore(row, all) {
  const target = nameBefore(row.target);
  return target in all
    ? [row, { ...row, target, label: nameBefore(row.label ?? row.target) }]
    : [row];
}

function check(option, names, known) {
  const wrong = names?.find((name) => !known.includes(name));
  if (wrong !== undefined) throw new Error(`${option} ${wrong}: must be of ${known.join(', ')}`);
}

function measure(scenario, rounds, all) {
  return runAndTell(scenario, rounds, (row) => {
    const { options, ...target } = { ...all[row.target], ...row.extra };
    target.options = { ...all[row.target].options, ...options };
    return withSession({ ...row, target }, (session) => scenario.run(session, row));
  });
}
