// `tsx scripts/measure.ts`: when the first view is usable, and how long typing takes, on a CPU that is made slow.
import type { CDPSession, Page } from 'playwright';
import { live, open, Playground } from '../src/testing/page.ts';

/** Left on the page by the observer. */
interface Answered {
  answered: number | undefined;
  found: { tasks: number[] };
}

const rate = Number(process.argv[2] ?? 4);
const playground = await Playground.start();
const browser = await playground.browser();

async function throttled(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate });
  return session;
}

const usable: number[] = [];
for (let n = 0; n < 5; n++) {
  const { page } = await open(browser, 'about:blank');
  await throttled(page);
  const begun = performance.now();
  await page.goto(playground.url);
  await page.locator('[data-badge]').waitFor();
  usable.push(performance.now() - begun);
  await page.context().close();
}
console.log(`first view, ${rate}x slower CPU: ${usable.map(Math.round).join(', ')} ms`);

const words = Array.from({ length: 6 }, () => 'Once upon a time there was a little cat.').join(' ');
const { page } = await open(browser, `${playground.url}#view=attention&text=${encodeURIComponent(words)}`);
await live(page);
await page.waitForTimeout(2000);
await page.evaluate(() => {
  const found = { tasks: [] as number[] };
  (globalThis as unknown as { found: typeof found }).found = found;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) found.tasks.push(entry.duration);
  }).observe({ entryTypes: ['longtask'] });
});
const text = page.getByLabel('Your text');
await text.focus();
await page.keyboard.press('Control+End');
const answers: number[] = [];
for (const letter of ' it was big and it was red') {
  const took = await page
    .evaluate(
      () =>
        new Promise<void>((resolve) => {
          (globalThis as unknown as Answered).answered = undefined;
          const strip = document.querySelector('.status-row')!;
          const area = document.querySelector('textarea')!;
          area.addEventListener(
            'input',
            () => {
              const begun = performance.now();
              const observer = new MutationObserver(() => {
                (globalThis as unknown as Answered).answered = performance.now() - begun;
                observer.disconnect();
              });
              observer.observe(document.querySelector('.next')!, {
                subtree: true,
                childList: true,
                characterData: true,
              });
              observer.observe(strip, { subtree: true, childList: true, characterData: true });
            },
            { once: true },
          );
          resolve();
        }),
    )
    .then(async () => {
      await page.keyboard.type(letter);
      await page.waitForTimeout(400);
      return page.evaluate(() => (globalThis as unknown as Answered).answered as number | undefined);
    });
  if (took !== undefined) answers.push(took);
}
answers.sort((a, b) => a - b);
const status = await page.locator('.status-row').textContent();
const tasks = await page.evaluate(() => (globalThis as unknown as Answered).found.tasks);
console.log(
  `typing, full speed, ${status}: median ${Math.round(answers[answers.length >> 1]!)} ms, slowest ${Math.round(answers.at(-1)!)} ms of ${answers.length}`,
);
console.log(`long tasks of the page: ${tasks.map(Math.round).join(', ') || 'none'}`);
await playground.stop();
