import { checkFamily } from '../testing/family.ts';
import { falcon } from './falcon.ts';

checkFamily(falcon, 'falcon_mq-a', 'falcon_alibi-a', 'falcon_new-a');
