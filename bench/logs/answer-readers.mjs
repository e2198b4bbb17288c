// A process that reads answers, and says how old each chunk was.
import { get } from 'node:http';
import { micros } from '../clock.mjs';
import { Histogram } from '../histogram.mjs';
import { serve } from '../rpc.mjs';

serve({ open() {}, read });

/** Resolves when all readers have the end of their answers. Chunks of the first so many ms are not looked at. */
async function read({ urls, warmUp }) {
  const ages = { histogram: new Histogram(), since: micros() + warmUp * 1000, chunks: 0 };
  await Promise.all(urls.map((url) => readAnswer(url, ages)));
  const { histogram, chunks } = ages;
  return {
    chunks,
    p50: histogram.percentile(0.5) / 1000,
    p99: histogram.percentile(0.99) / 1000,
  };
}

/** An answer may not have begun yet. */
async function readAnswer(url, ages) {
  while (!(await readOnce(url, ages))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function readOnce(url, ages) {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        return resolve(false);
      }
      let rest = '';
      response.setEncoding('utf8').on('data', (text) => {
        const now = micros();
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          for (const [, sentAt] of block.matchAll(/(?:^data: | )(\d{9,}) /gm)) {
            ages.chunks++;
            if (Number(sentAt) > ages.since) ages.histogram.record(now - Number(sentAt));
          }
          if (/^event: (done|stopped|failed)$/m.test(block)) resolve(true);
        }
      });
      response.on('error', reject);
      response.on('end', () => reject(new Error(`${url} ended without its end`)));
    });
    request.on('error', reject);
  });
}
