import { Component, type ComponentChildren } from 'preact';

/** Keeps the rest of the page where a view fails, and says why it did. */
export class Boundary extends Component<
  { readonly children: ComponentChildren },
  { readonly error?: Error }
> {
  override state: { readonly error?: Error } = {};

  static override getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div class="note problem" role="alert">
        <p>This view has failed: {error.message}</p>
        <button type="button" onClick={() => this.setState({ error: undefined as never })}>
          Try again
        </button>
      </div>
    );
  }
}
