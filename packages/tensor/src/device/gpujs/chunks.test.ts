import { describe, expect, it } from 'vitest';
import { compareWithReference } from '../../testing/check-device.ts';
import { opCases } from '../../testing/op-cases.ts';
import { GpujsDevice } from './device.ts';
import { HostEngine } from './host-engine.ts';
import { loadGpujs } from './library.ts';

/** A device whose intermediate results may hold so few numbers that every attention is split. */
async function cramped(
  mode: 'cpu' | 'webasm',
  budget: number,
): Promise<{ device: GpujsDevice; launches: string[] }> {
  const library = await loadGpujs(`gpujs:${mode}`);
  const engine = new HostEngine(library, new library.GPU({ mode }), mode, {});
  const launches: string[] = [];
  const launch = engine.launch.bind(engine);
  Object.assign(engine, {
    target: { ...engine.target, budget },
    launch: (...call: Parameters<typeof launch>) => {
      launches.push(call[0].name);
      return launch(...call);
    },
  });
  return { device: new GpujsDevice(engine, () => {}), launches };
}

const attentions = opCases.filter(({ op }) => op === 'attention');

describe.each(['cpu', 'webasm'] as const)('attention in chunks on gpujs:%s', async (mode) => {
  const { device, launches } = await cramped(mode, 500);
  it.each(attentions.map((each) => [each.name, each] as const))('%s', (_, each) =>
    compareWithReference(device, each),
  );

  it('did split', () => {
    expect(launches.filter((name) => name === 'scores').length).toBeGreaterThan(2 * attentions.length);
  });
});
