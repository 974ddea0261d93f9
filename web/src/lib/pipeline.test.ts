import { describe, expect, it } from "vitest";
import { NODE_HEIGHT, NODE_WIDTH, place } from "./layout";
import { fromConfiguration, fromRun } from "./pipeline";

describe("a pipeline", () => {
  it("shows the resolved value with the reference it came from", () => {
    const { steps } = fromRun({
      id: "r", status: "running", created: "", sequence: 1,
      steps: [{
        name: "b", status: "running", base_task_id: "x", parents: ["a"],
        parameters: { "General/url": "${a.artifacts.d.url}", "General/size": 0.25 },
        resolved: { "General/url": "http://h/d", "General/size": 0.25 },
      }],
    });
    expect(steps[0]?.overrides).toEqual([
      { name: "General/url", value: "http://h/d", expression: "${a.artifacts.d.url}" },
      { name: "General/size", value: 0.25 },
    ]);
  });

  it("shows the reference itself until the step is launched", () => {
    const { steps } = fromRun({
      id: "r", status: "running", created: "", sequence: 1,
      steps: [{ name: "b", status: "blocked", base_task_id: "x", parameters: { p: "${a.id}" }, resolved: null }],
    });
    expect(steps[0]?.overrides).toEqual([{ name: "p", value: "${a.id}" }]);
  });

  it("is read from ClearML's configuration object", () => {
    const text = JSON.stringify({
      a: { executed: "t1", status: "completed", parents: null, parameters: {}, job_started: 10, job_ended: 12 },
      b: { executed: null, status: "pending", parents: ["a"], parameters: { "Args/x": 1 } },
    });
    const found = fromConfiguration(text);
    expect(found?.steps.map((step) => [step.name, step.status, step.task])).toEqual([
      ["a", "completed", "t1"], ["b", "blocked", undefined],
    ]);
    expect(found?.steps[0]?.startedAt).toBe(10_000);
  });

  it.each(["", "not json", "[]", "{}", '{"a": 1}', "null"])("is not read from %j", (text) => {
    expect(fromConfiguration(text)).toBeUndefined();
  });
});

describe("the layout", () => {
  const steps = Array.from({ length: 60 }, (_, at) => ({
    name: `s${at}`,
    parents: [at - 1, Math.floor(at / 3)].filter((p) => p >= 0 && p < at).map((p) => `s${p}`),
  }));

  it("puts every step right of its parents", () => {
    const at = new Map(place(steps).map((one) => [one.name, one]));
    for (const step of steps) {
      for (const parent of step.parents) expect(at.get(step.name)!.x).toBeGreaterThanOrEqual(at.get(parent)!.x + NODE_WIDTH);
    }
  });

  it("lets no two steps overlap, and says the same each time", () => {
    const placed = place(steps);
    expect(place(steps)).toEqual(placed);
    for (const [index, one] of placed.entries()) {
      for (const other of placed.slice(index + 1)) {
        expect(Math.abs(one.x - other.x) >= NODE_WIDTH || Math.abs(one.y - other.y) >= NODE_HEIGHT).toBe(true);
      }
    }
  });

  it("leaves out a parent that does not exist", () => {
    expect(place([{ name: "a", parents: ["gone"] }])).toHaveLength(1);
  });
});
