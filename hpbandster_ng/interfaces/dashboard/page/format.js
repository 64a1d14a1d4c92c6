// Numbers and times for people.

export function number(value, digits = 5) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(Math.max(0, digits - 2)).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(digits)));
}

// As the plan of a run and the command line show it: not rounded.
export const budgetText = (value) => String(Number(value.toPrecision(12)));

export const count = (value) => value.toLocaleString("en");

const TWO_UNITS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${number(seconds, 2)} s`;
  if (seconds < 60) return `${number(seconds, 3)} s`;
  const [size, unit, part, smaller] = TWO_UNITS.find(([from]) => seconds >= from);
  return `${Math.floor(seconds / size)} ${unit} ${Math.floor((seconds % size) / part)} ${smaller}`;
}

export function clock(unix) {
  return unix ? new Date(unix * 1000).toLocaleString() : "–";
}

// One unit for a whole axis of seconds.
export function timeUnit(longest) {
  const units = [[172800, "d", 86400], [7200, "h", 3600], [300, "min", 60]];
  for (const [from, name, size] of units) if (longest >= from) return { name, size };
  return { name: "s", size: 1 };
}

export const named = (id) => `(${id.replace(/(\d)-/g, "$1, ")})`;

export const plural = (amount, one, many = `${one}s`) => `${count(amount)} ${amount === 1 ? one : many}`;
