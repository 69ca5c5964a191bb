import { describe, expect, it } from "vitest";
import type { Picture } from "../src/pictures/picture";
import { ApiError, failureOf, type Api } from "../src/server/api";
import { PictureSession } from "../src/server/picture_session";
import type { Prompt } from "../src/state/scene";

const PICTURE = { name: "p.png", type: "image/png", bytes: new Uint8Array(3), width: 8, height: 6 } as Picture;
const PROMPT: Prompt = { points: [{ x: 1, y: 1, label: 1 }], box: null };

// A server by script: what it answers, call by call; an error is thrown.
function setUp(uploads: unknown[], predictions: unknown[]) {
  const calls: string[] = [];
  const waits: number[] = [];
  const next = async (list: unknown[]): Promise<never> => {
    const answer = list.shift();
    if (answer instanceof Error) throw answer;
    return answer as never;
  };
  const api = {
    uploadPicture: () => (calls.push("upload"), next(uploads)),
    predict: (id: string) => (calls.push(`predict ${id}`), next(predictions)),
  } as unknown as Api;
  const events = { uploading: () => undefined, uploaded: () => undefined, waiting: (seconds: number) => void waits.push(seconds) };
  const session = new PictureSession(api, PICTURE, events, async (ms) => void waits.push(ms));
  return { session, calls, waits };
}

const uploaded = (id: string) => ({ id, width: 8, height: 6 });
const signal = new AbortController().signal;

describe("a picture at the server", () => {
  it("is sent once for many questions", async () => {
    const { session, calls } = setUp([uploaded("a")], [["m1"], ["m2"]]);
    const answers = await Promise.all([session.predict(PROMPT, true, signal), session.predict(PROMPT, true, signal)]);
    expect(answers).toEqual([["m1"], ["m2"]]);
    expect(calls).toEqual(["upload", "predict a", "predict a"]);
  });

  it.each([404, 410])("is sent again by itself when the server has dropped it (%i)", async (status) => {
    const gone = new ApiError(status, "gone", "gone");
    const { session, calls } = setUp([uploaded("a"), uploaded("b")], [gone, ["m"]]);
    expect(await session.predict(PROMPT, true, signal)).toEqual(["m"]);
    expect(calls).toEqual(["upload", "predict a", "upload", "predict b"]);
  });

  it("is not sent again and again", async () => {
    const gone = new ApiError(410, "gone", "gone");
    const { session } = setUp([uploaded("a"), uploaded("b")], [gone, gone]);
    await expect(session.predict(PROMPT, true, signal)).rejects.toBe(gone);
  });

  it("waits as long as a busy server says, and gives up at last", async () => {
    const busy = new ApiError(503, "unavailable", "busy", 3);
    const patient = setUp([busy, uploaded("a")], [["m"]]);
    expect(await patient.session.predict(PROMPT, true, signal)).toEqual(["m"]);
    expect(patient.waits).toEqual([3, 3000]);
    const hopeless = setUp(new Array(9).fill(busy), []);
    await expect(hopeless.session.open()).rejects.toBe(busy);
    expect(hopeless.calls).toHaveLength(6);
  });

  it("can be sent again after a refusal", async () => {
    const { session } = setUp([new ApiError(0, "unreachable", "no"), uploaded("a")], [["m"]]);
    await expect(session.open()).rejects.toThrow("no");
    expect(await session.predict(PROMPT, true, signal)).toEqual(["m"]);
  });

  it("must have the size that the page shows", async () => {
    const { session } = setUp([{ id: "a", width: 6, height: 8 }], []);
    await expect(session.open()).rejects.toThrow("6 x 8 pixels there, 8 x 6 here");
  });

  it("is given up when the page shows another", async () => {
    const { session, calls } = setUp([uploaded("a")], []);
    await session.open();
    session.close();
    await expect(session.predict(PROMPT, true, signal)).rejects.toThrow("closed");
    expect(calls).toEqual(["upload"]);
  });
});

describe("an error of the server", () => {
  it("is read from the service's own shape, from a list of fields, and from anything else", () => {
    expect(failureOf(200, "", null)).toBeNull();
    expect(failureOf(503, '{"error":{"code":"unavailable","message":"full"}}', "7")).toMatchObject({
      status: 503, code: "unavailable", message: "full", retryAfterSeconds: 7,
    });
    const fields = '{"detail":[{"loc":["body","objects",0,"box"],"msg":"4 numbers"}]}';
    expect(failureOf(422, fields, null)?.message).toBe("objects.0.box: 4 numbers");
    expect(failureOf(502, "<html>", "Fri, 31 Dec 1999")).toMatchObject({
      message: "The server answered with status 502.", retryAfterSeconds: null,
    });
    expect(failureOf(500, "null", null)?.status).toBe(500);
  });
});
