// An ordinary program, in which the check should see nothing but imports, calls and names.
const fs = require("fs");
const path = require("node:path");
const text = fs.readFileSync(path.join("/workspace", "sales.csv"), "utf8");
const [head, ...lines] = text.trim().split(/\r?\n/);
const names = head.split(",");
const rows = lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])));
const sums = new Map();
for (const { region, amount } of rows) {
  sums.set(region, (sums.get(region) ?? 0) + Number(amount));
}
class Stats {
  #values = [];
  static from(values) { return new Stats(values); }
  constructor(values) { this.#values = [...values].sort((a, b) => a - b); }
  get mean() { return this.#values.reduce((a, b) => a + b, 0) / this.#values.length; }
  quantile(q) { const i = (this.#values.length - 1) * q; return this.#values[Math.floor(i)]; }
  *[Symbol.iterator]() { yield* this.#values; }
}
const stats = Stats.from(rows.map((r) => +r.amount));
console.log(`mean ${stats.mean.toFixed(2)}, median ${stats.quantile(0.5)}`);
const table = [...sums].map(([region, sum]) => ({ region, sum })).sort((a, b) => b.sum - a.sum);
console.table(table);
const clean = "a/b (c)".replace(/[^a-z]+/gi, "_").padEnd(10, "-");
async function load(name) {
  try {
    const data = JSON.parse(await fs.promises.readFile(name, "utf8"));
    return data?.items?.filter(({ tags = [] }) => tags.includes("x")) ?? [];
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return [];
  } finally {
    console.error("done");
  }
}
const results = await Promise.all(["a.json", "b.json"].map(load));
label: for (let i = 0, n = 10; i < n; i++) { for (;;) { if (i % 2) continue label; break; } }
const handlers = { add: (a, b) => a + b, neg: (a) => -a };
const key = process.argv[2] ?? "add";
console.log(handlers[key](1, 2), results.flat().length, typeof key === "string" ? key : void 0);
setTimeout(() => console.log(new Date().toISOString()), 10);
const ratio = rows.length / (lines.length || 1) / 2;
