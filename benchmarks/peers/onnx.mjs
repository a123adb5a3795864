/** Writes a small ONNX model as protobuf bytes: no Python, no schema compiler. Field numbers from onnx.proto. */
const text = new TextEncoder();

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

const integer = (field, value) => Uint8Array.from([...varint(field << 3), ...varint(value)]);
const float = (field, value) =>
  Uint8Array.from([...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]);

function message(field, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [...varint((field << 3) | 2), ...varint(length)];
  const out = new Uint8Array(head.length + length);
  out.set(head);
  let at = head.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
const string = (field, value) => message(field, text.encode(value));

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const types = { float32: FLOAT, int32: INT32, int64: INT64 };

function attribute([name, value]) {
  if (typeof value === 'object') return message(5, string(1, name), float(2, value.float), integer(20, 1));
  return message(5, string(1, name), integer(3, value), integer(20, 2));
}

function node({ op, inputs, outputs, attributes = {}, domain }, index) {
  return message(
    1,
    ...inputs.map((name) => string(1, name)),
    ...outputs.map((name) => string(2, name)),
    string(3, `${op}_${index}`),
    string(4, op),
    ...Object.entries(attributes).map(attribute),
    ...(domain ? [string(7, domain)] : []),
  );
}

function constant([name, { dims, data, integers }]) {
  const raw = data ?? BigInt64Array.from(integers, BigInt);
  const bytes = new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
  return message(
    5,
    ...dims.map((d) => integer(1, d)),
    integer(2, data ? FLOAT : INT64),
    string(8, name),
    message(9, bytes),
  );
}

const valueInfo = (field, [name, value]) => {
  const { dims, type } = Array.isArray(value) ? { dims: value, type: 'float32' } : value;
  const shape = dims.map((d) => message(1, typeof d === 'string' ? string(2, d) : integer(1, d)));
  return message(
    field,
    string(1, name),
    message(2, message(1, integer(1, types[type]), message(2, ...shape))),
  );
};

/**
 * `{ opset, nodes, constants, inputs, outputs }` → bytes of a ModelProto. Inputs and outputs by name: sizes, or
 * `{ dims, type }`; a size may be a name.
 */
export function encodeModel({ opset = 21, nodes, constants = {}, inputs, outputs }) {
  const graph = message(
    7,
    ...nodes.map(node),
    string(2, 'peers'),
    ...Object.entries(constants).map(constant),
    ...Object.entries(inputs).map((entry) => valueInfo(11, entry)),
    ...Object.entries(outputs).map((entry) => valueInfo(12, entry)),
  );
  const imports = [
    ['', opset],
    ['com.microsoft', 1],
  ].map(([domain, version]) => message(8, string(1, domain), integer(2, version)));
  return new Uint8Array(Buffer.concat([integer(1, 10), string(2, 'peers'), graph, ...imports]));
}
