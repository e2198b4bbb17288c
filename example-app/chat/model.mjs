// Stands for a model: it counts, a word at a time, and needs no key and no network.
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test';

const { WORDS = '60', PACE = '100' } = process.env;

const words = Array.from({ length: Number(WORDS) }, (_, index) => ({
  type: 'text-delta',
  id: 'text',
  delta: `word${index} `,
}));

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: words.length, text: words.length, reasoning: 0 },
};

export const model = new MockLanguageModelV3({
  doStream: async () => ({
    stream: simulateReadableStream({
      initialDelayInMs: 0,
      chunkDelayInMs: Number(PACE),
      chunks: [
        { type: 'stream-start', warnings: [] },
        { type: 'text-start', id: 'text' },
        ...words,
        { type: 'text-end', id: 'text' },
        { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
      ],
    }),
  }),
});
