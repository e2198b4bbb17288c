import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 20;
const PAUSE = 50;

/** Also where a program that was just killed, or one that it had started, still adds a file. */
export async function removeFolder(folder: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      // One try of `rm` lists the folder once: what is added after that stays, however often it tries.
      return await rm(folder, { recursive: true, force: true });
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(PAUSE);
    }
  }
}
