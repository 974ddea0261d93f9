import { describe, expect, it } from "vitest";
import { afterReturns, pieces } from "./ansi";
import { bytes, middle } from "./format";
import { drawn } from "./plots";
import { ago, duration, parseTime } from "./time";

describe("times", () => {
  it("without a zone are UTC", () => {
    expect(parseTime("2026-11-24T00:00:00")).toBe(Date.UTC(2026, 10, 24));
    expect(parseTime("2026-11-24T00:00:00+00:00")).toBe(Date.UTC(2026, 10, 24));
    expect(parseTime("nonsense")).toBeUndefined();
  });
  it.each([
    [900, "0.9 s"], [12_000, "12 s"], [59_700, "1 min 0 s"], [61_000, "1 min 1 s"], [3_660_000, "1 h 1 min"], [-5, "–"], [undefined, "–"],
  ])("of %s ms read %s", (length, text) => expect(duration(length)).toBe(text));
  it("are relative in lists", () => expect(ago(0, 240_000)).toBe("4 min ago"));
});

describe("console lines", () => {
  it("show the last state of a progress bar", () => expect(afterReturns("10%\r50%\r100%\r")).toBe("100%"));
  it("keep colours and drop other control sequences", () => {
    expect(pieces("\u001b[1;31mbad\u001b[0m\u001b[2K ok")).toEqual([{ text: "bad", colour: 1, bold: true }, { text: " ok" }]);
  });
});

describe("plots", () => {
  const event = (figure: object) => ({ plot_str: JSON.stringify(figure) });
  it("of one image need no Plotly", () => {
    const figure = { data: [], layout: { images: [{ source: "data:image/png;base64,AA" }] } };
    expect(drawn(event(figure))).toEqual({ kind: "image", source: "data:image/png;base64,AA" });
  });
  it("of one table need no Plotly, and lose their markup", () => {
    const figure = { data: [{ type: "table", header: { values: ["a"] }, cells: { values: [["<a href='x'>1</a>", 2]] } }] };
    expect(drawn(event(figure))).toEqual({ kind: "table", header: ["a"], rows: [["1"], ["2"]] });
  });
  it("that are not figures say so", () => expect(drawn({ plot_str: "{" }).kind).toBe("broken"));
});

describe("sizes and ids", () => {
  it("are short", () => {
    expect([bytes(0), bytes(1234), bytes(5_000_000)]).toEqual(["0 B", "1.23 kB", "5.00 MB"]);
    expect(middle("0123456789abcdef", 3)).toBe("012…def");
  });
});

describe("a figure recorded as an image", () => {
  it("may have an invisible trace that spans its axes", () => {
    const figure = {
      data: [{ mode: "markers", marker: { opacity: 0 }, x: [0, 640], y: [480, 0] }],
      layout: { images: [{ source: "data:image/png;base64,AA" }] },
    };
    expect(drawn({ plot_str: JSON.stringify(figure) }).kind).toBe("image");
  });
});
