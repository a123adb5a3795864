import { checkDevice } from '../../testing/check-device.ts';
import { GpujsDevice } from './device.ts';
import { GlEngine } from './gl-engine.ts';
import { loadGpujs } from './library.ts';

const free = 'GLSL lets a GPU treat NaN as it likes';
const turns = 'a thread would loop more than 65,535 times, where headless-gl stops: it is refused';

// headless-gl is WebGL 1 outside a browser; its native build is not there everywhere, the browser's WebGL 1 is
checkDevice(
  'gpujs:headlessgl, on the WebGL 1 of a browser',
  async () => {
    const library = await loadGpujs('gpujs:headlessgl');
    const gpu = new library.GPU({ mode: 'webgl' });
    const getExtension = WebGLRenderingContext.prototype.getExtension as (name: string) => unknown;
    WebGLRenderingContext.prototype.getExtension = function (this: WebGLRenderingContext, name: string) {
      // what tells headless-gl from a browser
      return name === 'STACKGL_destroy_context' ? {} : getExtension.call(this, name);
    } as typeof WebGLRenderingContext.prototype.getExtension;
    return new GpujsDevice(new GlEngine(gpu, 'headlessgl', {}), () => {
      void gpu.destroy();
    });
  },
  {
    except: {
      'NaN in a seen key reaches the rows that see it, and no other': free,
      'softmax NaN beside −∞': free,
      'logSoftmax NaN beside −∞': free,
      'reduce sum that is infinite, or NaN': free,
      'softmax 262144 numbers': turns,
      'softmax 262144 equal numbers': turns,
      'logSoftmax 262144 numbers': turns,
      ...Object.fromEntries(
        [1, 5].flatMap((Lq) =>
          ['', 'lse of '].map((what) => [`attention ${what}many keys [1, ${Lq}, 1/1, 4] × 65000`, turns]),
        ),
      ),
    },
  },
);
