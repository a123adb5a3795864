/**
 * `headwise/templates`: the files of a new variant as text, for whoever has no file system.
 *
 * @module
 */
export {
  camelOf,
  dependsOnHead,
  namePattern,
  variantSource,
  variantTest,
  type WrittenScore,
} from './new/variant-template.ts';
