/**
 * Times the wasm device and its peers on equal work, in one run, interleaved: each peer is a process of its own, and
 * gets turns of some milliseconds one after the other, so that what else the machine does hits all alike. A result is
 * compared with float64 before it is timed. Read the best time as what an engine can do, and best/best as the ratio.
 *
 * node bench.mjs [suite …] [--peers text,text] [--only text] [--threads 1,2] [--rounds 6] [--ms 250] [--json file]
 * NODE24=/path/to/node adds rows with relaxed SIMD, and jax-js. PYTHON=/path/to/python with torch or jax adds PyTorch or JAX to `training`.
 * --clock cpu counts what the process of a peer computes instead of what passes: for one thread, where others use the machine.
 * --before /path/to/a/built/checkout lets an earlier Headwise take turns with this one, on wasm and on gpujs:webasm.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bytesOf, flopOf, isStreaming, nameOf, suites } from './work.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '6' },
    ms: { type: 'string', default: '250' },
    json: { type: 'string' },
    before: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    clock: { type: 'string', default: 'wall' },
  },
});
const node24 = process.env.NODE24;
const before = flags.before && pathToFileURL(`${flags.before}/`).href;
const MAX_ERROR = 1e-3;
/**
 * Of logits of about 1 where rows are rounded to 8 bits: a number that lands on the other side of a half changes its row by a whole
 * step, so that the rounded model itself is no sharper reference than float64 without rounding. Each product is tested sharply elsewhere.
 */
const MAX_ROUNDED_ERROR = 0.2;
const TIME_LIMIT = 120_000;

/** The limit of the machine that a row's share is of: nothing but the multiply-adds, or the reading, of the same work. */
const LIMIT = 'limit';

function* peersOf(suite) {
  for (const threads of flags.threads.split(',').map(Number)) {
    const row = (name, adapter, options, node) => ({
      name,
      threads,
      adapter,
      options: { threads, ...options },
      node,
    });
    const own = process.versions.node.split('.')[0];
    const nodes = [
      ['simd128', own],
      ...(node24
        ? [
            ['relaxed', '24', node24],
            ['simd128', '24', node24],
          ]
        : []),
    ];
    for (const [simd, version, node] of nodes) {
      yield row(`${LIMIT} ${simd}, Node ${version}`, 'limits', { simd }, node);
      if (suite === 'limits') continue;
      for (const format of suite === 'llama' ? ['f32', 'Q8_0', 'Q4_0'] : [undefined]) {
        const name = `headwise ${simd}${format ? ` ${format}` : ''}, Node ${version}`;
        yield row(name, 'headwise', { simd, format }, node);
        if (format?.startsWith('Q'))
          yield row(
            `${name.replace(',', ' int8,')}`,
            'headwise',
            { simd, format, activations: 'int8' },
            node,
          );
        if (before) yield row(`before: ${name}`, 'headwise', { simd, format, root: before }, node);
      }
    }
    if (suite === 'limits') continue;
    if (suite === 'training') {
      if (threads === 1 && node24) yield row('jax-js wasm, Node 24', 'jax', {}, node24);
      if (threads === 1) yield row('tfjs wasm', 'tfjs', {});
      if (threads > 1) yield row('jax-js wasm, Chromium', 'jax-page', {});
      yield row('PyTorch eager', 'torch', {});
      yield row('JAX jit', 'torch', { file: 'train_jax.py' });
      continue;
    }
    if (before && threads === 1) {
      yield row('headwise gpujs:webasm', 'headwise', { device: 'gpujs:webasm' });
      yield row('before: headwise gpujs:webasm', 'headwise', { device: 'gpujs:webasm', root: before });
    }
    const forms = { matmul: ['product'], vector: ['product'], llama: ['model'] }[suite] ?? [
      'attention',
      'composed',
    ];
    for (const form of forms) {
      yield row(`onnxruntime-web ${form}`, 'onnxruntime', { package: 'onnxruntime-web', form });
      yield row(`onnxruntime-node ${form}`, 'onnxruntime', { package: 'onnxruntime-node', form });
    }
    if (threads > 1 || suite === 'llama') continue;
    yield row('tfjs wasm', 'tfjs', {});
    if (node24) yield row('jax-js wasm, Node 24', 'jax', {}, node24);
    yield row('gpu.js webasm', 'gpujs', { mode: 'webasm' });
  }
}

for (const suite of positionals.length > 0 ? positionals : Object.keys(suites)) await runSuite(suite);

