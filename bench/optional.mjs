// Targets that need more than Node. Where that is missing, they are left out, and it is said why.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NCHAN, SEED } from './targets.mjs';

const run = promisify(execFile);
const SEED_SOURCES = fileURLToPath(new URL('optional/seed', import.meta.url));

/** `{ targets, versions, notes }`: those that can be run here, and why others can't. */
export async function optionalTargets({ quick, targets: wanted }) {
  const found = { targets: {}, versions: {}, notes: [] };
  const has = (name) => (quick ? wanted?.includes(name) : (wanted?.includes(name) ?? true));
  for (const [name, add] of [
    [SEED, addSeed],
    [NCHAN, addNchan],
  ]) {
    if (!has(name)) continue;
    try {
      if (process.platform !== 'linux') throw new Error('it is measured on Linux only');
      await add(found);
    } catch (error) {
      found.notes.push(`${name} was left out: ${error.message}.`);
    }
  }
  return found;
}

/** Built from the module proxy, or with a checkout of its sources in BENCH_SEED. */
async function addSeed(found) {
  const { stdout } = await run('go', ['version']).catch(() => missing('go'));
  const folder = mkdtempSync(join(tmpdir(), 'bench-seed-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'seed');
  try {
    const from = await seedSources(folder);
    const options = { cwd: SEED_SOURCES, timeout: 120_000 };
    await run('go', ['build', ...from, '-o', program, '.'], options);
  } catch {
    throw new Error("it can't be built; BENCH_SEED may be a checkout of its sources");
  }
  // It sends its head with the first event, so there is none to wait for.
  found.targets[SEED] = { program, lateHead: true };
  found.versions.Go = stdout.split(' ')[2].replace(/^go/, '');
}

/** Arguments for `go build`. To be replaced by a folder is nothing for the go.mod checked in. */
async function seedSources(folder) {
  if (!process.env.BENCH_SEED) return [];
  const modfile = join(folder, 'go.mod');
  cpSync(join(SEED_SOURCES, 'go.mod'), modfile);
  const replacement = `github.com/lorciv/sse=${resolve(process.env.BENCH_SEED)}`;
  await run('go', ['mod', 'edit', `-replace=${replacement}`, modfile]);
  return [`-modfile=${modfile}`];
}

async function addNchan(found) {
  const { stderr } = await run('nginx', ['-V']).catch(() => missing('nginx'));
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1];
  const file = join(folder ?? '', 'ngx_nchan_module.so');
  if (!existsSync(file)) throw new Error('nginx has no module ngx_nchan_module.so');
  found.targets[NCHAN] = { module: 'nchan', options: { file } };
  found.versions.nginx = /nginx\/(\S+)/.exec(stderr)?.[1];
}

function missing(program) {
  throw new Error(`there is no ${program} here`);
}
