import { parseArgs } from 'node:util';

export const USAGE = `npm run bench -- [options]
  --quick            all of it in two minutes, coarse; writes no files
  --only a,b         these scenarios alone; writes no files
  --targets x,y      these targets alone; writes no files
  --before folder    with the built checkout in that folder beside this one; writes no files
  --rounds N         how often each row is run, an odd number (5; with --quick 1)
`;

/** Throws for what makes no sense, with the reason. */
export function readArguments(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      targets: { type: 'string' },
      before: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, help, before } = values;
  const rounds = readRounds(values.rounds ?? (quick ? 1 : 5));
  return { quick, help, before, rounds, only: list(values.only), targets: list(values.targets) };
}

export function readRounds(value) {
  const rounds = Number(value);
  if (Number.isInteger(rounds) && rounds > 0 && rounds % 2 === 1) return rounds;
  throw new Error(`--rounds ${value}: must be an odd number, so that there is a median`);
}

/** The items of a list with commas between them; undefined where there is none. */
export function list(text) {
  return text?.split(',').map((item) => item.trim());
}
