import type { Signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import type { Engine } from './engine/engine.ts';

/** What a link can hold. */
export type Value = string | number | boolean;
export type Defaults = Readonly<Record<string, Value>>;

type Widened<Of> = Of extends boolean ? boolean : Of extends number ? number : string;

/** What a view shows, a signal a name: read it to follow it, write it and the link says so. */
export type ViewState<Of extends Defaults> = { readonly [Name in keyof Of]: Signal<Widened<Of[Name]>> };

export interface ViewProps<Of extends Defaults = Defaults> {
  readonly state: ViewState<Of>;
  readonly engine: Engine;
  /** Says something to those who do not see it, when they are done listening to what is being said. */
  readonly announce: (text: string) => void;
}

/** One view of the playground: the default export of `views/<id>/view.tsx`. */
// biome-ignore lint/suspicious/noExplicitAny: a view of any state; defineView keeps the exact type
export interface View<Of extends Defaults = any> {
  readonly id: string;
  readonly title: string;
  /** One sentence, under the title. */
  readonly summary: string;
  /** Every name that a link to this view may say, with what it is when the link does not. */
  readonly defaults: Of;
  readonly Component: ComponentType<ViewProps<Of>>;
}

/** Keeps the type of the state. Never throws. */
export function defineView<const Of extends Defaults>(view: View<Of>): View<Of> {
  return view;
}
