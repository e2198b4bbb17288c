import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that some suites need and that no package manager of Node's brings along. */
export interface Program {
  readonly name: string;
  /** The environment variable that says where it is. What it says counts alone. */
  readonly variable: string;
  /** Names to look for in PATH, or whole paths: the first that is there counts. */
  readonly commands: readonly string[];
}

/**
 * A suite that needs a program: `suite` gets its path. Where the program is missing the suite is left
 * out, which a line on stderr says. In CI, where everything has to run, its absence is a failure.
 */
export function describeWith(program: Program, title: string, suite: (path: string) => void): void {
  const path = find(program);
  if (path !== undefined) {
    describe(title, () => suite(path));
    return;
  }
  const { name, variable, commands } = program;
  const looked = process.env[variable] ?? commands.join(', ');
  const missing = `${name} is missing (looked for ${looked}; ${variable} may say where it is)`;
  if (isCi()) {
    test(title, () => {
      throw new Error(missing);
    });
  } else {
    process.stderr.write(`\nLEFT OUT: ${title}. ${missing}.\n`);
    describe.skip(title, () => suite(''));
  }
}

function find({ variable, commands }: Program): string | undefined {
  const said = process.env[variable];
  if (said) return [said].find(isExecutable);
  const folders = (process.env.PATH ?? '').split(delimiter);
  return commands
    .flatMap((command) =>
      command.includes('/') ? [command] : folders.map((folder) => join(folder, command)),
    )
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isCi(): boolean {
  return !['', '0', 'false'].includes(process.env.CI ?? '');
}
