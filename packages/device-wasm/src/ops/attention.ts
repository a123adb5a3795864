import type { AttentionExtra, AttentionParams, OpCall, Operand } from '@headwise/tensor';
import { Format, Kernel, Tile } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import { bits } from '../engine.ts';
import type { Kit } from '../kit.ts';
import type { installed, modifierReasons } from '../modifiers/library.ts';
import type { knownTiles } from '../modifiers/tiles.ts';

export interface Shape {
  readonly B: number;
  readonly Lq: number;
  readonly H: number;
  readonly D: number;
  readonly Lk: number;
  readonly Hkv: number;
  readonly Dw: number;
  readonly Dv: number;
  /** Keys that some query may see, counted from the first. */
  readonly n: number;
}

/** Most queries for which keys and values are read where they lie instead of being packed first. */
const FEW_QUERIES = 4;

/** What compiles modifiers that a person wrote; the light device leaves it out. */
export interface Modifying {
  readonly installed: typeof installed;
  readonly knownTiles: typeof knownTiles;
  readonly reasons: typeof modifierReasons;
}

/** Fused softmax attention with every declared score part. @param modifying where calls may have modifiers */
export function attention(kit: Kit, call: OpCall, modifying?: Modifying): readonly WasmBuffer[] {
  const params = atCursor(kit, call);
  const shape = shapeOf(call, params);
  const results = call.outputs.map((output) => kit.output(output));
  const extra = (name: AttentionExtra): number => results[1 + params.extras.indexOf(name)]?.address ?? 0;
  const has = (name: AttentionExtra): number => (params.extras.includes(name) ? extra(name) : 0);
  const lse = has('lse') || (has('weights') ? kit.temporary(shape.B * shape.H * shape.Lq * 4) : 0);
  const modifiers = modifiersOf(kit, params, modifying);
  const common = commonArguments(kit, call, params, shape, results[0]!.address, lse, modifiers.address);

  const aligned = shape.D % 4 === 0 && shape.Dv % 4 === 0;
  if (modifiers.address) kit.onHost('what a modifier sees is looked up on the host');
  if (aligned && shape.Lq <= FEW_QUERIES) decode(kit, common, shape, call.inputs.cursor);
  else {
    if (call.inputs.cursor) kit.onHost('how many keys there are is read on the host');
    const { address, masked } = modifiers;
    prefill(kit, common, shape, modifying && masked && { call, params, address, modifying });
  }

  if (params.extras.some((name) => name !== 'lse')) {
    if (call.inputs.cursor) kit.onHost('how many keys there are is read on the host');
    const { B, H, Lq, Lk, D } = shape;
    const args = [...common, has('weights'), has('raw'), has('capped'), has('scores')];
    const tasks = B * H * Lq;
    kit.launch({ kernel: Kernel.scores, args, tasks, cost: tasks * Lk * D, scratch: (12 + widened(D)) * 4 });
  }
  return results;
}

/** The parameters, `offset` and `valid` from the heap where they are an input. */
export function atCursor(kit: Kit, { inputs, params }: OpCall): AttentionParams {
  const given = params as AttentionParams;
  if (!inputs.cursor) return given;
  const at = kit.rows(inputs.cursor) / 4;
  const { i32 } = kit.engine.heap.views;
  return { ...given, offset: i32[at]!, valid: Math.max(0, Math.min(i32[at + 1]!, inputs.k!.shape[1]!)) };
}

/** Why the device cannot run attention with these parameters. */
export function attentionReasons(
  { modifiers = [] }: Partial<AttentionParams>,
  modifying?: Modifying,
): readonly string[] {
  if (modifying || modifiers.length === 0) return modifying?.reasons(modifiers) ?? [];
  return [
    'score and mask modifiers are not compiled by @headwise/device-wasm/light: @headwise/device-wasm runs them',
  ];
}

/** Words of the block of modifiers before their constants; it is described in assembly/modified.ts. */
const HEADER = 8;

/** The block of the modifiers of a call, at 0 where there are none. */
function modifiersOf(
  kit: Kit,
  { modifiers }: AttentionParams,
  modifying: Modifying | undefined,
): { address: number; masked: boolean } {
  if (modifiers.length === 0 || !modifying) return { address: 0, masked: false };
  const { score, mask, compiled } = modifying.installed(kit.engine, modifiers);
  const constants = modifiers.flatMap((modifier) => Object.values(modifier.constants ?? {}));
  const address = kit.temporary((HEADER + constants.length) * 4);
  const { i32, f32 } = kit.engine.heap.views;
  i32.set([score, mask, compiled.maskReads.h ? 1 : 0, 0, 0, 0, 0, 0], address / 4);
  f32.set(constants, address / 4 + HEADER);
  return { address, masked: mask > 0 };
}

