import type { AttentionVariant } from '@headwise/attention-variants';

/** Whether a value has what the suite calls on a variant. */
export function isVariant(value: unknown): value is AttentionVariant {
  const wanted = ['parameters', 'kv', 'cost', 'layer', 'check'] as const;
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as AttentionVariant).name === 'string' &&
    wanted.every((method) => typeof (value as AttentionVariant)[method] === 'function')
  );
}
