import { parseArgs } from 'node:util';
import { list, readRounds } from '../args.mjs';

export const USAGE = `npm run bench:logs -- [options]
  --quick            all of it in half a minute, coarse; writes no file
  --only a,b         these scenarios alone; writes no file
  --rounds N         how often each row is run, an odd number (5; with --quick 1)
`;

/** Throws for what makes no sense, with the reason. */
export function readArguments(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, help } = values;
  const rounds = readRounds(values.rounds ?? (quick ? 1 : 5));
  return { quick, help, rounds, only: list(values.only) };
}
