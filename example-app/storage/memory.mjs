/** No other process sees it, and it is gone with this one. */
export function openMemory(capacity) {
  const boards = new Map();

  async function newest(board) {
    return boards.get(board) ?? [];
  }

  return {
    name: 'memory',
    log: undefined,
    newest,
    async add(message) {
      const messages = [...(await newest(message.board)), message];
      boards.set(message.board, messages.slice(-capacity));
    },
    close() {},
  };
}
