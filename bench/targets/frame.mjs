/** An event as those targets write it that have no package to make one of it. */
export function frame(id, data) {
  return `id: ${id}\ndata: ${data}\n\n`;
}
