import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A Slurm of one node that lives in a folder of its own: nothing of a Slurm that the machine may have is touched. */
export interface Cluster {
  /** Where `sbatch`, `squeue` and `scancel` find it. */
  readonly env: NodeJS.ProcessEnv;
  run(command: string, ...args: string[]): string;
  /** Resolves when no task of a job is waiting or running. */
  ended(job: string): Promise<void>;
  stop(): Promise<void>;
}

/** Ports that a Slurm of the machine does not use by itself (6817, 6818). */
const [CONTROLLER_PORT, NODE_PORT] = [26817, 26818];
/** Ends what hangs, and nothing else. */
const HANGS_MS = 300_000;

/** @returns why none can be started here, where that is known before trying. */
export function whyNoSlurm(): string | undefined {
  if (process.platform !== 'linux') return `Slurm runs on Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'its daemons are started by root, and this is another user';
  const missing = ['munged', 'slurmctld', 'slurmd', 'sbatch'].filter((name) => !isInstalled(name));
  if (missing.length > 0)
    return `there is no ${missing.join(', ')}: apt-get install slurm-wlm munge (Debian, Ubuntu)`;
  return undefined;
}

function isInstalled(name: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin'].some((folder) =>
    existsSync(join(folder, name)),
  );
}

/** @throws {Error} with what the daemons logged, if one of them does not start. */
export async function startSlurm(): Promise<Cluster> {
  // its sockets have paths of at most 107 bytes
  const folder = mkdtempSync(join(tmpdir(), 'slurm-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['state', 'spool']) mkdirSync(at(name));
  writeFileSync(at('munge.key'), randomBytes(1024), { mode: 0o600 });
  writeFileSync(at('slurm.conf'), configuration(folder));
  const env = {
    ...process.env,
    SLURM_CONF: at('slurm.conf'),
    PATH: `${process.env.PATH}:/usr/sbin:/usr/bin`,
  };
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const cluster: Cluster = {
    env,
    run,
    ended: (job) => until(() => isOver(run, job), `job ${job} does not end: ${logs(folder)}`),
    async stop() {
      for (const daemon of ['slurmd', 'slurmctld', 'munged']) await end(at(`${daemon}.pid`));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    run(
      'munged',
      '--force', // the folder of the socket is open to others, as one for temporary files is
      ...['key-file=munge.key', 'socket=munge.socket', 'pid-file=munged.pid'].map((option) =>
        long(option, at),
      ),
      ...['log-file=munged.log', 'seed-file=munge.seed'].map((option) => long(option, at)),
    );
    run('slurmctld', '-c', '-f', at('slurm.conf'));
    startNode(run, folder);
    await until(() => /\bidle\b/.test(run('sinfo', '-h', '-o', '%T')), 'the node does not become idle');
    return cluster;
  } catch (error) {
    const why = `${(error as Error).message}\n${logs(folder)}`;
    await cluster.stop();
    throw new Error(why);
  }
}

function long(option: string, at: (name: string) => string): string {
  const [name, file] = option.split('=') as [string, string];
  return `--${name}=${at(file)}`;
}

/** A node that pretends to have room for all tasks at once, and asks the kernel for nothing that a container lacks. */
function configuration(folder: string): string {
  const name = hostname().split('.')[0];
  return `ClusterName=headwise
SlurmctldHost=${name}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
CredType=cred/munge
SlurmctldPort=${CONTROLLER_PORT}
SlurmdPort=${NODE_PORT}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
KillWait=2
ReturnToService=2
NodeName=${name} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}

/** Versions differ in which plugin of control groups starts where none is there to control. */
function startNode(run: Cluster['run'], folder: string): void {
  const plugins = ['disabled', 'cgroup/v1', 'autodetect', 'cgroup/v2'];
  for (const plugin of plugins) {
    writeFileSync(join(folder, 'cgroup.conf'), `CgroupPlugin=${plugin}\n`);
    try {
      run('slurmd', '-f', join(folder, 'slurm.conf'));
      return;
    } catch (error) {
      if (plugin === plugins.at(-1)) throw error;
    }
  }
}

function isOver(run: Cluster['run'], job: string): boolean {
  try {
    return run('squeue', '-h', '-j', job).trim() === '';
  } catch (error) {
    // one that ended a while ago is forgotten
    if (/Invalid job id/.test(String((error as { stderr?: string }).stderr))) return true;
    throw error;
  }
}

async function end(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const isThere = (): boolean => existsSync(`/proc/${pid}`);
  if (isThere()) process.kill(pid, 'SIGTERM');
  await until(() => !isThere(), `process ${pid} of ${pidFile} does not end`);
}

/** @throws {Error} with `otherwise` where it hangs. */
export async function until(holds: () => boolean, otherwise: string): Promise<void> {
  const began = Date.now();
  while (!holds()) {
    if (Date.now() - began > HANGS_MS) throw new Error(otherwise);
    await wait(100);
  }
}

function logs(folder: string): string {
  return ['munged', 'slurmctld', 'slurmd']
    .map((name) => join(folder, `${name}.log`))
    .filter((file) => existsSync(file))
    .map((file) => `${file}:\n${readFileSync(file, 'utf8').split('\n').slice(-8).join('\n')}`)
    .join('\n');
}
