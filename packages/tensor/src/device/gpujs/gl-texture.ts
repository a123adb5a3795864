import { DeviceError } from '../../errors.ts';

/** The WebGL calls shared by headless-gl (WebGL 1) and browsers (WebGL 2). */
export type Gl = WebGLRenderingContext & Partial<WebGL2RenderingContext>;

/** gpu.js's handle of a texture: reference-counted, typed by its class. */
export interface GlHandle {
  readonly texture: WebGLTexture;
  readonly size: ArrayLike<number>;
  readonly internalFormat: number;
  readonly textureFormat: number;
  readonly kernel: unknown;
  readonly context: unknown;
  delete(): void;
}

export type GlHandleClass = new (settings: object) => GlHandle;

/** A block of a texture: `count` numbers of `rows` whole rows, or of a part of one row. */
interface Block {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly rows: number;
}

/** Texels of a texture that takes longer to make than to ask whether it was made. */
const LARGE = 2 ** 24;

/** Unit that kernels do not use: they count theirs from 0. */
const SCRATCH_UNIT = 15;

/**
 * Reads and writes ranges of textures that hold one number a texel, row after row. WebGL 2 keeps them as R32F;
 * WebGL 1 has only RGBA, with the number in red.
 */
export class GlTextures {
  readonly #gl: Gl;
  readonly #device: string;
  readonly channels: 1 | 4;
  readonly #framebuffer: WebGLFramebuffer;
  readonly maxSize: number;

  constructor(gl: Gl, webgl2: boolean) {
    this.#gl = gl;
    this.#device = webgl2 ? 'gpujs:webgl2' : 'gpujs:headlessgl';
    this.channels = webgl2 ? 1 : 4;
    this.#framebuffer = gl.createFramebuffer()!;
    this.maxSize = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
    // what gpu.js tried out while it looked at the context is nobody's error
    this.#errors();
  }

  /**
   * Width and height for `length` numbers: a power of two wide, so that rows of a cache rarely straddle one.
   *
   * @throws {DeviceError} if no texture holds so many.
   */
  sizeFor(length: number): readonly [width: number, height: number] {
    this.checkFits(length, 1);
    const width = Math.min(this.maxSize, 2 ** Math.ceil(Math.log2(Math.sqrt(Math.max(1, length)))));
    const height = Math.ceil(Math.max(1, length) / width);
    return [width, height];
  }

  /** @throws {DeviceError} if no texture has so many texels, of `perTexel` numbers each. */
  checkFits(texels: number, perTexel: number): void {
    const most = this.maxSize ** 2;
    if (texels <= most) return;
    throw new DeviceError(
      this.#device,
      `${texels * perTexel} numbers do not fit into one texture, which holds ${most * perTexel}`,
      [`this renderer has textures of at most ${this.maxSize} × ${this.maxSize} texels`],
      'Cut the tensor into smaller ones, or choose another device.',
    );
  }

  /** @throws {DeviceError} if the context is lost; costs nothing to ask. */
  checkContext(): void {
    if (!this.#gl.isContextLost()) return;
    throw new DeviceError(
      this.#device,
      'the WebGL context is lost, and with it what tensors held',
      ['the browser took it away: the GPU was reset, ran out of memory, or there were too many contexts'],
      'Create a new device.',
    );
  }

  /** @throws {DeviceError} if an earlier call failed; waits for the GPU. */
  checkErrors(): void {
    this.checkContext();
    const errors = this.#errors();
    if (errors.length === 0) return;
    throw new DeviceError(
      this.#device,
      'an earlier call of WebGL failed, so this result may be wrong',
      errors,
      errors.includes('OUT_OF_MEMORY')
        ? 'Dispose what is not needed, or choose another device.'
        : 'Choose another device.',
    );
  }

  /** The names of the errors since the last call. */
  #errors(): string[] {
    const gl = this.#gl;
    const errors: string[] = [];
    for (let code = gl.getError(); code !== gl.NO_ERROR; code = gl.getError()) {
      const known = ['INVALID_ENUM', 'INVALID_VALUE', 'INVALID_OPERATION', 'OUT_OF_MEMORY'] as const;
      const more = ['INVALID_FRAMEBUFFER_OPERATION', 'CONTEXT_LOST_WEBGL'] as const;
      errors.push([...known, ...more].find((name) => gl[name] === code) ?? `error ${code}`);
      if (code === gl.CONTEXT_LOST_WEBGL) break;
    }
    return errors;
  }

