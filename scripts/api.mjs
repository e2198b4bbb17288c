// npm run api: compares the public types of each entry point with its report in etc/, so that a change of
// the public API shows in review. npm run api -- --update writes the reports anew.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const ENTRIES = {
  'express-sse-hub': 'index.d.ts',
  'express-sse-hub-redis': 'redis/redis-log.d.ts',
  'express-sse-hub-nats': 'nats/nats-log.d.ts',
  'express-sse-hub-answers': 'answers/answers.d.ts',
  'express-sse-hub-client': 'browser/connect.d.ts',
  'express-sse-hub-react': 'react/hooks.d.ts',
};

const root = fileURLToPath(new URL('..', import.meta.url));
const update = process.argv.includes('--update');
const reportFolder = join(root, 'etc');
mkdirSync(join(root, 'node_modules/.cache/api'), { recursive: true });

/** Whether the report of an entry point is as it was. */
function compare([name, file]) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: resolve(root, 'dist/esm', file),
      compiler: {
        overrideTsconfig: {
          compilerOptions: { target: 'es2022', module: 'node20', types: ['node'], strict: true },
          files: [resolve(root, 'dist/esm', file)],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder,
        reportTempFolder: join(root, 'node_modules/.cache/api'),
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        // The comments are Markdown, not TSDoc, and nothing is marked as a beta.
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
        compilerMessageReporting: { default: { logLevel: 'error' } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = message.logLevel !== 'error';
    },
  });
  if (errorCount > 0) process.exitCode = 1;
  return update || !apiReportChanged;
}

const changed = Object.entries(ENTRIES).filter((entry) => !compare(entry));
for (const [name] of changed) {
  console.error(
    `The public API differs from etc/${name}.api.md. If that is meant: npm run build && npm run api -- --update`,
  );
}
if (changed.length > 0) process.exitCode = 1;
else
  console.log(
    `${Object.keys(ENTRIES).length} API reports ${update ? 'written' : 'are up to date'}`,
  );
