#!/usr/bin/env bash
# Expected: ONNX Attention's attn_mask "must be broadcastable to (batch, heads, queries, keys)", so a mask [queries, 1] of
#   zeros hides nothing, as in numpy and in every framework that masks by broadcasting.
# Happens: onnx's reference pads the last axis with -inf before it broadcasts, also where its size is 1: every key but
#   the first is hidden, silently. onnxruntime refuses the same model when it runs it.
# Source: the schema's next sentence ("the last dimension can also be shorter ... padded with negative infinity"), and
#   onnx/reference/ops/op_attention.py, where pad_width = keys - attn_mask.shape[-1] has no exception for 1.
# Matters: a model exported with a [.., 1] mask (one flag a query) gives the value of key 0, and runtimes disagree.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print('onnx', onnx.__version__, 'onnxruntime', onnxruntime.__version__)
def run(shape):
    value = lambda name, s: helper.make_tensor_value_info(name, TensorProto.FLOAT, s)
    node = helper.make_node('Attention', ['Q', 'K', 'V', 'M'], ['Y'], scale=1.0)
    inputs = [value('Q', [1, 1, 2, 1]), value('K', [1, 1, 3, 1]), value('V', [1, 1, 3, 1]), value('M', shape)]
    graph = helper.make_graph([node], 'g', inputs, [value('Y', [1, 1, 2, 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 24)], ir_version=11)
    feeds = {'Q': np.zeros([1, 1, 2, 1], np.float32), 'K': np.zeros([1, 1, 3, 1], np.float32),
             'V': np.array([1, 2, 3], np.float32).reshape(1, 1, 3, 1), 'M': np.zeros(shape, np.float32)}
    reference = ReferenceEvaluator(model).run(None, feeds)[0].ravel().tolist()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        runtime = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)[0].ravel().tolist()
    except Exception:
        runtime = 'refused'
    print('mask of zeros', shape, '-> reference', reference, 'onnxruntime', runtime)
    return reference, runtime
same = run([2, 3]) == ([2.0, 2.0], [2.0, 2.0]) and run([2, 1]) == ([1.0, 1.0], 'refused')
print('as described' if same else 'the behaviour changed')
sys.exit(0 if same else 1)
PY
