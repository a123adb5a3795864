import { defineView } from '../../view.ts';

export default defineView({
  id: 'attention',
  title: 'Attention',
  summary:
    'A small trained model reads your text. Follow a token from its query to the keys it looks at, and see what each variant keeps for the next one.',
  defaults: { text: 'Once upon a time there was a little cat.' },
  Component: ({ state }) => (
    <section class="panel">
      <textarea
        aria-label="Text"
        rows={2}
        value={state.text.value}
        onInput={({ currentTarget }) => {
          state.text.value = currentTarget.value;
        }}
      />
    </section>
  ),
});
