import { rleFromJson, type RleJson } from "../masks/rle";
import type { Candidate, Prompt } from "../state/scene";

/** What the server answered instead of what was asked, or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}

export interface UploadedPicture {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

export interface UploadProgress {
  /** 0 to 1; stays at 1 while the server encodes the picture. */
  (sent: number): void;
}

interface MaskJson {
  rle: RleJson;
  score?: number;
  predicted_iou?: number;
}

// Of the grid for everything: a quarter of the reference's prompts, because somebody is waiting. Objects smaller than
// a sixteenth of the picture between its points can be missed; a click finds them.
const POINTS_PER_SIDE = 16;

/** The routes of `facet serve` that the page uses. Masks travel as COCO run lengths. */
export class Api {
  /** Sent with every request when the server asks for one. */
  token: string | null = null;
  /** The model to ask; null: the server's first. */
  model: string | null = null;

  /** `base` ends in a slash. */
  constructor(private readonly base: string) {}

  // Not fetch(): it cannot tell how much of a body has left.
  uploadPicture(bytes: Uint8Array<ArrayBuffer>, type: string, progress: UploadProgress, signal: AbortSignal): Promise<UploadedPicture> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", this.url("v1/images"));
      request.setRequestHeader("Content-Type", type);
      if (this.token) request.setRequestHeader("Authorization", `Bearer ${this.token}`);
      request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
      request.upload.onload = () => progress(1);
      request.onload = () => {
        const failure = failureOf(request.status, request.responseText, request.getResponseHeader("Retry-After"));
        if (failure) reject(failure);
        else resolve(JSON.parse(request.responseText) as UploadedPicture);
      };
      request.onerror = () => reject(unreachable());
      request.onabort = () => reject(signal.reason);
      signal.addEventListener("abort", () => request.abort(), { once: true });
      request.send(bytes);
    });
  }

  async predict(id: string, prompt: Prompt, multimask: boolean, signal: AbortSignal): Promise<Candidate[]> {
    const body = { objects: [promptJson(prompt)], multimask, format: "rle" };
    const answer = await this.post<{ objects: { masks: MaskJson[] }[] }>(imagePath(id, "/masks"), body, signal);
    return answer.objects[0].masks.map(candidate);
  }

  async everything(id: string, signal: AbortSignal): Promise<Candidate[]> {
    const body = { format: "rle", points_per_side: POINTS_PER_SIDE };
    const answer = await this.post<{ masks: MaskJson[] }>(imagePath(id, "/everything"), body, signal);
    return answer.masks.map(candidate);
  }

  /** The names of the models that serve, the first one is the default; empty when the server does not say. */
  async models(): Promise<string[]> {
    const response = await fetch(`${this.base}v1/models`, { headers: this.headers() }).catch(() => null);
    if (!response?.ok) return [];
    const { models } = (await response.json()) as { models: { name: string; serving: boolean }[] };
    return models.filter(({ serving }) => serving).map(({ name }) => name);
  }

  private url(path: string): string {
    return this.base + path + (this.model === null ? "" : `?model=${encodeURIComponent(this.model)}`);
  }

  private async post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    const headers = { ...this.headers(), "Content-Type": "application/json" };
    const response = await fetch(this.url(path), { method: "POST", headers, body: JSON.stringify(body), signal }).catch(
      (error: unknown) => {
        throw signal.aborted ? signal.reason : error instanceof TypeError ? unreachable() : error;
      },
    );
    const text = await response.text();
    const failure = failureOf(response.status, text, response.headers.get("Retry-After"));
    if (failure) throw failure;
    return JSON.parse(text) as T;
  }

  private headers(): Record<string, string> {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }
}

function imagePath(id: string, rest: string): string {
  return `v1/images/${encodeURIComponent(id)}${rest}`;
}

export function promptJson({ points, box }: Prompt): Record<string, unknown> {
  return {
    ...(points.length > 0 && {
      points: points.map(({ x, y }) => [x, y]),
      labels: points.map(({ label }) => label),
    }),
    ...(box && { box: [box.x0, box.y0, box.x1, box.y1] }),
  };
}

function candidate(mask: MaskJson): Candidate {
  return { rle: rleFromJson(mask.rle), score: mask.score ?? mask.predicted_iou ?? 0 };
}

function unreachable(): ApiError {
  return new ApiError(0, "unreachable", "The server cannot be reached.");
}

interface ErrorJson {
  error?: { code?: string; message?: string };
  detail?: string | { loc?: (string | number)[]; msg?: string }[];
}

/** Null for a success. */
export function failureOf(status: number, body: string, retryAfter: string | null): ApiError | null {
  if (status >= 200 && status < 300) return null;
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null;
  const { error, detail } = parseError(body);
  const message = error?.message ?? detailText(detail) ?? `The server answered with status ${status}.`;
  return new ApiError(status, error?.code ?? "", message, seconds);
}

function parseError(body: string): ErrorJson {
  try {
    return (JSON.parse(body) as ErrorJson | null) ?? {};
  } catch {
    return {};
  }
}

function detailText(detail: ErrorJson["detail"]): string | undefined {
  if (typeof detail === "string") return detail;
  return detail?.map(({ loc, msg }) => `${(loc ?? []).slice(1).join(".")}: ${msg}`).join("; ");
}
