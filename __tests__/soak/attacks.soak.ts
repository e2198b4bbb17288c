import { writeSync } from 'node:fs';
import { attackWithChurn } from '../support/attacks/churn.js';
import { attackFraming } from '../support/attacks/framing.js';
import { attackWithOverload } from '../support/attacks/overload.js';
import { attackWithRequests } from '../support/attacks/requests.js';
import { attackWithRooms } from '../support/attacks/rooms.js';
import { attackWithSlowReaders } from '../support/attacks/slow-readers.js';
import { attackWithUserCode } from '../support/attacks/user-code.js';

const ATTACKS: readonly [string, string, () => Promise<string>][] = [
  ['framing can not be broken', '1 000 000 random events', () => attackFraming(1_000_000, 20)],
  ['bad requests do no harm', '5000 connections of raw bytes', () => attackWithRequests(5000)],
  [
    'a slow reader harms nobody',
    '500 of 5000 clients stop reading',
    () => attackWithSlowReaders(5000, 500, { measures: true }),
  ],
  ['churn leaves nothing', '500 clients a second, for 60 s', () => attackWithChurn(500, 60)],
  ["the user's code can not bring it down", 'every function', () => attackWithUserCode(10)],
  ['overload is refused', 'too much of everything', () => attackWithOverload(10)],
  ['nothing leaks between users', '10 000 random steps', () => attackWithRooms(10_000)],
];

const rows: string[] = [];

test.each(ATTACKS)('%s: %s', async (promise, attack, run) => {
  const result = await run().catch((error: Error) => {
    rows.push(`| ${promise} | ${attack} | FAILED: ${error.message} |`);
    throw error;
  });
  rows.push(`| ${promise} | ${attack} | ${result} |`);
});

afterAll(() => {
  writeSync(1, `\n| Promise | Attack | Result |\n| --- | --- | --- |\n${rows.join('\n')}\n\n`);
});
