/** A fenced block of a document. */
export interface Block {
  /** The heading it stands under and its number there, from 1: `Install 1`. */
  readonly name: string;
  readonly language: string;
  readonly code: string;
}

export function readBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let count = 0;
  for (const [, title, language, code] of markdown.matchAll(
    /^#+ (.+)$|^```(.*)\n([\s\S]*?)^```$/gm,
  )) {
    if (title !== undefined) {
      heading = title;
      count = 0;
    } else {
      count++;
      blocks.push({
        name: `${heading} ${count}`,
        language: language as string,
        code: code as string,
      });
    }
  }
  return blocks;
}

/** The rows, without the head, of the first table whose head has this first cell. */
export function readTable(markdown: string, firstCell: string): string[][] {
  const lines = markdown.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  if (head === -1) throw new Error(`there is no table with the first cell ${firstCell}`);
  const rest = lines.slice(head + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Where the links and pictures lead, as they are written. */
export function readLinks(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] as string);
}

/** The anchors of the headings, as GitHub and npm make them. */
export function readAnchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
