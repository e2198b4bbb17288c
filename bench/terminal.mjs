// What a run says while it goes on, and at its end.
import { AIMS_HEAD, aimRows } from './aims.mjs';
import { runScenario } from './rounds.mjs';
import { aligned, cells, head } from './table.mjs';

/** Runs a scenario with `once` for each run of a row, and resolves with it and its rows' figures. */
export async function runAndTell(scenario, rounds, once) {
  const rows = [];
  console.log(`\n(${scenario.id}) ${scenario.title}`);
  const clear = () => process.stderr.isTTY && process.stderr.write('\r\x1b[K');
  await runScenario(scenario, {
    rounds,
    once,
    progress: (text) => {
      clear();
      if (process.stderr.isTTY) process.stderr.write(text);
    },
    done: (row) => {
      clear();
      rows.push(row);
      const [label, ...figures] = cells(scenario.columns, row);
      const named = figures.map((text, index) => text && `${scenario.columns[index].head} ${text}`);
      console.log(`  ${[label, ...named.filter(Boolean)].join('; ')}`);
    },
  });
  return { ...scenario, rows };
}

export function printTable({ id, title, columns, rows }) {
  console.log(`\n(${id}) ${title}`);
  const lines = aligned([head(columns), ...rows.map((row) => cells(columns, row))]);
  for (const line of lines) console.log(line);
}

export function printAims(aims) {
  console.log('\nAims');
  for (const line of aligned([AIMS_HEAD, ...aimRows(aims)])) console.log(line);
}
