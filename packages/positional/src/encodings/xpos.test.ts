import golden from '../../golden/xpos.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { xpos } from './xpos.ts';

checkEncoding(xpos, {
  golden,
  except: {
    'the length of a vector stays, but for the attention factor': 'queries are stretched and keys shrunk',
  },
});