export function shapeOf({ inputs }: OpCall, params: AttentionParams): Shape {
  const [B, Lq, H, D] = inputs.q!.shape as [number, number, number, number];
  const [, Lk, Hkv, Dw] = inputs.v!.shape as [number, number, number, number];
  const { causal, prefix, offset, valid, Dv } = params;
  const inPlace = !inputs.queryPositions && !inputs.keyPositions;
  const n = inPlace && causal ? Math.max(0, Math.min(valid, Math.max(offset + Lq, prefix))) : valid;
  return { B, Lq, H, D, Lk, Hkv, Dw, Dv, n };
}

/** Windows beyond any position. */
const UNBOUNDED = 2 ** 30;

export function commonArguments(
  kit: Kit,
  { inputs }: OpCall,
  params: AttentionParams,
  shape: Shape,
  out: number,
  lse: number,
  modifiers = 0,
): readonly number[] {
  const { B, Lq, H, D, Lk, Hkv, Dw, Dv, n } = shape;
  const { bias, queryPositions, keyPositions, keyUntil } = inputs;
  const [k, v] = [rowsOf(kit, inputs.k!), rowsOf(kit, inputs.v!)];
  const perBatch = (operand: typeof bias): number =>
    operand && operand.shape[0] !== 1 ? operand.shape[1]! : 0;
  const biasHeads = bias?.shape[1] ?? 1;
  // biome-ignore format: in the order of assembly/attention.ts
  return [
    kit.rows(inputs.q), k.address, v.address, out, lse,
    B, Lq, H, D, Lk, Hkv, Dw, Dv, n,
    params.causal ? 1 + Math.min(params.prefix, UNBOUNDED) : 0, bits(params.scale), params.offset,
    Math.min(params.before, UNBOUNDED), Math.min(params.after, UNBOUNDED), params.sinkTokens,
    bits(params.softcap), kit.rows(inputs.slopes),
    kit.rows(bias), bias && bias.shape[0] !== 1 ? biasHeads * Lq * Lk : 0, biasHeads === 1 ? 0 : Lq * Lk,
    kit.rows(inputs.sinks),
    kit.rows(queryPositions), perBatch(queryPositions),
    kit.rows(keyPositions), perBatch(keyPositions),
    kit.rows(keyUntil), perBatch(keyUntil),
    k.format, v.format, k.bytes, v.bytes, (k.odd || v.odd ? 1 : 0) + (params.anchors ? 2 : 0) + 4 * Math.min(params.segment, UNBOUNDED / 4),
    modifiers,
  ];
}

/** Keys or values where they lie: what is kept in fewer bits is read as it is, if a row of it is one of a head. */
function rowsOf(
  kit: Kit,
  operand: Operand,
): { address: number; format: Format; bytes: number; odd: boolean } {
  const width = operand.shape.at(-1)!;
  const { stored, address } = operand.buffer as WasmBuffer;
  if (stored?.width === width) return { ...stored, address };
  return { address: kit.rows(operand), format: Format.f32, bytes: width * 4, odd: false };
}

/** Numbers of a row where stored ones are written out: whole blocks of 32. */
const widened = (width: number): number => Math.ceil(width / 32) * 32;

/** Many queries: keys and values are packed tile by tile, then blocks of queries run over them. */
function prefill(kit: Kit, common: readonly number[], shape: Shape, masks: Masks | false | undefined): void {
  const { B, Lq, H, D, Hkv, Dv, n } = shape;
  const tiles = Math.ceil(n / Tile.keys);
  const width = Math.ceil(Dv / 8) * 8;
  const packs = B * Hkv * tiles;
  const keys = kit.temporary(packs * Tile.keys * D * 4);
  const values = kit.temporary(packs * Tile.keys * width * 4);
  const odd = kit.temporary(packs * 4);
  const args = [...common, keys, values, odd, tiles];
  kit.launch({
    kernel: Kernel.attentionPack,
    args,
    tasks: packs,
    cost: packs * Tile.keys * (D + Dv),
    scratch: Tile.keys * widened(Math.max(D, Dv)) * 4,
  });
  if (masks && tiles > 0) maskTiles(kit, args, shape, masks);
  const blocks = Math.ceil(Lq / Tile.queries);
  const floats = Tile.queries * (D + 2 * width + 4) + 6 * Tile.keys + 3 * Tile.keys;
  kit.launch({
    kernel: Kernel.prefill,
    args: [...args, blocks],
    tasks: B * H * blocks,
    cost: (B * H * Lq * n * (D + Dv)) / 20,
    scratch: floats * 4,
  });
}

