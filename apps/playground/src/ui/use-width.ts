import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** Whole pixels that an element is wide inside; 0 until it is known. */
export function useWidth(place: { readonly current: HTMLElement | null }): ReadonlySignal<number> {
  const width = useSignal(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      width.value = Math.floor(entry!.contentRect.width);
    });
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}
