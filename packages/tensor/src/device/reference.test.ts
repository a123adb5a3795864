import { checkDevice } from '../testing/check-device.ts';
import { createReference } from './reference.ts';

checkDevice('reference', async () => createReference());
