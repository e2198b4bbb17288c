import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSourceFile,
  forEachChild,
  isFunctionLike,
  type Node,
  ScriptTarget,
} from 'typescript';

/** How many lines there may be, unless a comment before the first of them says why there are more. */
const FILE = 300;
const FUNCTION = 40;
const REASON = /^\/[/*]\*? ?Long, because \w/m;

interface Piece {
  readonly name: string;
  readonly lines: number;
  readonly most: number;
  /** The comments before it. */
  readonly comments: string;
}

function piecesOf(name: string, source: string): Piece[] {
  const file = createSourceFile(name, source, ScriptTarget.Latest, true);
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line;
  const [comments = ''] = source.match(/^(?:\/\/.*\n)+/) ?? [];
  const lines = source.trimEnd().split('\n').length;
  const pieces: Piece[] = [{ name, lines, most: FILE, comments }];
  const visit = (node: Node): void => {
    const start = node.getStart(file);
    if (isFunctionLike(node)) {
      pieces.push({
        name: `${name}:${lineOf(start) + 1}`,
        lines: lineOf(node.getEnd()) - lineOf(start) + 1,
        most: FUNCTION,
        comments: source.slice(node.getFullStart(), start).replace(/^\s+/gm, ''),
      });
    }
    forEachChild(node, visit);
  };
  visit(file);
  return pieces;
}

function tooLong(name: string, source: string): string[] {
  return piecesOf(name, source)
    .filter(({ lines, most, comments }) => lines > most && !REASON.test(comments))
    .map(({ name, lines, most }) => `${name} has ${lines} lines, more than ${most}`);
}

const lib = join(__dirname, '../lib');
const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

test.each(files)('%s and its functions are short, or say why not', (file) => {
  expect(tooLong(file, readFileSync(join(lib, file), 'utf8'))).toEqual([]);
});

describe('what is too long', () => {
  const body = (lines: number) => `${'  f();\n'.repeat(lines)}`;

  test.each([
    ['a file', '// a\n'.repeat(301), 'x has 301 lines, more than 300'],
    ['a function', `function f() {\n${body(39)}}\n`, 'x:1 has 41 lines, more than 40'],
    [
      'a function in a class',
      `class A {\n  f = () => {\n${body(39)}  };\n}\n`,
      'x:2 has 41 lines, more than 40',
    ],
  ])('would be noticed: %s', (_kind, source, message) => {
    expect(tooLong('x', source)).toEqual([message]);
  });

  test('is accepted with a reason, right before it', () => {
    expect(tooLong('x', `// Long, because.\nfunction f() {\n${body(39)}}\n`)).toHaveLength(1);
    expect(tooLong('x', `// Long, because of a list.\nfunction f() {\n${body(39)}}\n`)).toEqual([]);
    expect(tooLong('x', `// Long, because of a list.\n${'// a\n'.repeat(301)}`)).toEqual([]);
  });
});
