import { type DeviceReport, printable } from '@headwise/tensor';
import { isOn, type Options } from '../arguments.ts';
import { openDevice, reportDevices } from '../devices.ts';
import { exitCodes, type Io } from '../io.ts';
import { jsonLine } from '../output.ts';

/** `headwise devices`: every device, whether it works here, and if not why and how to get it. */
export async function runDevices(options: Options, io: Io): Promise<number> {
  const reports = await reportDevices();
  const chosen = await openDevice('auto');
  const auto = chosen.name;
  chosen.dispose();
  if (isOn(options, 'json')) {
    const devices = reports.map((report) => ({ ...report, ok: report.reasons.length === 0 }));
    io.out(jsonLine({ auto, devices }));
    return exitCodes.ok;
  }
  const width = Math.max(...reports.map(({ name }) => name.length));
  for (const report of reports)
    io.out(`${report.name.padEnd(width)}  ${printable(story(report, width + 2))}\n`);
  io.out(`\n--device auto takes ${auto}\n`);
  return exitCodes.ok;
}

function story({ reasons, cure, details = {} }: DeviceReport, indent: number): string {
  if (reasons.length === 0) {
    const known = Object.entries(details).map(([key, value]) => `${key}: ${value}`);
    return ['ok', ...known].join('  ');
  }
  const lines = [...reasons, ...(cure === undefined ? [] : [cure])];
  return [`not here: ${lines[0]}`, ...lines.slice(1)].join(`\n${' '.repeat(indent)}`);
}
