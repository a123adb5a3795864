import type { LoadProgress } from '@headwise/models';
import type { HandlerContext } from '../handler.ts';
import { closeModel, type ModelFacts, type ModelPlace, openedModel, openModel } from '../opened-model.ts';

declare module '../engine.ts' {
  interface Asks {
    'model.open': { params: ModelPlace; result: ModelFacts; progress: LoadProgress };
    'model.close': { params: undefined; result: undefined };
    'model.opened': { params: undefined; result: ModelFacts | undefined };
  }
}

/** Opens a model from disk or a URL; from then on the views use it. */
export async function open(place: ModelPlace, context: HandlerContext): Promise<ModelFacts> {
  return openModel(place, await context.device(), context);
}

/** Back to the model that lies beside the page. */
export function close(): undefined {
  closeModel();
}

/** What is open; undefined for the shipped one. */
export function opened(): ModelFacts | undefined {
  return openedModel()?.facts;
}