  /**
   * A texture of zeros.
   *
   * @throws {DeviceError} if the context is lost, or a large one is more than the GPU has memory for.
   */
  create([width, height]: readonly [number, number]): WebGLTexture {
    this.checkContext();
    const gl = this.#gl;
    const texture = gl.createTexture()!;
    this.#bind(texture);
    for (const [name, value] of [
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
    ] as const)
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    if (this.channels === 1) gl.texStorage2D!(gl.TEXTURE_2D, 1, gl.R32F!, width, height);
    else {
      const zeros = new Float32Array(width * height * 4);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.FLOAT, zeros);
    }
    if (width * height >= LARGE) this.checkErrors();
    return texture;
  }

  /** Formats of `create`, as gpu.js's handles want them. */
  get formats(): { readonly internalFormat: number; readonly textureFormat: number } {
    const gl = this.#gl;
    return this.channels === 1
      ? { internalFormat: gl.R32F!, textureFormat: gl.RED! }
      : { internalFormat: gl.RGBA, textureFormat: gl.RGBA };
  }

  /** Overwrites numbers from `offset` on: at most a part of a row, whole rows, and a part of a row. */
  write(texture: WebGLTexture, width: number, offset: number, data: Float32Array): void {
    const gl = this.#gl;
    this.#bind(texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    let from = 0;
    for (const { x, y, width: columns, rows } of blocksOf(offset, data.length, width)) {
      const part = data.subarray(from, from + columns * rows);
      from += part.length;
      const texels = this.channels === 1 ? part : inRed(part);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, columns, rows, this.formats.textureFormat, gl.FLOAT, texels);
    }
  }

  /** Copies numbers between textures on the device, as many rectangles as `copySteps` counts. */
  copy(
    target: { readonly texture: WebGLTexture; readonly width: number; readonly offset: number },
    source: { readonly texture: WebGLTexture; readonly width: number; readonly offset: number },
    length: number,
  ): void {
    const gl = this.#gl;
    this.#attach(source.texture);
    this.#bind(target.texture);
    for (const step of copySteps(target, source, length)) {
      gl.copyTexSubImage2D(
        gl.TEXTURE_2D,
        0,
        step.toX,
        step.toY,
        step.fromX,
        step.fromY,
        step.width,
        step.rows,
      );
    }
  }

  /**
   * Numbers `start … end − 1`.
   *
   * @param packed four numbers a texel instead of one
   * @throws {DeviceError} if the context is lost, or a call since the last read failed.
   */
  read(texture: WebGLTexture, width: number, start: number, end: number, packed: boolean): Float32Array {
    const gl = this.#gl;
    const perTexel = packed ? 4 : 1;
    const perRow = width * perTexel;
    const firstRow = Math.floor(start / perRow);
    const rows = Math.ceil(end / perRow) - firstRow;
    this.#attach(texture);
    const tight =
      !packed &&
      this.channels === 1 &&
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_FORMAT) === gl.RED &&
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_TYPE) === gl.FLOAT;
    const texels = new Float32Array(width * rows * (tight ? 1 : 4));
    gl.readPixels(0, firstRow, width, rows, tight ? gl.RED! : gl.RGBA, gl.FLOAT, texels);
    this.checkErrors();
    const skip = start - firstRow * perRow;
    if (tight || packed) return texels.slice(skip, skip + end - start);
    return Float32Array.from({ length: end - start }, (_, i) => texels[(skip + i) * 4]!);
  }

  dispose(): void {
    this.#gl.deleteFramebuffer(this.#framebuffer);
  }

  #bind(texture: WebGLTexture): void {
    this.#gl.activeTexture(this.#gl.TEXTURE0 + SCRATCH_UNIT);
    this.#gl.bindTexture(this.#gl.TEXTURE_2D, texture);
  }

  #attach(texture: WebGLTexture): void {
    const gl = this.#gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  }
}

function blocksOf(offset: number, length: number, width: number): Block[] {
  const blocks: Block[] = [];
  let at = offset;
  const end = offset + length;
  while (at < end) {
    const x = at % width;
    const y = Math.floor(at / width);
    const whole = x === 0 ? Math.floor((end - at) / width) : 0;
    const block =
      whole > 0 ? { x, y, width, rows: whole } : { x, y, width: Math.min(width - x, end - at), rows: 1 };
    blocks.push(block);
    at += block.width * block.rows;
  }
  return blocks;
}

function inRed(numbers: Float32Array): Float32Array {
  const texels = new Float32Array(numbers.length * 4);
  for (let i = 0; i < numbers.length; i++) texels[i * 4] = numbers[i]!;
  return texels;
}

interface CopyStep {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly width: number;
  readonly rows: number;
}

/** The rectangles of a copy: cut wherever one of the two textures starts a new row. */
export function copySteps(
  target: { readonly width: number; readonly offset: number },
  source: { readonly width: number; readonly offset: number },
  length: number,
): CopyStep[] {
  const steps: CopyStep[] = [];
  let done = 0;
  while (done < length) {
    const fromX = (source.offset + done) % source.width;
    const toX = (target.offset + done) % target.width;
    const left = length - done;
    const rows =
      fromX === 0 && toX === 0 && source.width === target.width ? Math.floor(left / source.width) : 0;
    const width = rows > 0 ? source.width : Math.min(source.width - fromX, target.width - toX, left);
    const step = {
      fromX,
      fromY: Math.floor((source.offset + done) / source.width),
      toX,
      toY: Math.floor((target.offset + done) / target.width),
      width,
      rows: Math.max(1, rows),
    };
    steps.push(step);
    done += step.width * step.rows;
  }
  return steps;
}