async function runSuite(suite) {
  const wanted = flags.peers.split(',');
  const peers = [...peersOf(suite)].filter((peer) => wanted.some((text) => peer.name.includes(text)));
  for (const peer of peers) await start(peer);
  const rows = [];
  for (const work of suites[suite].filter((each) => nameOf(each).includes(flags.only)))
    rows.push(...(await runWork(work, peers)));
  if (flags.json) writeFileSync(flags.json, JSON.stringify(rows, null, 1));
  for (const { child } of peers) child?.kill();
}

async function runWork(work, peers) {
  let live = [];
  for (const peer of peers) {
    if (!peer.child) continue;
    const { error, bytes, loss, skip } = await ask(peer, { ask: 'prepare', work });
    const most = peer.options.activations ? MAX_ROUNDED_ERROR : MAX_ERROR;
    if (skip || !(loss > 0 || error < most)) {
      console.error(`  ${peer.name}, ${peer.threads}: ${skip ?? `wrong by ${error ?? loss}`}`);
      if (!peer.child.connected) await start(peer);
    } else live.push({ peer, error, bytes, loss, samples: [] });
  }
  if (work.kind === 'training') live = agreeing(live);
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const row of live) {
      const { samples = [] } = await ask(row.peer, { ask: 'turn', ms: Number(flags.ms), clock: flags.clock });
      row.samples.push(...samples);
    }
  }
  return report(work, live);
}

/** Peers whose losses are equal after the same steps: none of them is the reference, so the middle one is. */
function agreeing(live) {
  const losses = live.map(({ loss }) => loss).sort((a, b) => a - b);
  const middle = losses[losses.length >> 1];
  for (const row of live) row.error = Math.abs(row.loss / middle - 1);
  for (const { peer, loss, error } of live)
    if (error >= MAX_ERROR) console.error(`  ${peer.name}, ${peer.threads}: loss ${loss}, others ${middle}`);
  return live.filter(({ error }) => error < MAX_ERROR);
}

function report(work, live) {
  const streaming = isStreaming(work);
  const rows = live
    .filter(({ samples }) => samples.length > 0)
    .map(({ peer, error, bytes, samples }) => {
      const sorted = samples.sort((a, b) => a - b);
      const amount = streaming ? (bytes ?? bytesOf(work)) : flopOf(work);
      return {
        rate: amount / sorted[0] / 1e6,
        work: nameOf(work),
        peer: peer.name,
        threads: peer.threads,
        best: sorted[0],
        median: sorted[sorted.length >> 1],
        error,
        samples,
      };
    })
    .sort((a, b) => a.best - b.best);
  console.log(`\n### ${nameOf(work)}\n`);
  console.log(
    `| peer | threads | best ms | median ms | ${streaming ? 'GB/s' : 'GFLOP/s'} | of the limit | time / best | largest error |`,
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const { peer, threads, best, median, rate, error } of rows) {
    const limits = rows.filter((row) => row.peer.startsWith(LIMIT) && row.threads === threads);
    const limit = Math.max(...limits.map((row) => row.rate));
    const cells = [
      peer,
      threads,
      best.toFixed(3),
      median.toFixed(3),
      rate.toFixed(1),
      limits.length > 0 ? `${Math.round((100 * rate) / limit)} %` : '',
      (best / rows[0].best).toFixed(2),
      error.toExponential(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  return rows;
}

async function start(peer) {
  const { adapter, options } = peer;
  peer.child = fork(new URL('./child.mjs', import.meta.url), [JSON.stringify({ adapter, options })], {
    execPath: peer.node ?? process.execPath,
    stdio: ['ignore', 'ignore', process.env.DEBUG ? 'inherit' : 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  const { ready, skip } = await answerOf(peer.child);
  if (ready) return;
  console.error(`  ${peer.name}, ${peer.threads}: did not start, ${skip}`);
  peer.child = undefined;
}

function ask({ child }, message) {
  const answer = answerOf(child);
  child.send(message);
  return answer;
}

function answerOf(child) {
  return new Promise((resolve) => {
    const finish = (answer) => {
      clearTimeout(timer);
      child.off('message', finish);
      child.off('exit', died);
      resolve(answer);
    };
    const died = () => finish({ skip: 'the process died' });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      finish({ skip: 'took too long' });
    }, TIME_LIMIT);
    child.on('message', finish);
    child.on('exit', died);
  });
}
