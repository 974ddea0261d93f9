// Console text as lines of styled pieces. Text only: nothing of a log ever becomes HTML.

export interface Piece {
  text: string;
  colour?: number; // 0–15
  bold?: boolean;
}

// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001b\[([0-9;]*)([A-Za-z])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-Z\\-_]/g;

/** Only what a carriage return left visible: progress bars show their last state. */
export function afterReturns(line: string): string {
  const parts = line.replace(/\r+$/, "").split("\r");
  return parts.at(-1) ?? "";
}

function styled(current: Omit<Piece, "text">, codes: string): Omit<Piece, "text"> {
  let style = { ...current };
  for (const code of (codes || "0").split(";").map(Number)) {
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 22) delete style.bold;
    else if (code >= 30 && code <= 37) style.colour = code - 30;
    else if (code >= 90 && code <= 97) style.colour = code - 82;
    else if (code === 39) delete style.colour;
    else if (code === 38 || code === 48) break; // 256 colours: left as they are
  }
  return style;
}

export function pieces(line: string): Piece[] {
  const text = afterReturns(line);
  const found: Piece[] = [];
  let style: Omit<Piece, "text"> = {};
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), ...style });
    if (match[2] === "m") style = styled(style, match[1] ?? "");
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), ...style });
  return found;
}
