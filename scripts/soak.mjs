// npm run soak: all tests, many times in a row, beside busy loops, and how often they passed. With
// --torture, the long suites of __tests__/soak/ instead, once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `npm run soak -- [options] [words of the suites to run]
  --runs N      how often (10)
  --loops N     how many busy loops run beside it (4)
  --torture     the long suites of __tests__/soak/, half an hour
`;
const OPTIONS = {
  runs: { type: 'string', default: '10' },
  loops: { type: 'string', default: '4' },
  torture: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
if (values.help) process.stdout.write(USAGE);
else if (values.torture) await torture();
else await soak(count('runs'), count('loops'));

function count(name) {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new RangeError(`--${name} ${values[name]}: must be an integer from 0`);
}

async function torture() {
  const args = ['--testMatch', '**/*.soak.ts', '--testTimeout=600000', ...positionals];
  const [code] = await once(
    spawn(process.execPath, [jest, ...args], { stdio: 'inherit' }),
    'close',
  );
  process.exitCode = code;
}

async function soak(runs, loops) {
  // They end with this process, however it ends: their input is a pipe to it.
  const busy =
    'process.stdin.on("end", () => process.exit()).resume(); setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); });';
  const children = Array.from({ length: loops }, () =>
    spawn(process.execPath, ['--eval', busy], { stdio: ['pipe', 'ignore', 'ignore'] }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'express-sse-hub-soak-'));
  let passed = 0;
  for (let run = 1; run <= runs; run++) {
    const begun = performance.now();
    const failures = await runOnce(join(folder, 'results.json'));
    if (failures.length === 0) passed++;
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    const outcome = failures.length === 0 ? 'passed' : `FAILED\n  ${failures.join('\n  ')}`;
    console.log(`run ${run} of ${runs}, ${seconds} s: ${outcome}`);
  }
  for (const child of children) child.stdin.end();
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} of ${runs} runs passed beside ${loops} busy loops`);
  process.exitCode = passed === runs ? 0 : 1;
}

/** The names of the tests that failed. */
async function runOnce(results) {
  const args = [jest, '--json', `--outputFile=${results}`, ...positionals];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const [code] = await once(child, 'close');
  const { testResults } = JSON.parse(readFileSync(results, 'utf8'));
  const tests = testResults.flatMap(({ name, message, assertionResults }) => [
    ...assertionResults.filter(({ status }) => status === 'failed').map((test) => test.fullName),
    ...(assertionResults.length === 0 && message ? [`${name} did not run`] : []),
  ]);
  return tests.length === 0 && code !== 0 ? [`jest ended with ${code}`] : tests;
}
