import type { Overview } from "./overview";

/** What can be wrong. */
export type TroubleKind =
  | "nodeLags"
  | "engineDown"
  | "writesRefused"
  | "writesOld"
  | "picturesWait"
  | "callsFail"
  | "jobsFailed"
  | "diskLow"
  | "backupOld";

export interface Trouble {
  kind: TroubleKind;
  /** Whether something does not work; else somebody should look. */
  isSevere: boolean;
  /** Names and numbers of the text. */
  values: Record<string, string | number>;
  /** Page on which it is mended, or looked into. */
  page: TroublePage | null;
}

export type TroublePage = "engines" | "calls" | "jobs" | "settings" | "statistics";

// The limits are those of the alerts in deploy/prometheus/alerts.yml, as far as there is such an alert.
const MAX_LAG_SECONDS = 10;
const MAX_WRITE_AGE_MS = 15 * 60_000;
const MAX_BACKUP_AGE_MS = 36 * 3_600_000;
const MIN_FREE_BYTES = 5e9;
/** Pictures that may wait for each worker. */
const MAX_WAITING_PER_WORKER = 4;
const MINUTES = 5;
const MIN_CALLS = 20;
const MAX_FAILED_SHARE = 0.2;
const HOUR_MS = 3_600_000;

/** Returns what is wrong, the worst first. Nothing: all is well. */
export function troublesOf(overview: Overview): Trouble[] {
  const troubles = [
    ...ofNodes(overview),
    ...ofEngines(overview),
    ...ofWork(overview),
    ...ofStorage(overview),
  ];
  return troubles.sort((a, b) => Number(b.isSevere) - Number(a.isSevere));
}

/** Returns how old a moment was when the server answered, in milliseconds. */
function ageOf(moment: string, { at }: Overview): number {
  return Date.parse(at) - Date.parse(moment);
}

function ofNodes({ nodes }: Overview): Trouble[] {
  return (nodes ?? [])
    .filter(({ behindSeconds }) => behindSeconds > MAX_LAG_SECONDS)
    .map(({ name, behindSeconds }) => {
      return { kind: "nodeLags", isSevere: false, values: { name, seconds: Math.round(behindSeconds) }, page: null };
    });
}

function ofEngines(overview: Overview): Trouble[] {
  return (overview.engines ?? []).flatMap(({ name, isUp, writes }): Trouble[] => {
    const { waiting = 0, refused = 0, oldestAt } = writes ?? {};
    const troubles: Trouble[] = [];
    if (isUp === false) troubles.push({ kind: "engineDown", isSevere: true, values: { name }, page: "engines" });
    if (refused > 0) troubles.push({ kind: "writesRefused", isSevere: true, values: { name, writes: refused }, page: "engines" });
    if (waiting > 0 && oldestAt && ageOf(oldestAt, overview) > MAX_WRITE_AGE_MS) {
      const minutes = Math.round(ageOf(oldestAt, overview) / 60_000);
      troubles.push({ kind: "writesOld", isSevere: false, values: { name, writes: waiting, minutes }, page: "engines" });
    }
    return troubles;
  });
}

function ofWork({ recognition, minutes, jobs }: Overview): Trouble[] {
  const troubles: Trouble[] = [];
  if (recognition && recognition.waiting > recognition.workers * MAX_WAITING_PER_WORKER) {
    troubles.push({ kind: "picturesWait", isSevere: false, values: { pictures: recognition.waiting }, page: "statistics" });
  }
  const latest = minutes.slice(-MINUTES);
  const calls = latest.reduce((sum, minute) => sum + minute.calls, 0);
  const failed = latest.reduce((sum, minute) => sum + minute.failed, 0);
  if (calls >= MIN_CALLS && failed / calls > MAX_FAILED_SHARE) {
    troubles.push({ kind: "callsFail", isSevere: false, values: { calls, failed, minutes: MINUTES }, page: "calls" });
  }
  if (jobs.failed > 0) {
    troubles.push({ kind: "jobsFailed", isSevere: false, values: { jobs: jobs.failed }, page: "jobs" });
  }
  return troubles;
}

function ofStorage(overview: Overview): Trouble[] {
  const { storage } = overview;
  const troubles: Trouble[] = [];
  if (typeof storage?.freeBytes === "number" && storage.freeBytes < MIN_FREE_BYTES) {
    const gigabytes = (storage.freeBytes / 1e9).toFixed(1);
    troubles.push({ kind: "diskLow", isSevere: true, values: { gigabytes }, page: "settings" });
  }
  // A server that was never backed up may be saved by other means.
  if (storage?.lastBackupAt && ageOf(storage.lastBackupAt, overview) > MAX_BACKUP_AGE_MS) {
    const hours = Math.round(ageOf(storage.lastBackupAt, overview) / HOUR_MS);
    troubles.push({ kind: "backupOld", isSevere: false, values: { hours }, page: null });
  }
  return troubles;
}
