import type { ConfigFields } from './config-fields.ts';

/** Width of a model, and its heads. */
export interface HeadSizes {
  readonly E: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
}

/**
 * `hidden_size`, `num_attention_heads`, `num_key_value_heads` (default all; `null` means all everywhere) and `head_dim`
 * (default hidden_size / num_attention_heads), with a problem where they do not go together. Never throws.
 *
 * @param silent what a family has where its file is silent, and the others do not
 */
export function headSizes(
  fields: ConfigFields,
  silent: { readonly Hkv?: number; readonly D?: number } = {},
): HeadSizes {
  const { problems } = fields;
  const H = fields.count('num_attention_heads');
  const E = fields.count('hidden_size');
  const all = fields.get('num_key_value_heads') === null || silent.Hkv === undefined;
  const Hkv = fields.count('num_key_value_heads', all ? H : silent.Hkv);
  const D = fields.count('head_dim', silent.D ?? Math.max(2, Math.floor(E / H)));
  if (H % Hkv !== 0 && fields.sound('num_attention_heads', 'num_key_value_heads'))
    problems.push(`num_attention_heads ${H} must be a multiple of num_key_value_heads ${Hkv}`);
  const said = fields.has('head_dim') || silent.D !== undefined;
  if (!said && E % H !== 0 && fields.sound('hidden_size', 'num_attention_heads'))
    problems.push(
      `hidden_size ${E} must be a multiple of num_attention_heads ${H}, where there is no head_dim`,
    );
  else if (D % 2 !== 0 && fields.sound(...(said ? ['head_dim'] : ['hidden_size', 'num_attention_heads']))) {
    const width = said ? `head_dim ${D}` : `hidden_size ${E} / num_attention_heads ${H}`;
    problems.push(`${width} must be even, since its numbers turn in pairs`);
  }
  return { E, H, Hkv, D };
}
