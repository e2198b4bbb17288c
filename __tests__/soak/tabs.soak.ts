import { describeWith } from '../support/needs.js';
import { driven, hosts } from '../support/tabs/browser.js';
import { Trial } from '../support/tabs/trial.js';

for (const { program, launch } of driven) {
  describeWith(program, `a hundred changes to twelve tabs of ${program.name}`, (path) => {
    test.each(hosts)('%s', async (how, host) => {
      const browser = await launch(path);
      try {
        const { wrong, takenOver } = await new Trial(browser, host).run(program.name, 100);
        const longest = Object.entries(takenOver).map(
          ([name, times]) => `${name} ${Math.max(...times)}`,
        );
        process.stdout.write(
          `${program.name} ${how}, taken over in ms: ${longest.join(', ')} at most\n`,
        );
        expect(wrong).toEqual([]);
      } finally {
        await browser.close();
      }
    });
  });
}
