import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** Panels of which one is in sight; arrow keys go from tab to tab. */
export function Tabs<Name extends string>(props: {
  readonly label: string;
  readonly value: Name;
  readonly tabs: readonly { readonly value: Name; readonly label: string }[];
  readonly onChange: (value: Name) => void;
  /** The panel of the chosen tab. */
  readonly children: ComponentChildren;
}) {
  const { label, value, tabs, onChange, children } = props;
  const id = useId();
  const move = (event: KeyboardEvent): void => {
    const at = tabs.findIndex((tab) => tab.value === value);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    const next = tabs[(to + tabs.length) % tabs.length]!;
    onChange(next.value);
    document.getElementById(`${id}-${next.value}`)?.focus();
    event.preventDefault();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label}>
        {tabs.map((tab) => (
          <button
            key={tab.value}
            id={`${id}-${tab.value}`}
            type="button"
            role="tab"
            aria-selected={tab.value === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.value === value ? 0 : -1}
            onClick={() => onChange(tab.value)}
            onKeyDown={move}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${value}`}>
        {children}
      </div>
    </>
  );
}
