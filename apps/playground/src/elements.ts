/** @throws {Error} if the page has no such element: page and script do not belong together. */
export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} #${id}`);
}

/** A check box with its words, and a line of explanation under it. */
export function choice(options: {
  readonly name: string;
  readonly value: string;
  readonly label: string;
  readonly note: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
}): HTMLLabelElement {
  const { name, value, label, note, checked, disabled = false } = options;
  const box = Object.assign(document.createElement('input'), {
    type: 'checkbox',
    name,
    value,
    checked,
    disabled,
  });
  const words = Object.assign(document.createElement('span'), { textContent: label });
  const small = Object.assign(document.createElement('small'), { textContent: note });
  const whole = Object.assign(document.createElement('label'), { className: 'choice' });
  whole.append(box, words, small);
  return whole;
}

/** Values of the checked boxes of a name. */
export function chosen(form: HTMLFormElement, name: string): string[] {
  return [...form.querySelectorAll<HTMLInputElement>(`input[name="${name}"]:checked`)].map(
    ({ value }) => value,
  );
}

/** Offers a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
