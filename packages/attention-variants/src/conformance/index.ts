export { plainStates } from './plain-states.ts';
