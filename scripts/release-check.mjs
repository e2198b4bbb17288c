// Runs before a release, and refuses it as long as something is missing that a release needs. The
// repository's URL is filled in at one place, `repository.url` of package.json; with --write, `homepage`
// and `bugs` follow from it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const manifest = JSON.parse(readFileSync(file('package.json'), 'utf8'));
const problems = [];

const { url } = manifest.repository;
const [, page] = /^git\+(https:\/\/[^/]+\/[^/]+\/[^/]+)\.git$/.exec(url) ?? [];
if (page === undefined) {
  problems.push(`repository.url ${url}: must be git+https://<host>/<owner>/<name>.git`);
} else if (page.includes('/OWNER/')) {
  problems.push(
    'repository.url has a placeholder: put the owner of the repository in place of OWNER in package.json, then run npm run release:check -- --write',
  );
} else {
  const derived = { homepage: `${page}#readme`, bugs: { url: `${page}/issues` } };
  if (process.argv.includes('--write')) {
    const text = `${JSON.stringify({ ...manifest, ...derived }, null, 2)}\n`;
    writeFileSync(file('package.json'), text);
    Object.assign(manifest, derived);
  }
  for (const [name, right] of Object.entries(derived)) {
    if (JSON.stringify(manifest[name]) === JSON.stringify(right)) continue;
    problems.push(
      `${name} does not follow from repository.url: run npm run release:check -- --write`,
    );
  }
}

const { version } = manifest;
if (!readFileSync(file('CHANGELOG.md'), 'utf8').includes(`\n## ${version}`)) {
  problems.push(`CHANGELOG.md has no heading "## ${version}": say there what the version changes`);
}
const tag = process.env.GITHUB_REF_NAME;
if (process.env.GITHUB_REF_TYPE === 'tag' && tag !== `v${version}`) {
  problems.push(`the tag ${tag} is not v${version}, the version of package.json`);
}

if (problems.length > 0) {
  console.error(
    `Not ready for a release:\n${problems.map((problem) => `- ${problem}\n`).join('')}`,
  );
  process.exitCode = 1;
} else {
  console.log(`Ready for the release of ${version}.`);
}