/** What masks of a person's own see of which keys. */
interface Masks {
  readonly call: OpCall;
  readonly params: AttentionParams;
  /** The block of modifiers. */
  readonly address: number;
  readonly modifying: Modifying;
}

/** How the masks see each tile: by bounds where positions are in order, else key by key; once for heads that are not read. */
function maskTiles(kit: Kit, args: readonly number[], shape: Shape, masks: Masks): void {
  const { inputs } = masks.call;
  const { installed, knownTiles } = masks.modifying;
  const { compiled } = installed(kit.engine, masks.params.modifiers);
  const { B, Lq, H, n } = shape;
  // positions of sequences may differ
  const own = [inputs.queryPositions, inputs.keyPositions].some((each) => each && each.shape[0] !== 1);
  const batches = compiled.maskReads.b || own ? B : 1;
  const heads = compiled.maskReads.h ? H : 1;
  const rows = kit.engine.simd === 'relaxed' ? 6 : 4;
  const table = { Lq, n, rows, groups: Math.ceil(Lq / rows), tiles: Math.ceil(n / Tile.keys) };
  const size = table.groups * table.tiles;
  const states = kit.temporary(batches * heads * size);
  const { u8, i32 } = kit.engine.heap.views;
  i32.set([states, batches > 1 ? heads * size : 0, heads > 1 ? size : 0], masks.address / 4 + 3);
  for (let b = 0; b < batches; b++)
    for (let h = 0; h < heads; h++) {
      const at = states + (b * heads + h) * size;
      const ordered = !inputs.queryPositions && !inputs.keyPositions;
      const place = { b: range(b, batches, B), h: range(h, heads, H) };
      if (ordered) u8.set(knownTiles(compiled, masks.params, table, place), at);
      else u8.fill(UNKNOWN_TILE, at, at + size);
    }
  const tasks = batches * heads * table.tiles;
  kit.launch({ kernel: Kernel.maskTiles, args, tasks, cost: tasks * Lq * 10, scratch: 4 * Tile.keys * 4 });
}

const UNKNOWN_TILE = 15;

/** One of some that differ, or all of them. */
function range(n: number, different: number, all: number): readonly [number, number] {
  return different > 1 ? [n, n] : [0, all - 1];
}

/** Chunks of keys by powers of two: a step is recorded anew that often while a text grows. */
function roomFor(n: number): number {
  return Tile.chunk * 2 ** Math.ceil(Math.log2(Math.max(1, n / Tile.chunk)));
}

/** Few queries: every chunk of keys is read once where it lies, and the parts are put together. */
function decode(kit: Kit, common: readonly number[], shape: Shape, cursor: Operand | undefined): void {
  const { B, Lq, H, D, Hkv, Dv, Lk } = shape;
  const { recorder } = kit.engine;
  // a recorded step is made for more keys than there are now, and reads in memory how many there are
  const at = recorder && cursor ? kit.rows(cursor) : 0;
  const n = at > 0 ? Math.min(Lk, roomFor(shape.n)) : shape.n;
  if (at > 0 && n < Lk) recorder!.bound(at + 4, 1, n);
  const chunks = Math.ceil(n / Tile.chunk);
  const rows = Lq * H;
  const part = rows * (2 + Dv);
  const parts = kit.temporary(B * chunks * part * 4);
  const args = [...common, parts, part, chunks, at];
  // the kernels put there what the cursor says
  if (at > 0) args[13] = args[16] = 0;
  const floats =
    rows * (D + Tile.chunk) +
    2 * Tile.chunk +
    rows * Math.ceil(D / 32) +
    32 * widened(Math.max(D, Dv)) +
    rows * Tile.chunk;
  kit.launch({
    kernel: Kernel.decode,
    args,
    tasks: B * chunks,
    cost: Math.max((B * n * Hkv * (D + Dv)) / 4, (B * n * rows * (D + Dv)) / 20),
    scratch: floats * 4,
  });
  kit.launch({ kernel: Kernel.combine, args, tasks: B * rows, cost: (B * rows * chunks * Dv) / 5 });
}
