// from: ordinary work on data
// expect: allowed
const rows = [["north", 3], ["south", 5]];
const best = rows.reduce((a, b) => (b[1] > a[1] ? b : a));
console.log(`${best[0]}: ${(best[1] / 8 * 100).toFixed(1)}%`, /s+/.test(best[0]));
