/** What a call that failed tells: a problem of the server (RFC 9457), or that no answer came. */
export class Failure extends Error {
  constructor(
    /** HTTP status; 0 if no answer came. */
    readonly status: number,
    /** What went wrong, for programs; `unreachable` if no answer came. */
    readonly code: string,
    title: string,
    /** Fields of the request that are at fault. */
    readonly fields: { name: string; reason: string }[] = [],
    /** Id by which the server's log names the request. */
    readonly requestId: string | null = null,
    /** Seconds after which the call may be made again. */
    readonly retryAfter: number | null = null,
  ) {
    super(title);
    this.name = "Failure";
  }

  /** Reads the failure of an answer. */
  static async of(response: Response): Promise<Failure> {
    const requestId = response.headers.get("X-Request-Id");
    const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
    const retryAfter = Number.isFinite(seconds) ? seconds : null;
    try {
      const { code, title, fields } = await response.json();
      return new Failure(response.status, String(code), String(title), fields ?? [], requestId, retryAfter);
    } catch {
      return new Failure(response.status, "unknown", response.statusText, [], requestId, retryAfter);
    }
  }

  /** Whether the same call may succeed later. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503;
  }
}
