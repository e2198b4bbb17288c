import { parseArgs } from 'node:util';

export const USAGE = `npm run bench -- [options]
  --quick            all of it in two minutes, coarse; writes no files
  --only a,b         these scenarios alone; writes no files
  --targets x,y      these targets alone; writes no files
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
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, help } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : 5));
  if (!(Number.isInteger(rounds) && rounds > 0 && rounds % 2 === 1)) {
    throw new Error(`--rounds ${values.rounds}: must be an odd number, so that there is a median`);
  }
  return { quick, help, rounds, only: list(values.only), targets: list(values.targets) };
}

function list(text) {
  return text?.split(',').map((item) => item.trim());
}
