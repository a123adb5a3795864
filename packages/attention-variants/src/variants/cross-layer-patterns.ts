import { checkGiven, ValueError } from '@headwise/tensor';
import { checkChoice, checkCount } from '../checks.ts';

/** The sharing patterns of the paper (figure 2 and section 3.1). */
export type SharingPattern = 'uniform' | 'keep-ends' | 'dense-front' | 'dense-back';

/** Their names. */
export const sharingPatterns = ['uniform', 'keep-ends', 'dense-front', 'dense-back'] as const;

/**
 * The layer whose keys and values each layer reads, itself where it has its own.
 *
 * ```text
 * 10 layers, factor 3, uniform      0 | 1 1 1 | 4 4 4 | 7 7 7        the odd group stands at layer 0
 * 20 layers, factor 2, keep-ends    0 | 1 1 | 3 3 | … | 17 17 | 19   11 layers with keys and values
 *                      dense-front  0 1 2 … 9 | 9 × 9 | 19           11
 *                      dense-back   0 1 | 1 × 9 | 11 12 … 19         11
 * ```
 *
 * Every other pattern is compared with keep-ends at an equal number of layers that keep something, so that
 * dense-front and dense-back keep `(layers − 2) / factor + 2` too. The text of the paper says that the run of
 * dense-back is 10 layers long; 2 + 10 + 9 would be 21 layers of a model of 20, and its table says 11 layers
 * with keys and values, so the run is 9. Of uniform with factor 3 at depth 20 the paper fixes the count only
 * (7); its figure draws depth 10, whose rule (short group first) is taken here.
 *
 * @throws {ValueError} if the pattern does not fit the depth.
 */
export function producers(pattern: SharingPattern, layers: number, factor: number): readonly number[] {
  checkCount('cross-layer', 'layers', layers);
  checkCount('cross-layer', 'factor', factor);
  checkChoice('cross-layer', 'pattern', pattern, sharingPatterns);
  if (factor > layers) {
    throw new ValueError(
      'cross-layer',
      'factor',
      `must be at most the ${layers} layers of the model`,
      factor,
    );
  }
  const depth = Array.from({ length: layers }, (_, layer) => layer);
  if (pattern === 'uniform') {
    const odd = layers % factor;
    return depth.map((layer) => (layer < odd ? 0 : layer - ((layer - odd) % factor)));
  }

  if (layers < 3 || (layers - 2) % factor !== 0) {
    const rule = `does not fit: ${layers} layers, less the two ends, are not groups of ${factor}`;
    throw new ValueError('cross-layer', 'pattern', rule, pattern);
  }
  const owners = (layers - 2) / factor + 2;
  if (pattern === 'keep-ends') {
    return depth.map((layer) =>
      layer === 0 || layer === layers - 1 ? layer : layer - ((layer - 1) % factor),
    );
  }
  if (pattern === 'dense-front') {
    return depth.map((layer) => (layer === layers - 1 ? layer : Math.min(layer, owners - 2)));
  }
  return depth.map((layer) => (layer > 1 && layer < layers - (owners - 2) ? 1 : layer));
}

/**
 * Checks a table of producers that a person wrote.
 *
 * @throws {ValueError} if it has another length, or a producer does not exist, comes later or has no keys and
 * values of its own.
 */
export function checkProducers(table: readonly number[], layers: number): void {
  checkGiven('checkProducers', { table, layers });
  const fail = (argument: string, rule: string, got: unknown): never => {
    throw new ValueError('cross-layer', argument, rule, got);
  };
  if (table.length !== layers)
    fail('pattern', `must name the producer of each of the ${layers} layers`, table);
  table.forEach((producer, layer) => {
    const argument = `the producer of layer ${layer}`;
    if (!Number.isInteger(producer) || producer < 0 || producer >= layers)
      fail(argument, `does not exist: it must be a layer from 0 to ${layers - 1}`, producer);
    if (producer > layer)
      fail(argument, `comes later: it must be layer ${layer} or an earlier one`, producer);
    if (table[producer] !== producer)
      fail(argument, `has no keys and values of its own: it reads layer ${table[producer]}`, producer);
  });
}
