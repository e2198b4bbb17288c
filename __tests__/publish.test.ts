import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBlocks } from './support/markdown.js';
import { PAGES, ROOT, read } from './support/pages.js';

const manifest = JSON.parse(read('package.json'));
const workflow = read('.github/workflows/ci.yml');

describe('the versions of Node', () => {
  const numbers = (text = '') => (text.match(/\d+/g) ?? []).map(Number);
  const supported = numbers(/^ +node: \[(.*)\]$/m.exec(workflow)?.[1]);
  const oldest = Number(manifest.engines.node.replace('>=', ''));

  test('are those that the README and CONTRIBUTING.md promise', () => {
    expect(read('README.md')).toContain(
      `Node ${supported[0]} and newer (Node ${oldest} works, and is tested)`,
    );
    expect(read('CONTRIBUTING.md')).toContain(
      `The package supports Node ${supported.slice(0, -1).join(', ')} and ${supported.at(-1)}. Node ${oldest} works`,
    );
  });

  test('are tested, the oldest and the newest of them by each run of .ci/run', () => {
    expect(numbers(/^node_versions=\(([\d ]+)\)/m.exec(read('.ci/run'))?.[1])).toEqual([
      oldest,
      supported.at(-1),
    ]);
    expect(workflow).toContain(`node: ${oldest}\n`);
  });
});

test.each(readdirSync(join(ROOT, '.github/workflows')))(
  '%s runs commands that there are',
  (file) => {
    const text = read(`.github/workflows/${file}`);
    const scripts = [...text.matchAll(/npm run ([\w:]+)/g)].map((match) => match[1] as string);
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
    const files = [...text.matchAll(/bash (\S+)/g)].map((match) => match[1] as string);
    expect(files.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  },
);

test('each block of code of the page for coding assistants stands in the documentation', () => {
  const tested = PAGES.flatMap((page) => readBlocks(read(page))).map(({ code }) => code);
  const blocks = readBlocks(read('skills/express-sse-hub/SKILL.md'));
  expect(blocks.length).toBeGreaterThan(4);
  expect(blocks.filter(({ code }) => !tested.includes(code)).map(({ name }) => name)).toEqual([]);
});

describe('a release', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'express-sse-hub-release-'));
    cpSync(join(ROOT, 'scripts/release-check.mjs'), join(folder, 'scripts/release-check.mjs'));
    writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## ${manifest.version}\n`);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const url = (owner: string) => `git+https://github.com/${owner}/express-sse-hub.git`;

  /** What the check says of a package with this manifest. */
  function check(changes: object, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, ...changes }));
    const { status, stderr } = spawnSync(process.execPath, ['scripts/release-check.mjs', ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, GITHUB_REF_TYPE: '', ...env },
    });
    return { status, stderr };
  }

  test('is refused as long as nobody has said where the repository is', () => {
    const { status, stderr } = check({ repository: { type: 'git', url: url('OWNER') } });
    expect(status).toBe(1);
    expect(stderr).toContain('in place of OWNER in package.json');
    expect(manifest.scripts.prepublishOnly).toBe('node scripts/release-check.mjs');
  });

  test('is refused with a repository that is none, and quotes it', () => {
    const { stderr } = check({ repository: { type: 'git', url: 'github.com/me' } });
    expect(stderr).toContain('repository.url github.com/me: must be git+https://');
  });

  test('is ready once the homepage and the place for bugs follow from the repository', () => {
    const repository = { type: 'git', url: url('somebody') };
    expect(check({ repository }).stderr).toContain('homepage does not follow');
    expect(check({ repository }, ['--write'])).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      homepage: 'https://github.com/somebody/express-sse-hub#readme',
      bugs: { url: 'https://github.com/somebody/express-sse-hub/issues' },
    });
  });

  test('is refused without a word in the changelog, and for a tag of another version', () => {
    writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## Unreleased\n');
    const tag = { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v0.0.9' };
    const { stderr } = check(
      { repository: { type: 'git', url: url('somebody') } },
      ['--write'],
      tag,
    );
    expect(stderr).toContain(`CHANGELOG.md has no heading "## ${manifest.version}"`);
    expect(stderr).toContain('the tag v0.0.9 is not');
  });
});
