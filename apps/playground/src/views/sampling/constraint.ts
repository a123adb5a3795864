import { constrain, type Filter, jsonSchemaMatcher, type Matcher, type Pieces } from '@headwise/sampling';
import type { ConstraintPicture } from './picture.ts';

/** Characters that are named in a reason. */
const NAMED = 6;

/** A JSON schema over a vocabulary, with words for what it forbids. */
export interface Constraint {
  readonly filter: Filter;
  readonly matcher: Matcher;
  readonly pieces: Pieces;
  readonly endIds: readonly number[];
}

/** @throws {SamplingError} naming the keyword that has no grammar; {SyntaxError} for a text that is no JSON. */
export function constraintOf(schema: string, pieces: Pieces, endIds: readonly number[]): Constraint {
  const matcher = jsonSchemaMatcher(JSON.parse(schema));
  return { filter: constrain(matcher, { pieces, endIds }), matcher, pieces, endIds };
}

/** Where the text of these tokens leads: a state, or −1. */
export function stateAfter({ matcher, pieces }: Constraint, ids: readonly number[]): number {
  return ids.reduce((state, id) => walk(matcher, state, bytesOf(pieces[id])).state, matcher.start);
}

/** What may come, and how many tokens may not. */
export function constraintPicture(
  constraint: Constraint,
  generated: readonly number[],
  forbidden: number,
): ConstraintPicture {
  const state = stateAfter(constraint, generated);
  const decoder = new TextDecoder();
  const text = generated
    .map((id) => decoder.decode(bytesOf(constraint.pieces[id]), { stream: true }))
    .join('');
  return {
    text,
    forbidden,
    complete: state >= 0 && constraint.matcher.accepts(state),
    next: nextOf(constraint.matcher, state),
  };
}

/** Why a token may not come after these. */
export function reasonAgainst(constraint: Constraint, generated: readonly number[], id: number): string {
  const { matcher, pieces, endIds } = constraint;
  const state = stateAfter(constraint, generated);
  if (endIds.includes(id)) return `the text is not complete: next must be ${nextOf(matcher, state)}`;
  const bytes = bytesOf(pieces[id]);
  if (bytes.length === 0) return 'it stands for no text';
  const { at, state: reached } = walk(matcher, state, bytes);
  const begun = at > 0 ? ` after ${quoted(bytes.subarray(0, at))}` : '';
  return `${quoted(bytes.subarray(at, at + 1))} may not come${begun}: next must be ${nextOf(matcher, reached)}`;
}

/** As far as the bytes may go: how many, and the state before the first that may not. */
function walk(matcher: Matcher, from: number, bytes: Uint8Array): { at: number; state: number } {
  let state = from;
  for (let at = 0; at < bytes.length; at++) {
    const next = matcher.next(state, bytes[at]!);
    if (next < 0) return { at, state };
    state = next;
  }
  return { at: bytes.length, state };
}

/** The characters that may come next, the first few by name. */
function nextOf(matcher: Matcher, state: number): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter(
    (byte) => matcher.next(state, byte) >= 0,
  );
  if (bytes.length === 0) return 'the end';
  const named = bytes.slice(0, NAMED).map((byte) => quoted(Uint8Array.of(byte)));
  const more = bytes.length - named.length;
  return `${named.join(' ')}${more > 0 ? ` or one of ${more} others` : ''}`;
}

function quoted(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  const plain = bytes.every((byte) => byte > 0x20 && byte < 0x7f);
  if (plain) return `‘${text}’`;
  if (text === ' ') return 'a blank';
  return [...bytes].map((byte) => `byte ${byte.toString(16).padStart(2, '0')}`).join(' ');
}

function bytesOf(piece: Pieces[number]): Uint8Array {
  if (piece === null || piece === undefined) return new Uint8Array(0);
  return typeof piece === 'string' ? new TextEncoder().encode(piece) : piece;
}
