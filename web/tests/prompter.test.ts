import { describe, expect, it } from "vitest";
import { encode } from "../src/masks/rle";
import { Prompter, type Answer } from "../src/state/prompter";
import { EMPTY_SCENE, withEverything, withPrediction, type Candidate, type Prompt, type Scene } from "../src/state/scene";

const MASK: Candidate = {
  rle: encode({ width: 4, height: 4, bits: Uint8Array.from([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]) }),
  score: 0.9,
};

interface Question {
  prompt: Prompt;
  multimask: boolean;
  signal: AbortSignal;
  answer(masks: Candidate[]): void;
  refuse(error: Error): void;
}

function setUp(scene: Scene = EMPTY_SCENE) {
  const questions: Question[] = [];
  const answers: Answer[] = [];
  const errors: unknown[] = [];
  const state = { scene };
  const prompter = new Prompter(
    () => state.scene,
    (prompt, multimask, signal) =>
      new Promise((answer, refuse) => questions.push({ prompt, multimask, signal, answer, refuse })),
    { changed: () => undefined, answered: (answer) => answers.push(answer), failed: (error) => errors.push(error) },
  );
  const click = (x: number): void => prompter.change((prompt) => ({ ...prompt, points: [...prompt.points, { x, y: 1, label: 1 }] }));
  return { prompter, questions, answers, errors, state, click };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("prompts", () => {
  it("ask for three masks for a lone click and for one when more is known", async () => {
    const { questions, click } = setUp();
    click(1);
    click(2);
    expect(questions.map(({ multimask }) => multimask)).toEqual([true, false]);
    expect(questions[1].prompt.points.map(({ x }) => x)).toEqual([1, 2]);
  });

  it("join clicks made while the last one is being answered; only the newest answer counts", async () => {
    const { questions, answers, click, prompter } = setUp();
    click(1);
    click(2);
    expect(questions[0].signal.aborted).toBe(true);
    questions[0].answer([MASK]);
    questions[1].answer([MASK]);
    await settled();
    expect(answers).toEqual([{ objectId: null, prompt: questions[1].prompt, candidates: [MASK], late: false }]);
    expect(prompter.busy).toBe(false);
  });

  it("finish for their object when the person goes on to the next", async () => {
    const { questions, answers, click, prompter } = setUp();
    click(1);
    prompter.letGo();
    click(2);
    expect(questions[1].prompt.points.map(({ x }) => x)).toEqual([2]);
    questions[0].answer([MASK]);
    questions[1].answer([MASK]);
    await settled();
    expect(answers.map(({ late }) => late)).toEqual([true, false]);
  });

  it("are dropped with their answer when given up", async () => {
    const { questions, answers, errors, click, prompter } = setUp();
    click(1);
    prompter.cancel();
    questions[0].answer([MASK]);
    await settled();
    expect([answers, errors, prompter.prompt.points]).toEqual([[], [], []]);
  });

  it("are forgotten when refused, and the reason is told", async () => {
    const { questions, errors, click, prompter } = setUp();
    click(1);
    questions[0].refuse(new Error("no"));
    await settled();
    expect(errors).toEqual([new Error("no")]);
    expect(prompter.prompt.points).toEqual([]);
  });

  it("go on from what the active object was made with", () => {
    const made = withPrediction(EMPTY_SCENE, null, { points: [{ x: 7, y: 1, label: 1 }], box: null }, [MASK]);
    const { questions, click } = setUp(made);
    click(8);
    expect(questions[0].prompt.points.map(({ x }) => x)).toEqual([7, 8]);
  });

  it("refine an object that no prompt made within its own box", () => {
    const { questions, click } = setUp({ ...withEverything(EMPTY_SCENE, [MASK]), activeId: 1 });
    click(1);
    expect(questions[0].prompt.box).toEqual({ x0: 1, y0: 1, x1: 3, y1: 3 });
  });
});
